package dataflow

import "math"

// Expectation is what one change of a table is expected to cost, on average over the
// rows that the table had when the circuit was filled. It is an estimate: each operator
// is taken to give as many rows for a new one as it gave for those, and joins not to
// depend on each other.
type Expectation struct {
	Table any
	Rows  float64 // of the result that come or go
	// Nanoseconds are those of the operators that ask nothing of PostgreSQL, 0 if the
	// circuit was not filled but loaded.
	Nanoseconds float64
	Sent        float64 // rows to PostgreSQL
	// Asks says that PostgreSQL is asked, once or more in each tick.
	Asks bool
	// AtMost says that some operator was not given any rows by the first step, so that
	// the numbers are those of one that drops none.
	AtMost bool
}

// Expect is the expectation for each table, in the order of the nodes. There is none
// for a circuit that has not been filled, or from empty tables alone.
func (c *Circuit) Expect() []Expectation {
	if !c.stepped || c.output < 0 {
		return nil
	}
	var out []Expectation
	known := false
	for id, n := range c.nodes {
		if n.op == nil && n.rows == nil {
			out = append(out, c.expectOf(NodeID(id)))
		} else if n.op != nil {
			rows, _ := n.op.Size()
			known = known || rows > 0 || sum(c.given(n, filledRows)) > 0
		}
	}
	if !known {
		return nil
	}
	return out
}

// expectOf follows one row of a table through the circuit: inputs come before what
// uses them.
func (c *Circuit) expectOf(table NodeID) Expectation {
	e := Expectation{Table: c.nodes[table].table}
	rows := make([]float64, len(c.nodes))
	rows[table] = 1
	for id, n := range c.nodes {
		in := 0.0
		rates, sure := c.rates(n)
		for i, from := range n.inputs {
			in += rows[from]
			rows[id] += rows[from] * rates[i]
		}
		if in == 0 {
			continue
		}
		e.AtMost = e.AtMost || !sure
		if sent := n.sends(); sent > 0 {
			e.Asks = true
			e.Sent += in * sent
			continue
		}
		if work := sum(c.given(n, filledRows)) + n.fill.raw; work > 0 {
			e.Nanoseconds += float64(n.fill.time) / float64(work) * (in + rows[id])
		}
	}
	e.Rows = rows[c.output]
	return e
}

// rates is how many rows a node is expected to give for a row of each input; sure is
// false if that is only a bound.
//
// What the first step gave is divided by what it was given. An operator that gives one
// row for several counts all that came, equal ones too: one of a thousand equal rows
// changes nothing. One that looks rows up counts each once.
func (c *Circuit) rates(n *node) (rates []float64, sure bool) {
	rates, sure = make([]float64, len(n.inputs)), true
	raw, rows := c.given(n, filledRaw), c.given(n, filledRows)
	for i := range rates {
		known := rows[i] > 0
		of := func(given []int64) float64 { return float64(n.fill.raw) / float64(given[i]) }
		switch op := n.op.(type) {
		case *Map, *Call, *Union:
			rates[i], known = 1, true
		case *Join:
			if known {
				rates[i] = of(rows)
			} else {
				rates[i] = op.fanOut(i)
			}
		case *Group:
			rates[i], known = groupRate(n, raw, i)
		case *Single:
			rates[i], known = groupRate(n, raw, i)
		case *First:
			rates[i] = 2
			if known && n.fill.raw > 0 {
				size := 1 / of(raw) // of a group: one of its rows is the first
				rates[i] = min(size, 2) / size
			}
		case *Match:
			rates[i], known = op.rate(c, n, i)
		default:
			rates[i] = 1
			if known {
				rates[i] = min(1, of(raw))
			}
		}
		sure = sure && known
	}
	return rates, sure
}

// groupRate is the rate of an operator that gives a row for a group: the old and the new
// one, or one of them for a group of one row. A key of a domain comes or goes with its
// row.
func groupRate(n *node, raw []int64, input int) (rate float64, known bool) {
	if input > 0 {
		return 1, true
	}
	if raw[0] == 0 || n.fill.raw == 0 {
		return 2, false
	}
	return min(2, float64(raw[0])/float64(n.fill.raw)), true
}

// fanOut is the average number of rows that a row of an input meets in the other.
func (j *Join) fanOut(input int) float64 {
	other := j.right.index
	if input == 1 {
		other = j.left.index
	}
	if other.KeyLen() == 0 {
		return 0
	}
	return float64(other.Len()) / float64(other.KeyLen())
}

// rate is that of a row of L, which is there or not, and that of a match: one of
// several changes nothing.
func (m *Match) rate(c *Circuit, n *node, input int) (rate float64, known bool) {
	mark := m.mode == MatchMark || m.mode == MatchMark3
	in := c.nodes[n.inputs[input]].fill
	switch {
	case input == 0 && mark:
		return 1, true
	case input == 0:
		if in.rows == 0 {
			return 1, false
		}
		return min(1, float64(n.fill.raw)/float64(in.rows)), true
	}
	rate = 1.0
	if mark {
		rate = 2 // the mark is part of the row
	}
	if in.raw == 0 {
		return rate, false
	}
	return rate * float64(in.rows) / float64(in.raw), true
}

// sends is the rows that are sent to PostgreSQL for a row that the node is given; 0 if
// it sends none. The rows of a group are all sent for one of them.
func (n *node) sends() float64 {
	switch op := n.op.(type) {
	case *Call:
		return 1
	case *Group:
		if op.rows != nil {
			return math.Max(1, float64(op.rows.Len())/math.Max(1, float64(op.numbers.Len())))
		}
	}
	return 0
}
