// Package tpch is a workload after TPC-H for tests and benchmarks: its eight tables,
// a seeded generator, its 22 queries, and cycles of changes.
//
// It is not a TPC benchmark, and its numbers compare with no published ones. It
// departs from the specification where maintained views need it: columns other than
// keys may be NULL, there are no foreign keys, queries have neither ORDER BY nor
// LIMIT, texts come from a short list of words, and every scale and every cycle has
// rows that each query selects.
//
// Source: TPC Benchmark H, revision 3.0.1, chapters 1, 2 and 4.
package tpch

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/jackc/pgx/v5"
)

// A table and the statement that creates it.
type table struct {
	name    string
	columns []string
	create  string
}

// tables are in the order in which they refer to each other.
var tables = []table{
	{"region", []string{"r_regionkey", "r_name", "r_comment"}, `CREATE TABLE region (
	r_regionkey int PRIMARY KEY, r_name char(25), r_comment varchar(152))`},
	{"nation", []string{"n_nationkey", "n_name", "n_regionkey", "n_comment"}, `CREATE TABLE nation (
	n_nationkey int PRIMARY KEY, n_name char(25), n_regionkey int, n_comment varchar(152))`},
	{"part", []string{"p_partkey", "p_name", "p_mfgr", "p_brand", "p_type", "p_size", "p_container", "p_retailprice", "p_comment"},
		`CREATE TABLE part (
	p_partkey int PRIMARY KEY, p_name varchar(55), p_mfgr char(25), p_brand char(10), p_type varchar(25), p_size int,
	p_container char(10), p_retailprice numeric(15,2), p_comment varchar(23))`},
	{"supplier", []string{"s_suppkey", "s_name", "s_address", "s_nationkey", "s_phone", "s_acctbal", "s_comment"}, `CREATE TABLE supplier (
	s_suppkey int PRIMARY KEY, s_name char(25), s_address varchar(40), s_nationkey int, s_phone char(15),
	s_acctbal numeric(15,2), s_comment varchar(101))`},
	{"partsupp", []string{"ps_partkey", "ps_suppkey", "ps_availqty", "ps_supplycost", "ps_comment"}, `CREATE TABLE partsupp (
	ps_partkey int, ps_suppkey int, ps_availqty int, ps_supplycost numeric(15,2), ps_comment varchar(199),
	PRIMARY KEY (ps_partkey, ps_suppkey))`},
	{"customer", []string{"c_custkey", "c_name", "c_address", "c_nationkey", "c_phone", "c_acctbal", "c_mktsegment", "c_comment"},
		`CREATE TABLE customer (
	c_custkey int PRIMARY KEY, c_name varchar(25), c_address varchar(40), c_nationkey int, c_phone char(15),
	c_acctbal numeric(15,2), c_mktsegment char(10), c_comment varchar(117))`},
	{"orders", []string{"o_orderkey", "o_custkey", "o_orderstatus", "o_totalprice", "o_orderdate", "o_orderpriority", "o_clerk", "o_shippriority", "o_comment"},
		`CREATE TABLE orders (
	o_orderkey int PRIMARY KEY, o_custkey int, o_orderstatus char(1), o_totalprice numeric(15,2), o_orderdate date,
	o_orderpriority char(15), o_clerk char(15), o_shippriority int, o_comment varchar(79))`},
	{"lineitem", []string{"l_orderkey", "l_partkey", "l_suppkey", "l_linenumber", "l_quantity", "l_extendedprice", "l_discount", "l_tax",
		"l_returnflag", "l_linestatus", "l_shipdate", "l_commitdate", "l_receiptdate", "l_shipinstruct", "l_shipmode", "l_comment"},
		`CREATE TABLE lineitem (
	l_orderkey int, l_partkey int, l_suppkey int, l_linenumber int, l_quantity numeric(15,2), l_extendedprice numeric(15,2),
	l_discount numeric(15,2), l_tax numeric(15,2), l_returnflag char(1), l_linestatus char(1), l_shipdate date, l_commitdate date,
	l_receiptdate date, l_shipinstruct char(25), l_shipmode char(10), l_comment varchar(44),
	PRIMARY KEY (l_orderkey, l_linenumber))`},
}

// Tables returns the statements that create the eight tables, in the first schema of
// the search path.
func Tables() []string {
	var list []string
	for _, t := range tables {
		list = append(list, t.create)
	}
	return list
}

// Load fills the empty tables. Scale 1 is 6 million lines and about 1 GB; any
// positive scale works, and each query has rows at all of them. The same scale and
// seed give the same rows. Rows are streamed, and at the end the tables analysed.
func Load(ctx context.Context, conn *pgx.Conn, scale float64, seed uint64) error {
	if !(scale > 0) {
		return fmt.Errorf("tpch: scale %g, want more than 0", scale)
	}
	g := newGenerator(scale, seed)
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("tpch: load: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // without effect after Commit
	for i, rows := range []func(func(...any) bool){g.regions, g.nations, g.parts, g.suppliers, g.partsupps, g.customers, g.orders, g.lines} {
		if err := copyRows(ctx, tx, tables[i], rows); err != nil {
			return err
		}
	}
	c, err := newCycle(ctx, tx, rand.New(rand.NewPCG(seed, 1)))
	if err != nil {
		return err
	}
	for range firstStories {
		c.story()
	}
	if err := c.insert(ctx); err != nil {
		return err
	}
	for _, t := range tables {
		if _, err := tx.Exec(ctx, "ANALYZE "+t.name); err != nil {
			return fmt.Errorf("tpch: analyse %s: %w", t.name, err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("tpch: load: %w", err)
	}
	return nil
}

// copyRows streams what rows yields into a table.
func copyRows(ctx context.Context, tx pgx.Tx, t table, rows func(func(...any) bool)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream := make(chan []any, 256)
	go func() {
		defer close(stream)
		rows(func(values ...any) bool {
			select {
			case stream <- values:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	next := func() ([]any, error) {
		values, ok := <-stream
		if !ok {
			return nil, ctx.Err()
		}
		return values, nil
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromFunc(next))
	cancel()
	for range stream { // Until the goroutine has ended.
	}
	if err != nil {
		return fmt.Errorf("tpch: copy %s: %w", t.name, err)
	}
	return nil
}
