package tpch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Change runs one cycle of changes in three transactions: new orders as RF1 of the
// specification, with a story; updates of all eight tables, with NULLs and changed
// keys; deletes of orders as RF2, and of some rows of each other table. It changes
// the result of each query, except by a rare coincidence; a test that counts on it
// has fixed seeds.
//
// Size is the number of orders inserted, updated and deleted, at least 1. All
// decisions are rng's and the database's, so the same calls after the same Load
// change the same rows.
func Change(ctx context.Context, conn *pgx.Conn, rng *rand.Rand, size int) error {
	size = max(1, size)
	var old *[8]int
	for _, step := range []func(context.Context, *cycle, int) error{insertOrders, update, remove} {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			c, err := newCycle(ctx, tx, rng)
			if err != nil {
				return err
			}
			if old == nil {
				old = &c.old
			}
			c.old = *old
			return step(ctx, c, size)
		})
		if err != nil {
			return fmt.Errorf("tpch: change: %w", err)
		}
	}
	return nil
}

// insertOrders is RF1 and one story.
func insertOrders(ctx context.Context, c *cycle, size int) error {
	pairs, err := c.block(ctx, partsuppTable, 2, size)
	if err != nil {
		return err
	}
	for range size {
		o := c.place(1+c.rng.IntN(c.last[customerTable]), between(c.rng, firstDay, lastDay))
		for range 1 + c.rng.IntN(7) {
			pair := pairs[c.rng.IntN(len(pairs))]
			o.add(pair[0], pair[1])
		}
	}
	c.story()
	return c.insert(ctx)
}

// least is how many rows from the first are neither updated nor deleted, since
// stories need them as they are.
var least = [8]int{supplierTable: leastSuppliers, customerTable: leastCustomers}

// block returns the keys, of width columns, of up to n neighbours in a table, from a
// random one on. They are older than the cycle, so that it does not undo its story.
func (c *cycle) block(ctx context.Context, table, width, n int) ([][]int, error) {
	t, from, to := tables[table], least[table]+1, c.old[table]
	from += c.rng.IntN(max(1, to-from+1))
	keys := strings.Join(t.keys(width), ", ")
	rows, err := c.tx.Query(ctx, fmt.Sprintf("SELECT ARRAY[%s] FROM %s WHERE %s BETWEEN $1 AND $2 ORDER BY %s LIMIT $3", keys, t.name, t.columns[0], keys), from, to, n)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[[]int])
}

// keys are the names of the key's columns.
func (t table) keys(width int) []string {
	if t.name == "lineitem" {
		return []string{"l_orderkey", "l_linenumber"}[:width]
	}
	return t.columns[:width]
}

// update changes rows of all tables, and keys of some.
func update(ctx context.Context, c *cycle, size int) error {
	rng, few := c.rng, max(1, size/10)
	for _, u := range []struct {
		table, width, count int
		fresh               func(key []int) []any // a row to take values from
	}{
		{partTable, 1, few, func(k []int) []any { return part(rng, k[0]) }},
		{supplierTable, 1, few, func(k []int) []any { return supplier(rng, rng.IntN(1_000), rng.IntN(len(nationNames))) }},
		{partsuppTable, 2, few, func(k []int) []any { return partsupp(rng, k[0], k[1]) }},
		{customerTable, 1, few, func(k []int) []any { return customer(rng, k[0], rng.IntN(len(nationNames))) }},
		{ordersTable, 1, size, func(k []int) []any {
			return newOrder(rng, k[0], 1+rng.IntN(c.old[customerTable]), between(rng, firstDay, lastDay)).row()
		}},
		{lineitemTable, 2, 2 * size, func(k []int) []any {
			o := newOrder(rng, k[0], 1, between(rng, firstDay, lastDay))
			o.add(1+rng.IntN(c.last[partTable]), 1+rng.IntN(c.last[supplierTable]))
			return o.line(0)
		}},
	} {
		keys, err := c.block(ctx, u.table, u.width, u.count)
		if err != nil {
			return err
		}
		if err := c.replace(ctx, tables[u.table], keys, u.fresh); err != nil {
			return err
		}
	}
	return c.updateRest(ctx)
}

// replace sets some columns of each row to those of a fresh row, or to NULL.
func (c *cycle) replace(ctx context.Context, t table, keys [][]int, fresh func([]int) []any) error {
	if len(keys) == 0 {
		return nil
	}
	names := t.keys(len(keys[0]))
	var chosen []int
	for _, i := range c.rng.Perm(len(t.columns)) {
		if !strings.Contains(strings.Join(names, " ")+" l_partkey l_suppkey", t.columns[i]) && (len(chosen) == 0 || c.rng.IntN(3) == 0) {
			chosen = append(chosen, i)
		}
	}
	set, where := make([]string, len(chosen)), make([]string, len(names))
	for i, column := range chosen {
		set[i] = fmt.Sprintf("%s = $%d", t.columns[column], i+1)
	}
	for i, name := range names {
		where[i] = fmt.Sprintf("%s = $%d", name, len(set)+i+1)
	}
	sql := fmt.Sprintf("UPDATE %s SET %s WHERE %s", t.name, strings.Join(set, ", "), strings.Join(where, " AND "))
	batch := &pgx.Batch{}
	for _, key := range keys {
		row := fresh(key)
		var values []any
		for _, i := range chosen {
			if c.rng.IntN(12) == 0 {
				row[i] = nil
			}
			values = append(values, row[i])
		}
		for _, k := range key {
			values = append(values, k)
		}
		batch.Queue(sql, values...)
	}
	return c.tx.SendBatch(ctx, batch).Close()
}

// movable is a nation that no query names, of Asia at first.
const movable = "INDONESIA"

// updateRest changes regions, nations, and keys: of an order with its lines, of a
// customer without, of a supply, and of the lines within an order.
func (c *cycle) updateRest(ctx context.Context) error {
	var comment any = text(c.rng, 5)
	if c.rng.IntN(4) == 0 {
		comment = nil
	}
	orders, err := c.block(ctx, ordersTable, 1, 2)
	if err != nil || len(orders) == 0 {
		return err
	}
	customers, err := c.block(ctx, customerTable, 1, 1)
	if err != nil || len(customers) == 0 {
		return err
	}
	key := c.key(ordersTable)
	for _, s := range []struct {
		sql  string
		args []any
	}{
		{"UPDATE region SET r_comment = $1 WHERE r_regionkey = $2", []any{comment, c.rng.IntN(len(regionNames))}},
		{"UPDATE nation SET n_comment = $1 WHERE n_nationkey = $2", []any{comment, c.rng.IntN(len(nationNames))}},
		{"UPDATE nation SET n_regionkey = $1 WHERE n_name = $2", []any{c.rng.IntN(len(regionNames)), movable}},
		{"UPDATE lineitem SET l_orderkey = $1 WHERE l_orderkey = $2", []any{key, orders[0][0]}},
		{"UPDATE orders SET o_orderkey = $1 WHERE o_orderkey = $2", []any{key, orders[0][0]}},
		{"UPDATE lineitem SET l_linenumber = l_linenumber + 100 WHERE l_orderkey = $1", []any{orders[len(orders)-1][0]}},
		{"UPDATE customer SET c_custkey = $1 WHERE c_custkey = $2", []any{c.key(customerTable), customers[0][0]}},
		{"UPDATE partsupp SET ps_suppkey = $1 WHERE (ps_partkey, ps_suppkey) = (SELECT ps_partkey, ps_suppkey FROM partsupp WHERE ps_partkey BETWEEN $2 AND $3 ORDER BY 1, 2 LIMIT 1)" +
			" AND NOT EXISTS (SELECT FROM partsupp AS p WHERE p.ps_partkey = partsupp.ps_partkey AND p.ps_suppkey = $1)",
			[]any{1 + c.rng.IntN(c.last[supplierTable]), 1 + c.rng.IntN(c.old[partTable]), c.old[partTable]}},
	} {
		if _, err := c.tx.Exec(ctx, s.sql, s.args...); err != nil {
			return fmt.Errorf("%s: %w", s.sql, err)
		}
	}
	return nil
}

// remove is RF2, and takes a row from each other table. A region and a nation that
// no query names come and go.
func remove(ctx context.Context, c *cycle, size int) error {
	orders, err := c.block(ctx, ordersTable, 1, size)
	if err != nil {
		return err
	}
	keys := make([]int, len(orders))
	for i, k := range orders {
		keys[i] = k[0]
	}
	for _, sql := range []string{"DELETE FROM lineitem WHERE l_orderkey = ANY ($1)", "DELETE FROM orders WHERE o_orderkey = ANY ($1)"} {
		if _, err := c.tx.Exec(ctx, sql, keys); err != nil {
			return err
		}
	}
	for _, table := range []int{partTable, supplierTable, customerTable, partsuppTable} {
		key, err := c.block(ctx, table, 1, 1)
		if err != nil {
			return err
		}
		if len(key) == 0 {
			continue
		}
		if _, err := c.tx.Exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE %s = $1", tables[table].name, tables[table].columns[0]), key[0][0]); err != nil {
			return err
		}
	}
	for _, sql := range []string{
		"WITH gone AS (DELETE FROM nation WHERE n_nationkey = 14 RETURNING 1) INSERT INTO nation SELECT 14, 'KENYA', 0, NULL WHERE NOT EXISTS (SELECT FROM gone)",
		"WITH gone AS (DELETE FROM region WHERE r_regionkey = 0 RETURNING 1) INSERT INTO region SELECT 0, 'AFRICA', NULL WHERE NOT EXISTS (SELECT FROM gone)",
	} {
		if _, err := c.tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}
