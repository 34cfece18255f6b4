package tpch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// firstStories is the number of stories that Load tells.
const firstStories = 3

// cycle collects new rows of one transaction.
type cycle struct {
	tx   pgx.Tx
	rng  *rand.Rand
	last [8]int // the largest key of each table, or its first column
	old  [8]int // the same before Change began
	rows [8][][]any
	made []*order
}

// The tables' positions.
const (
	regionTable = iota
	nationTable
	partTable
	supplierTable
	partsuppTable
	customerTable
	ordersTable
	lineitemTable
)

// newCycle looks up the keys that are taken.
func newCycle(ctx context.Context, tx pgx.Tx, rng *rand.Rand) (*cycle, error) {
	c := &cycle{tx: tx, rng: rng}
	for _, i := range []int{partTable, supplierTable, customerTable, ordersTable} {
		t := tables[i]
		if err := tx.QueryRow(ctx, fmt.Sprintf("SELECT coalesce(max(%s), 0) FROM %s", t.columns[0], t.name)).Scan(&c.last[i]); err != nil {
			return nil, fmt.Errorf("tpch: largest key of %s: %w", t.name, err)
		}
	}
	// Supplies outlive their part.
	if err := tx.QueryRow(ctx, "SELECT greatest($1, max(ps_partkey)) FROM partsupp", c.last[partTable]).Scan(&c.last[partTable]); err != nil {
		return nil, fmt.Errorf("tpch: largest key of partsupp: %w", err)
	}
	c.last[partsuppTable], c.last[lineitemTable] = c.last[partTable], c.last[ordersTable]
	c.old = c.last
	return c, nil
}

// key returns a new key of a table.
func (c *cycle) key(table int) int {
	c.last[table]++
	return c.last[table]
}

// add adds a row for insert and returns it for changing it.
func (c *cycle) add(table int, row []any) []any {
	c.rows[table] = append(c.rows[table], row)
	return row
}

// place makes an order with a new key.
func (c *cycle) place(customer int, day time.Time) *order {
	o := newOrder(c.rng, c.key(ordersTable), customer, day)
	c.made = append(c.made, o)
	return o
}

// insert writes what has been collected.
func (c *cycle) insert(ctx context.Context) error {
	for _, o := range c.made {
		c.add(ordersTable, o.row())
		for i := range o.lines {
			c.add(lineitemTable, o.line(i))
		}
	}
	for i, rows := range c.rows {
		if len(rows) == 0 {
			continue
		}
		if _, err := c.tx.CopyFrom(ctx, pgx.Identifier{tables[i].name}, tables[i].columns, pgx.CopyFromRows(rows)); err != nil {
			return fmt.Errorf("tpch: insert into %s: %w", tables[i].name, err)
		}
	}
	c.rows, c.made = [8][][]any{}, nil
	return nil
}

// cast is who and what a story is about.
type cast struct {
	forest, steel, promo int // parts
	canada, saudi        int // suppliers
	buyer                int // customer
}

// story adds rows that change the result of each of the 22 queries: new parts,
// suppliers and customers, and orders of the past that the queries look at.
func (c *cycle) story() {
	s := c.introduce()
	c.q03q07q09q19(s)
	c.q04()
	c.q05q06q12q20(s)
	c.q08(s)
	c.q10(s)
	c.q14q15(s)
	c.q17q18(s)
	c.q21(s)
}

// introduce adds the story's parts, suppliers and customers. With them change Q2,
// Q11 (the value of the part's supply from Germany), Q13, Q16 and Q22.
func (c *cycle) introduce() cast {
	rng := c.rng
	s := cast{
		forest: c.key(partTable), steel: c.key(partTable), promo: c.key(partTable),
		canada: c.key(supplierTable), saudi: c.key(supplierTable), buyer: c.key(customerTable),
	}
	p := c.add(partTable, part(rng, s.forest))
	p[1], p[3], p[4], p[5], p[6] = "forest green "+pick(rng, colors), "Brand#34", pick(rng, sizes)+" "+pick(rng, finishes)+" BRASS", 15, "LG CASE"
	p = c.add(partTable, part(rng, s.steel))
	p[3], p[4], p[6] = "Brand#23", "ECONOMY ANODIZED STEEL", "MED BOX"
	p = c.add(partTable, part(rng, s.promo))
	p[3], p[4], p[5] = fmt.Sprintf("Brand#%d%d", 1+rng.IntN(3), 1+rng.IntN(5)), "PROMO "+pick(rng, finishes)+" "+pick(rng, metals), []int{49, 14, 23, 45, 19, 3, 36, 9}[rng.IntN(8)]
	c.add(supplierTable, supplier(rng, s.canada, canada))[6] = text(rng, 6)
	c.add(supplierTable, supplier(rng, s.saudi, saudiArabia))
	for _, pair := range [][2]int{{s.forest, supplierFrance}, {s.forest, s.canada}, {s.forest, s.saudi}, {s.steel, supplierGermany}, {s.steel, supplierBrazil},
		{s.steel, supplierFrance}, {s.promo, supplierFrance}, {s.promo, supplierChina}, {s.promo, s.canada}} {
		row := c.add(partsuppTable, partsupp(rng, pair[0], pair[1]))
		if pair[1] == s.canada || pair[1] == supplierGermany {
			row[2], row[3] = 9_999, cents(100_000-rng.IntN(100))
		}
	}
	c.add(customerTable, customer(rng, s.buyer, germany))[6] = "BUILDING"
	c.add(customerTable, customer(rng, c.key(customerTable), canada))[5] = cents(999_999 - rng.IntN(1_000))
	return s
}

// take sets a line's quantity, and its price with something haggled over.
func (o *order) take(l *line, quantity int) *line {
	l.quantity, l.price = 100*quantity, quantity*retailPrice(l.part)-o.rng.IntN(1_000)
	return l
}

// send sets when a line was shipped, committed and received.
func (l *line) send(shipped, committed, received time.Time) *line {
	l.shipped, l.committed, l.received = shipped, committed, received
	return l
}

func (c *cycle) q03q07q09q19(s cast) {
	o := c.place(s.buyer, date(1995, 3, 1))
	l := o.take(o.add(s.forest, supplierFrance), 20+c.rng.IntN(11))
	l.send(date(1995, 3, 20), date(1995, 4, 1), date(1995, 3, 25))
	l.instruction, l.mode = instructions[0], "AIR"
}

// q04 has orders of few priorities but in a random number, as all counts here: so
// the end of an older story in the same cycle hardly ever balances this one.
func (c *cycle) q04() {
	for range 2 + c.rng.IntN(5) {
		o := c.place(customerGermany, between(c.rng, date(1993, 7, 1), date(1993, 9, 30)))
		o.priority = priorities[c.rng.IntN(2)]
		o.add(1, supplierFrance).send(o.day.AddDate(0, 0, 10), o.day.AddDate(0, 0, 20), o.day.AddDate(0, 0, 30))
	}
}

func (c *cycle) q05q06q12q20(s cast) {
	o := c.place(customerChina, date(1994, 5, 1))
	o.priority = priorities[c.rng.IntN(2)]
	for range 4 + c.rng.IntN(9) {
		l := o.take(o.add(s.promo, supplierChina), 1+c.rng.IntN(20)).send(date(1994, 5, 10), date(1994, 5, 20), date(1994, 6, 1))
		l.discount, l.mode = 6, []string{"MAIL", "SHIP"}[c.rng.IntN(2)]
	}
	l := o.take(o.add(s.forest, s.canada), 10).send(date(1994, 5, 10), date(1994, 6, 20), date(1994, 6, 1))
	l.mode = "FOB"
}

func (c *cycle) q08(s cast) {
	o := c.place(customerCanada, date(1995, 6, 20))
	for _, supplier := range []int{supplierBrazil, supplierFrance} {
		o.take(o.add(s.steel, supplier), 40+c.rng.IntN(10))
	}
}

func (c *cycle) q10(s cast) {
	o := c.place(s.buyer, date(1993, 11, 1))
	o.add(s.promo, supplierFrance).flag = "R"
}

// q14q15 has one line dearer than what any supplier earns in a quarter.
func (c *cycle) q14q15(s cast) {
	o := c.place(customerGermany, date(1995, 8, 20))
	for _, part := range []int{s.promo, s.forest} {
		o.take(o.add(part, supplierFrance), 1+c.rng.IntN(50)).send(date(1995, 9, 10), date(1995, 9, 20), date(1995, 9, 30))
	}
	o = c.place(customerChina, date(1996, 1, 20))
	o.add(s.promo, supplierChina).send(date(1996, 2, 1), date(1996, 2, 20), date(1996, 2, 10)).price = 500_000_000 + c.rng.IntN(1_000)
}

// q17q18 has a big order, and in it one piece of the part that all others take by
// the dozen.
func (c *cycle) q17q18(s cast) {
	o := c.place(s.buyer, between(c.rng, firstDay, lastDay))
	for range 7 {
		o.take(o.add(s.steel, supplierGermany), 50)
	}
	o.take(o.add(s.steel, supplierBrazil), 1)
}

func (c *cycle) q21(s cast) {
	o := c.place(customerGermany, date(1993, 1, 1))
	o.add(s.forest, s.saudi).send(date(1993, 2, 1), date(1993, 3, 1), date(1993, 4, 1))
	o.add(s.steel, supplierFrance).send(date(1993, 2, 1), date(1993, 3, 1), date(1993, 2, 10))
}
