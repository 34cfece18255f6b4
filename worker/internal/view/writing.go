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
	texts   texts     // of what only the owner's login renders
	left    *zset.Set // with the last part: what is pending when it is written
}

// placed is a row of the table and where it is.
type placed struct{ row, place row.Row }

// newWriting cuts a view's pending rows into statements. Where the result has a key,
// a row that goes and one that comes with the same key become an update, so that the
// row stays where it is referred to.
func newWriting(v *view) []*writing {
	all := &writing{view: v, left: zset.NewSet()}
	for r, n := range v.pending.All() {
		for range n {
			all.added = append(all.added, r)
		}
		if n >= 0 {
			continue
		}
		for place := range v.applied.Rows(r) {
			if n == 0 {
				break
			}
			all.gone = append(all.gone, placed{r, place})
			n++
		}
		all.left.Add(r, n)
	}
	// Without a key a row that goes is never the one that comes.
	if v.plan.Key != nil && !v.unpaired {
		all.pair()
	}
	return all.split(statementBounds)
}

// keyOf is the key of a result row.
func (v *view) keyOf(r row.Row) []byte {
	values := r.Split(nil)
	key := []byte{}
	for _, k := range v.plan.Key {
		key = row.Append(key, values[k])
	}
	return key
}

// pair makes updates of deletions and insertions under the same key.
func (w *writing) pair() {
	if len(w.gone) == 0 || len(w.added) == 0 {
		return
	}
	coming := make(map[string]int, len(w.added)) // places in added
	for i, r := range w.added {
		coming[string(w.view.keyOf(r))] = i
	}
	gone, added := w.gone, w.added
	w.gone, w.added = nil, nil
	paired := make([]bool, len(added))
	for _, old := range gone {
		key := w.view.keyOf(old.row)
		i, ok := coming[string(key)]
		if !ok {
			w.gone = append(w.gone, old)
			continue
		}
		delete(coming, string(key))
		w.moved, w.changed, paired[i] = append(w.moved, old), append(w.changed, added[i]), true
	}
	for i, r := range added {
		if !paired[i] {
			w.added = append(w.added, r)
		}
	}
}

// texts are the columns whose values only the owner's login renders, as text[] in
// binary format: those of changed, and those of added.
type texts struct{ changed, added map[int][]byte }

// render asks for the texts. What a type's functions do meanwhile may wait for the
// tables, so this comes before anything is locked.
func (w *writing) render(ask renderer) (err error) {
	if w.texts.changed, err = w.renderRows(w.changed, ask); err == nil {
		w.texts.added, err = w.renderRows(w.added, ask)
	}
	return err
}

func (w *writing) renderRows(rows []row.Row, ask renderer) (map[int][]byte, error) {
	var list map[int][]byte
	for i, t := range w.view.types {
		n := w.view.numbers[i]
		if len(rows) == 0 || builtIn(t, n) {
			continue
		}
		text, err := ask(t, n, column(rows, i))
		if err != nil {
			return nil, err
		}
		if list == nil {
			list = map[int][]byte{}
		}
		list[i] = text
	}
	return list, nil
}

// column is the values of rows in one column.
func column(rows []row.Row, i int) []row.Value {
	list := make([]row.Value, len(rows))
	var values []row.Value
	for k, r := range rows {
		values = r.Split(values[:0])
		list[k] = values[i]
	}
	return list
}

// statement is the call that writes: values go in binary, become text in our own
// session, by functions of PostgreSQL, and are read by the owner's function.
func (w *writing) statement() (string, *parameters) {
	var names, types []string
	for _, c := range w.view.plan.Columns {
		names = append(names, quote(c.Name))
		types = append(types, quote(c.Type.Name))
	}
	p := &parameters{}
	gone, moved := p.tids(w.gone), p.tids(w.moved)
	changed, added := w.columns(p, w.changed, w.texts.changed), w.columns(p, w.added, w.texts.added)
	return fmt.Sprintf("SELECT %s(%d, %d, ARRAY[%s]::text[], ARRAY[%s]::text[], %s, %s, %s, %s)",
		catalog.ApplyFunction(w.view.Owner), w.view.View, w.view.node, strings.Join(names, ", "), strings.Join(types, ", "), gone, moved, changed, added), p
}

// columns is an SQL expression for rows as a two-dimensional array of text, one line
// per column.
func (w *writing) columns(p *parameters, rows []row.Row, rendered map[int][]byte) string {
	if len(rows) == 0 {
		return "'{}'::text[]"
	}
	columns := make([][]row.Value, len(w.view.types))
	for i := range columns {
		columns[i] = make([]row.Value, len(rows))
	}
	var values []row.Value
	for k, r := range rows {
		values = r.Split(values[:0])
		for i, v := range values {
			columns[i][k] = v
		}
	}
	list := make([]string, len(columns))
	for i, t := range w.view.types {
		n := w.view.numbers[i]
		switch {
		case !builtIn(t, n):
			list[i] = p.add(rendered[i], 0) + "::text[]"
		default:
			list[i] = p.texts(t, n, columns[i])
		}
	}
	return "ARRAY[" + strings.Join(list, ", ") + "]"
}

// settle notes in the view's state that the writing has happened.
func (w *writing) settle() {
	v := w.view
	for _, g := range w.gone {
		v.applied.Add(g.row, g.place, -1)
	}
	for i, m := range w.moved {
		v.applied.Add(m.row, m.place, -1)
		v.applied.Add(w.changed[i], w.places[i], +1)
	}
	for i, r := range w.added {
		v.applied.Add(r, w.places[len(w.moved)+i], +1)
	}
	if w.left != nil {
		v.pending, v.pause = w.left, 0
	}
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

// isList reports whether values of a type cannot be the elements of an array.
func isList(t *row.Type, n typeNumbers) bool { return t.Kind == row.Array || n.array == 0 }

// texts is an SQL expression for values as text[], by the type's output function: a
// cast to text might be somebody's own. Arrays of arrays do not exist, so such values
// are parameters of their own.
func (p *parameters) texts(t *row.Type, n typeNumbers, values []row.Value) string {
	if !isList(t, n) {
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

// tids is an SQL expression for the places of rows.
func (p *parameters) tids(rows []placed) string {
	if len(rows) == 0 {
		return "'{}'::tid[]"
	}
	values := make([]row.Value, len(rows))
	for i, r := range rows {
		values[i] = row.Value(r.place)
	}
	return p.add(row.MakeArray(27, values...), 0) + "::tid[]"
}

func quote(text string) string { return token.QuoteLiteral(text) }
