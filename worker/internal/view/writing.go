package view

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/token"
	"github.com/millrace/millrace/sql/zset"
	"github.com/millrace/millrace/worker/internal/catalog"
)

// writing is a part of one view's pending rows, small enough for one statement.
type writing struct {
	view    *view
	gone    []placed // rows to delete
	moved   []placed // rows to update, each to the row at the same index of changed
	changed []row.Row
	added   []row.Row
	places  []row.Row // of changed, then of added; from PostgreSQL
}

// placed is a row of the table and where it is.
type placed struct{ row, place row.Row }

// maxWriting bounds the rows of one statement.
const maxWriting = 20_000

// newWriting cuts a view's pending rows into statements. Where the result has a key,
// a row that goes and one that comes with the same key become an update, so that the
// row stays where it is referred to.
func newWriting(v *view) []*writing {
	all := &writing{view: v}
	coming := zset.NewIndex()
	for r, n := range v.pending.All() {
		if n < 0 {
			for place := range v.applied.Rows(r) {
				if n == 0 {
					break
				}
				all.gone = append(all.gone, placed{r, place})
				n++
			}
		}
		if n > 0 {
			coming.Add(v.keyOf(r), r, n)
		}
	}
	all.pair(coming)
	return all.split()
}

// keyOf is the key of a result row; the whole row if none is known.
func (v *view) keyOf(r row.Row) []byte {
	if v.plan.Key == nil {
		return r
	}
	values := r.Split(nil)
	key := []byte{}
	for _, k := range v.plan.Key {
		key = row.Append(key, values[k])
	}
	return key
}

// pair makes updates of deletions and insertions under the same key.
func (w *writing) pair(coming *zset.Index) {
	gone := w.gone
	w.gone = nil
	for _, old := range gone {
		paired := false
		key := w.view.keyOf(old.row)
		for r := range coming.Rows(key) {
			if w.view.unpaired {
				break
			}
			w.moved = append(w.moved, old)
			w.changed = append(w.changed, r)
			coming.Add(key, r, -1)
			paired = true
			break
		}
		if !paired {
			w.gone = append(w.gone, old)
		}
	}
	for r, n := range coming.All() {
		for range n {
			w.added = append(w.added, r)
		}
	}
}

// split cuts what is too long for one statement: deletions first, so that a unique
// index of the user's is not in the way of what comes.
func (w *writing) split() []*writing {
	most := maxWriting
	for i, t := range w.view.types {
		if t.Kind == row.Array || w.view.numbers[i].array == 0 {
			most = 1000 // each value is a parameter
		}
	}
	if len(w.gone)+len(w.moved)+len(w.added) <= most {
		return []*writing{w}
	}
	var list []*writing
	for gone := w.gone; len(gone) > 0; {
		n := min(len(gone), most)
		list = append(list, &writing{view: w.view, gone: gone[:n]})
		gone = gone[n:]
	}
	for i := 0; i < len(w.moved); i += most {
		end := min(i+most, len(w.moved))
		list = append(list, &writing{view: w.view, moved: w.moved[i:end], changed: w.changed[i:end]})
	}
	for i := 0; i < len(w.added); i += most {
		list = append(list, &writing{view: w.view, added: w.added[i:min(i+most, len(w.added))]})
	}
	return list
}

// statement is the call that writes: values go in binary, become text in our own
// session, by functions of PostgreSQL, and are read by the owner's function.
func (w *writing) statement(render renderer) (string, *parameters, error) {
	var names, types []string
	for _, c := range w.view.plan.Columns {
		names = append(names, quote(c.Name))
		types = append(types, quote(c.Type.Name))
	}
	p := &parameters{}
	gone, moved := p.add(tidArray(w.gone), 0), p.add(tidArray(w.moved), 0)
	changed, err := w.columns(p, w.changed, render)
	if err != nil {
		return "", nil, err
	}
	added, err := w.columns(p, w.added, render)
	if err != nil {
		return "", nil, err
	}
	sql := fmt.Sprintf("SELECT %s(%d, %d, ARRAY[%s]::text[], ARRAY[%s]::text[], %s::tid[], %s::tid[], %s, %s)",
		catalog.ApplyFunction(w.view.Owner), w.view.View, w.view.node, strings.Join(names, ", "), strings.Join(types, ", "), gone, moved, changed, added)
	return sql, p, nil
}

// columns renders rows as a two-dimensional array of text, one line per column.
func (w *writing) columns(p *parameters, rows []row.Row, render renderer) (string, error) {
	if len(rows) == 0 {
		return "'{}'::text[]", nil
	}
	columns := make([][]row.Value, len(w.view.types))
	var values []row.Value
	for _, r := range rows {
		values = r.Split(values[:0])
		for i, v := range values {
			columns[i] = append(columns[i], v)
		}
	}
	var list []string
	for i, t := range w.view.types {
		n := w.view.numbers[i]
		switch {
		case !builtIn(t, n):
			texts, err := render(t, n, columns[i])
			if err != nil {
				return "", err
			}
			list = append(list, p.add(texts, 0)+"::text[]")
		default:
			list = append(list, p.texts(t, n, columns[i]))
		}
	}
	return "ARRAY[" + strings.Join(list, ", ") + "]", nil
}

// settle notes in the view's state that the writing has happened.
func (w *writing) settle() {
	v := w.view
	for _, g := range w.gone {
		v.applied.Add(g.row, g.place, -1)
		v.pending.Add(g.row, +1)
	}
	for i, m := range w.moved {
		v.applied.Add(m.row, m.place, -1)
		v.pending.Add(m.row, +1)
		v.applied.Add(w.changed[i], w.places[i], +1)
		v.pending.Add(w.changed[i], -1)
	}
	for i, r := range w.added {
		v.applied.Add(r, w.places[len(w.moved)+i], +1)
		v.pending.Add(r, -1)
	}
	v.pause = 0
}

// parameters collects the values of a statement's parameters and, where the statement
// does not say, their types. A type is given by number, since the worker's own role
// need not have the right to use the schema that it is in.
type parameters struct {
	values [][]byte
	types  []uint32
}

func (p *parameters) add(value []byte, oid uint32) string {
	p.values = append(p.values, value)
	p.types = append(p.types, oid)
	return fmt.Sprintf("$%d", len(p.values))
}

// typeNumbers are a column's type, a domain's base type, and the array of that.
type typeNumbers struct{ base, array uint32 }

// A renderer gives values of a type as text[] in binary format, on the owner's login.
type renderer func(t *row.Type, n typeNumbers, values []row.Value) ([]byte, error)

// firstUserOID is the least number of what is not built in.
const firstUserOID = 16384

// builtIn reports whether a type and all that it consists of are PostgreSQL's own. Of
// another type even the arrival of a value may run a user's function, the check of a
// domain, so its values do not come near the worker's own session.
func builtIn(t *row.Type, n typeNumbers) bool {
	if n.base >= firstUserOID || t.Kind == row.Composite {
		return false
	}
	return t.Elem == nil || t.Elem.OID < firstUserOID && builtIn(t.Elem, typeNumbers{base: t.Elem.OID})
}

// texts is an SQL expression for values as text[], by the type's output function: a
// cast to text might be somebody's own. Arrays of arrays do not exist, so such values
// are parameters of their own.
func (p *parameters) texts(t *row.Type, n typeNumbers, values []row.Value) string {
	if t.Kind != row.Array && n.array != 0 {
		return "textin(array_out(" + p.add(row.MakeArray(t.OID, values...), n.array) + "))::text[]"
	}
	list := make([]string, len(values))
	for i, v := range values {
		if v == nil {
			list[i] = "NULL"
			continue
		}
		list[i] = "format('%s', " + p.add(v, n.base) + ")"
	}
	return "ARRAY[" + strings.Join(list, ", ") + "]::text[]"
}

func tidArray(rows []placed) []byte {
	values := make([]row.Value, len(rows))
	for i, r := range rows {
		values[i] = row.Value(r.place)
	}
	return row.MakeArray(27, values...)
}

func quote(text string) string { return token.QuoteLiteral(text) }
