package dataflow

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/sql/zset"
)

// Save implements [Operator].
func (g *Group) Save(w *zset.Writer) {
	g.save(w, func(number uint32) {
		for _, a := range g.of(number) {
			a.Save(w)
		}
	})
	g.distinct.save(w)
	if g.rows != nil {
		g.rows.Save(w)
	}
}

// Load implements [Operator].
func (g *Group) Load(r *zset.Reader) error {
	g.accumulators = nil
	err := g.load(r, func(number uint32) error {
		g.start(number)
		for _, a := range g.of(number) {
			if err := a.Load(r); err != nil {
				return err
			}
		}
		return r.Err()
	})
	if err != nil {
		return err
	}
	if err := g.distinct.load(r); err != nil {
		return err
	}
	if g.rows != nil {
		return g.rows.Load(r)
	}
	return nil
}

// Size implements [Operator]. It visits all accumulators.
func (g *Group) Size() (rows, bytes int64) {
	rows, bytes = g.size()
	r, b := g.distinct.size()
	rows, bytes = rows+r, bytes+b
	bytes += int64(cap(g.accumulators)) * 16
	for _, a := range g.accumulators {
		if a != nil {
			bytes += a.Bytes()
		}
	}
	if g.rows != nil {
		rows, bytes = rows+int64(g.rows.Len()), bytes+g.rows.Bytes()
	}
	return rows, bytes
}

// Describe implements [Operator].
func (g *Group) Describe() string {
	text := fmt.Sprintf("group by columns %d", g.spec.Keys)
	if g.spec.Domain {
		text = fmt.Sprintf("group by columns %d, for each row of a domain", g.spec.Keys)
	}
	var calls []string
	for _, call := range g.calls {
		calls = append(calls, call.describe())
	}
	if len(calls) > 0 {
		text += ": " + strings.Join(calls, ", ")
	}
	if g.spec.Remote != nil {
		text += fmt.Sprintf("; computed by PostgreSQL: %s of columns %d", strings.Join(g.spec.Remote.Expressions, ", "), g.spec.RemoteColumns)
	}
	return text
}

func (c *groupCall) describe() string {
	text := fmt.Sprintf("%s of columns %d", c.name, c.columns)
	if c.distinct {
		text += " distinct"
	}
	if c.filter >= 0 {
		text += fmt.Sprintf(" where column %d", c.filter)
	}
	return text
}
