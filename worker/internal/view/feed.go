package view

import (
	"slices"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// A feed gives a circuit the rows of one table of its plan: those of one or more
// physical tables (partitions, descendants), or of another maintained view.
type feed struct {
	input   any      // what the circuit calls it
	members []member // physical tables
	parent  *view    // or a maintained view
	columns []int    // of the parent's rows
}

// member is one physical table of a feed.
type member struct {
	relation uint32
	numbers  []int16 // the columns, in the plan's order
}

// projector copies chosen columns of rows.
type projector struct {
	places []int
	whole  bool // all columns in their order
	values []row.Value
}

func newProjector(places []int, width int) *projector {
	whole := len(places) == width
	for i, p := range places {
		whole = whole && i == p
	}
	return &projector{places: places, whole: whole}
}

func (p *projector) project(in *zset.Batch, out *zset.Batch) {
	if p.whole {
		out.AddAll(in, 1)
		return
	}
	var r row.Row
	for source, w := range in.All() {
		p.values = source.Split(p.values[:0])
		r = r[:0]
		for _, place := range p.places {
			r = row.Append(r, p.values[place])
		}
		out.Add(r, w)
	}
}

// places are where a store keeps a member's columns.
func (m member) places(s *store) []int {
	out := make([]int, len(m.numbers))
	for i, n := range m.numbers {
		out[i] = s.place(n)
	}
	return out
}

// relations lists the physical tables of feeds, each once.
func relations(feeds []*feed) []uint32 {
	var out []uint32
	for _, f := range feeds {
		for _, m := range f.members {
			if !slices.Contains(out, m.relation) {
				out = append(out, m.relation)
			}
		}
	}
	return out
}

// deltas are the changes of one tick: of tables, by OID, in the columns that their
// stores keep.
type deltas map[uint32]*zset.Batch

func (d deltas) of(relation uint32) *zset.Batch {
	b := d[relation]
	if b == nil {
		b = new(zset.Batch)
		d[relation] = b
	}
	return b
}

// collect gives the circuit's input of one tick; outputs are the changes that parent
// views have given in it.
func (e *Engine) collect(feeds []*feed, d deltas, outputs map[*view]*zset.Batch) map[any]*zset.Batch {
	in := map[any]*zset.Batch{}
	for _, f := range feeds {
		b := new(zset.Batch)
		if f.parent != nil {
			if out := outputs[f.parent]; out != nil {
				newProjector(f.columns, len(f.parent.types)).project(out, b)
			}
		}
		for _, m := range f.members {
			if delta := d[m.relation]; delta != nil && delta.Len() > 0 {
				s := e.stores[m.relation]
				newProjector(m.places(s), len(s.columns)).project(delta, b)
			}
		}
		if b.Len() > 0 {
			in[f.input] = b
		}
	}
	return in
}

// contents gives the circuit's first input: everything that its tables hold.
func (e *Engine) contents(feeds []*feed) map[any]*zset.Batch {
	d, outputs := deltas{}, map[*view]*zset.Batch{}
	for _, f := range feeds {
		if f.parent != nil && outputs[f.parent] == nil {
			b := new(zset.Batch)
			for r, w := range f.parent.desired() {
				b.Add(r, w)
			}
			outputs[f.parent] = b
		}
	}
	for _, relation := range relations(feeds) {
		b := d.of(relation)
		e.stores[relation].all(func(r row.Row, w int64) { b.Add(r, w) })
	}
	return e.collect(feeds, d, outputs)
}
