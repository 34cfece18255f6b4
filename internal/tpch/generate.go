package tpch

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// generator yields the rows of a scale. Each row is made from a random source of its
// own, seeded by its key, so that lines and their order can be made apart.
type generator struct {
	seed                                                uint64
	partCount, supplierCount, customerCount, orderCount int
}

// Suppliers and customers that stories need come first, whatever the scale.
const (
	leastSuppliers, leastCustomers                                 = 8, 15
	supplierFrance, supplierGermany, supplierBrazil, supplierChina = 1, 2, 3, 4
	customerGermany, customerChina, customerCanada                 = 1, 2, 4
)

var (
	supplierNations = map[int]int{supplierFrance: france, supplierGermany: germany, supplierBrazil: brazil, supplierChina: china, 5: canada, 6: saudiArabia}
	customerNations = map[int]int{customerGermany: germany, customerChina: china, customerCanada: canada}
)

func newGenerator(scale float64, seed uint64) *generator {
	count := func(perScale float64, least int) int { return max(least, int(perScale*scale)) }
	return &generator{
		seed:          seed,
		partCount:     count(200_000, 20),
		supplierCount: count(10_000, leastSuppliers),
		customerCount: count(150_000, leastCustomers),
		orderCount:    count(1_500_000, 30),
	}
}

// source is the random source of one row.
func (g *generator) source(table, key int) *rand.Rand {
	return rand.New(rand.NewPCG(g.seed^uint64(table)<<56, uint64(key)))
}

func (g *generator) regions(yield func(...any) bool) {
	for i, name := range regionNames {
		if !yield(i, name, text(g.source(0, i), 5)) {
			return
		}
	}
}

func (g *generator) nations(yield func(...any) bool) {
	for i, name := range nationNames {
		if !yield(i, name, nationRegions[i], text(g.source(1, i), 5)) {
			return
		}
	}
}

// retailPrice of a part, in cents: between 900 and 2100.
func retailPrice(key int) int { return 90_000 + key/10%20_001 + 100*(key%1_000) }

func (g *generator) parts(yield func(...any) bool) {
	for key := 1; key <= g.partCount; key++ {
		if !yield(part(g.source(2, key), key)...) {
			return
		}
	}
}

// part returns a row of table part with random properties.
func part(rng *rand.Rand, key int) []any {
	kind := pick(rng, sizes) + " " + pick(rng, finishes) + " " + pick(rng, metals)
	container := pick(rng, boxSizes) + " " + pick(rng, boxes)
	return []any{key, partName(rng), fmt.Sprintf("Manufacturer#%d", 1+rng.IntN(5)), brand(rng), kind, 1 + rng.IntN(50), container, cents(retailPrice(key)), text(rng, 1)}
}

func (g *generator) suppliers(yield func(...any) bool) {
	for key := 1; key <= g.supplierCount; key++ {
		rng := g.source(3, key)
		nation, ok := supplierNations[key]
		if !ok {
			nation = rng.IntN(len(nationNames))
		}
		if !yield(supplier(rng, key, nation)...) {
			return
		}
	}
}

// supplier returns a row of table supplier. One of seven has complaints.
func supplier(rng *rand.Rand, key, nation int) []any {
	comment := text(rng, 6)
	if key%7 == 0 {
		comment = "Customer " + text(rng, 2) + " Complaints"
	}
	return []any{key, fmt.Sprintf("Supplier#%09d", key), text(rng, 3), nation, phone(rng, nation), cents(rng.IntN(1_100_000) - 100_000), comment}
}

// supplierOf gives the four suppliers of a part: four steps of less than a third of
// the way around.
func (g *generator) supplierOf(part, i int) int {
	step := 1 + (g.supplierCount/4+(part-1)/g.supplierCount)%((g.supplierCount-1)/3)
	return 1 + (part+i*step)%g.supplierCount
}

func (g *generator) partsupps(yield func(...any) bool) {
	for key := 1; key <= g.partCount; key++ {
		rng := g.source(4, key)
		for i := range 4 {
			if !yield(partsupp(rng, key, g.supplierOf(key, i))...) {
				return
			}
		}
	}
}

// partsupp returns a row of table partsupp.
func partsupp(rng *rand.Rand, part, supplier int) []any {
	return []any{part, supplier, 1 + rng.IntN(9_999), cents(100 + rng.IntN(99_901)), text(rng, 10)}
}

func (g *generator) customers(yield func(...any) bool) {
	for key := 1; key <= g.customerCount; key++ {
		rng := g.source(5, key)
		nation, ok := customerNations[key]
		if !ok {
			nation = rng.IntN(len(nationNames))
		}
		if !yield(customer(rng, key, nation)...) {
			return
		}
	}
}

// customer returns a row of table customer.
func customer(rng *rand.Rand, key, nation int) []any {
	return []any{key, fmt.Sprintf("Customer#%09d", key), text(rng, 3), nation, phone(rng, nation), cents(rng.IntN(1_100_000) - 100_000), pick(rng, segments), text(rng, 8)}
}

func (g *generator) orders(yield func(...any) bool) {
	for key := 1; key <= g.orderCount; key++ {
		if !yield(g.order(key).row()...) {
			return
		}
	}
}

func (g *generator) lines(yield func(...any) bool) {
	for key := 1; key <= g.orderCount; key++ {
		o := g.order(key)
		for i := range o.lines {
			if !yield(o.line(i)...) {
				return
			}
		}
	}
}

// order makes the order with a key, with its lines.
func (g *generator) order(key int) *order {
	rng := g.source(6, key)
	customer := 1 + rng.IntN(g.customerCount)
	if customer%3 == 0 {
		customer-- // A third of the customers never orders.
	}
	o := newOrder(rng, key, customer, between(rng, firstDay, lastDay))
	for range 1 + rng.IntN(7) {
		part := 1 + rng.IntN(g.partCount)
		o.add(part, g.supplierOf(part, rng.IntN(4)))
	}
	return o
}

// order is an order with its lines.
type order struct {
	rng               *rand.Rand
	key, customer     int
	day               time.Time
	priority, comment string
	lines             []*line
}

// line is one line of an order. Its money is in cents, as are quantity and discount.
type line struct {
	part, supplier                 int
	quantity, price, discount, tax int
	shipped, committed, received   time.Time
	flag                           string // "" for what follows from the dates
	instruction, mode              string
	comment                        string
}

func newOrder(rng *rand.Rand, key, customer int, day time.Time) *order {
	return &order{rng: rng, key: key, customer: customer, day: day, priority: pick(rng, priorities), comment: text(rng, 6)}
}

// add adds a line with random properties and returns it for changing them.
func (o *order) add(part, supplier int) *line {
	shipped := o.day.AddDate(0, 0, 1+o.rng.IntN(121))
	l := &line{
		part: part, supplier: supplier,
		quantity: 100 * (1 + o.rng.IntN(50)), discount: o.rng.IntN(11), tax: o.rng.IntN(9),
		shipped: shipped, committed: o.day.AddDate(0, 0, 30+o.rng.IntN(61)), received: shipped.AddDate(0, 0, 1+o.rng.IntN(30)),
		instruction: pick(o.rng, instructions), mode: pick(o.rng, modes), comment: text(o.rng, 3),
	}
	l.price = l.quantity / 100 * retailPrice(part)
	o.lines = append(o.lines, l)
	return l
}

// open reports whether a line is not shipped yet.
func (l *line) open() bool { return l.shipped.After(today) }

// row is the order's row, whose status and price follow from its lines.
func (o *order) row() []any {
	total, open := 0, 0
	for _, l := range o.lines {
		total += l.price / 100 * (100 - l.discount) / 100 * (100 + l.tax)
		if l.open() {
			open++
		}
	}
	status := "P"
	switch open {
	case 0:
		status = "F"
	case len(o.lines):
		status = "O"
	}
	return []any{o.key, o.customer, status, cents(total), o.day, o.priority, fmt.Sprintf("Clerk#%09d", 1+o.rng.IntN(1_000)), 0, o.comment}
}

// line is the row of line i.
func (o *order) line(i int) []any {
	l := o.lines[i]
	status, flag := "F", l.flag
	if l.open() {
		status = "O"
	}
	switch {
	case flag != "":
	case l.received.After(today):
		flag = "N"
	case l.part%2 == 0:
		flag = "R"
	default:
		flag = "A"
	}
	return []any{o.key, l.part, l.supplier, i + 1, cents(l.quantity), cents(l.price), cents(l.discount), cents(l.tax), flag, status,
		l.shipped, l.committed, l.received, l.instruction, l.mode, l.comment}
}
