package lawtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// crowd is how many rows a table has before no more are inserted.
const crowd = 40

// Transaction makes a transaction: BEGIN, statements over one or more tables, some in
// savepoints that are rolled back, and COMMIT, or now and then ROLLBACK.
func (c *Case) Transaction(rng *rand.Rand) []string {
	list := []string{"BEGIN"}
	savepoints := 0
	for range 1 + rng.IntN(6) {
		switch rng.IntN(10) {
		case 0:
			savepoints++
			list = append(list, fmt.Sprintf("SAVEPOINT s%d", savepoints))
		case 1:
			if savepoints > 0 {
				end := []string{"ROLLBACK TO s%d", "ROLLBACK TO s%d", "RELEASE s%d"}[rng.IntN(3)]
				list = append(list, fmt.Sprintf(end, savepoints))
				if strings.HasPrefix(end, "RELEASE") {
					savepoints--
				}
				continue
			}
			fallthrough
		default:
			list = append(list, c.statement(rng)...)
		}
	}
	if rng.IntN(10) == 0 {
		return append(list, "ROLLBACK")
	}
	return append(list, "COMMIT")
}

// statement makes one change of a table, or a few that belong together.
func (c *Case) statement(rng *rand.Rand) []string {
	t := c.tables[rng.IntN(len(c.tables))]
	switch rng.IntN(16) {
	case 0, 1, 2, 3:
		return []string{t.insert(rng, 1+rng.IntN(4))}
	case 4:
		return []string{t.repeat(rng)}
	case 5, 6, 7, 8:
		return []string{t.update(rng)}
	case 9:
		return []string{t.rekey(rng)}
	case 10, 11:
		return []string{t.delete(rng)}
	case 12:
		return []string{t.upsert(rng)}
	case 13: // The same rows twice in one transaction.
		u := t.update(rng)
		return []string{u, t.update(rng), u}
	case 14: // A key that goes and comes back.
		where := t.where(rng)
		return []string{fmt.Sprintf("DELETE FROM %s WHERE %s", t.name, where), t.insert(rng, 3)}
	}
	if rng.IntN(3) > 0 {
		return []string{t.delete(rng)}
	}
	other := c.tables[rng.IntN(len(c.tables))]
	if other == t || rng.IntN(2) == 0 {
		return []string{"TRUNCATE " + t.name}
	}
	return []string{fmt.Sprintf("TRUNCATE %s, %s", t.name, other.name)}
}

// insert makes an INSERT of n rows, as long as the table is not crowded. Rows whose
// key exists are left out.
func (t *table) insert(rng *rand.Rand, n int) string {
	rows := make([]string, n)
	for i := range rows {
		if i > 0 && rng.IntN(5) == 0 {
			rows[i] = rows[i-1] // A duplicate, where there is no key.
			continue
		}
		plain := t.plain()
		values := make([]string, len(plain))
		for j, c := range plain {
			values[j] = c.typ.value(rng, c.notNull) + "::" + c.typ.name
		}
		rows[i] = "(" + strings.Join(values, ", ") + ")"
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT * FROM (VALUES %s) AS v WHERE (SELECT count(*) FROM %s) < %d%s",
		t.name, t.list(), strings.Join(rows, ", "), t.name, crowd, t.onConflict("DO NOTHING"))
}

// list names the columns that are written.
func (t *table) list() string {
	var names []string
	for _, c := range t.plain() {
		names = append(names, c.sql)
	}
	return strings.Join(names, ", ")
}

// onConflict is the clause for tables with a key.
func (t *table) onConflict(do string) string {
	if len(t.key) == 0 {
		return ""
	}
	return fmt.Sprintf(" ON CONFLICT (%s) %s", strings.Join(t.names(t.key), ", "), do)
}

// repeat inserts rows that exist once more, where there is no key.
func (t *table) repeat(rng *rand.Rand) string {
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s WHERE %s AND (SELECT count(*) FROM %s) < %d%s",
		t.name, t.list(), t.list(), t.name, t.where(rng), t.name, crowd, t.onConflict("DO NOTHING"))
}

// upsert inserts a row or changes the one that has its key.
func (t *table) upsert(rng *rand.Rand) string {
	insert := t.insert(rng, 1)
	rest := t.rest()
	if len(t.key) == 0 || len(rest) == 0 {
		return insert
	}
	c := t.columns[rest[rng.IntN(len(rest))]]
	return strings.TrimSuffix(insert, "DO NOTHING") + fmt.Sprintf("DO UPDATE SET %s = excluded.%s", c.sql, c.sql)
}

// rest are the columns that are written and not of the key.
func (t *table) rest() []int {
	var list []int
	for i, c := range t.columns {
		if c.generated == "" && (len(t.key) == 0 || i != t.key[0] && i != t.key[len(t.key)-1]) {
			list = append(list, i)
		}
	}
	return list
}

// update sets some columns that are not of the key: to constants, to NULL, to
// themselves, or to another row's value.
func (t *table) update(rng *rand.Rand) string {
	rest := t.rest()
	if len(rest) == 0 {
		return t.delete(rng)
	}
	var set []string
	for _, i := range rest {
		if len(set) > 0 && rng.IntN(3) > 0 || len(set) == 0 && i != rest[len(rest)-1] && rng.IntN(2) == 0 {
			continue
		}
		c := t.columns[i]
		value := c.typ.value(rng, c.notNull)
		switch rng.IntN(6) {
		case 0:
			value = c.sql
		case 1:
			if c.typ.ordered {
				value = fmt.Sprintf("coalesce((SELECT min(%s) FROM %s), %s::%s)", c.sql, t.name, c.typ.value(rng, true), c.typ.name)
			}
		}
		set = append(set, fmt.Sprintf("%s = %s", c.sql, value))
	}
	return fmt.Sprintf("UPDATE %s SET %s WHERE %s", t.name, strings.Join(set, ", "), t.where(rng))
}

// rekey moves rows to another key, if that is free.
func (t *table) rekey(rng *rand.Rand) string {
	if len(t.key) == 0 {
		return t.update(rng)
	}
	from, to, set := make([]string, len(t.key)), make([]string, len(t.key)), make([]string, len(t.key))
	for i, p := range t.key {
		c := t.columns[p]
		target := c.typ.value(rng, true) + "::" + c.typ.name
		from[i] = fmt.Sprintf("%s = %s::%s", c.sql, c.typ.value(rng, true), c.typ.name)
		to[i] = fmt.Sprintf("o.%s = %s", c.sql, target)
		set[i] = fmt.Sprintf("%s = %s", c.sql, target)
	}
	return fmt.Sprintf("UPDATE %s SET %s WHERE %s AND NOT EXISTS (SELECT FROM %s AS o WHERE %s)",
		t.name, strings.Join(set, ", "), strings.Join(from, " AND "), t.name, strings.Join(to, " AND "))
}

// delete removes the rows of a condition.
func (t *table) delete(rng *rand.Rand) string {
	return fmt.Sprintf("DELETE FROM %s WHERE %s", t.name, t.where(rng))
}

// where is a condition that some rows meet.
func (t *table) where(rng *rand.Rand) string {
	c := t.columns[rng.IntN(len(t.columns))]
	switch rng.IntN(5) {
	case 0:
		return c.sql + " IS NULL"
	case 1:
		return fmt.Sprintf("%s > %s::%s", c.sql, c.typ.value(rng, true), c.typ.name)
	case 2:
		return fmt.Sprintf("k %% 3 = %d", rng.IntN(3))
	}
	return fmt.Sprintf("%s = %s::%s", c.sql, c.typ.value(rng, true), c.typ.name)
}
