package dataflow

import (
	"github.com/millrace/millrace/sql/row"
)

// canonical makes the key of whole rows by which DISTINCT and set operations call
// them equal. Most types have one spelling of each value, so that the key is the row.
type canonical struct {
	types  []*row.Type
	exact  bool        // equal rows are the same bytes
	values []row.Value // reused
	buf    []byte      // reused
}

func newCanonical(types []*row.Type) canonical {
	k := canonical{types: types, exact: true}
	for _, t := range types {
		k.exact = k.exact && exactBytes(t)
	}
	return k
}

// key returns the key of r, valid until the next call.
func (k *canonical) key(r row.Row) []byte {
	if k.exact {
		return r
	}
	k.values = r.Split(k.values[:0])
	k.buf = row.AppendKeys(k.buf[:0], k.types, k.values)
	return k.buf
}

// exactBytes reports whether equal values of the type have the same binary format. It
// leaves out those that need a second thought.
func exactBytes(t *row.Type) bool {
	switch t.Kind {
	case row.Bool, row.Int2, row.Int4, row.Int8, row.OID, row.Money, row.Name, row.Char, row.Bytea,
		row.Date, row.Time, row.Timestamp, row.Timestamptz, row.UUID, row.Enum, row.Macaddr:
		return true
	case row.Text:
		return !t.Nondeterministic
	}
	return false
}
