package row_test

import (
	"bytes"
	bigendian "encoding/binary"
	"testing"

	"github.com/millrace/millrace/sql/row"
)

// TestExactKey checks that the key of an exact type holds the value itself, which
// groups rely on to give their key's columns back.
func TestExactKey(t *testing.T) {
	t.Parallel()
	int4 := &row.Type{OID: 23, Kind: row.Int4}
	span := &row.Type{OID: 3904, Kind: row.Range, Elem: int4}
	one := func(n uint32) []byte {
		return bigendian.BigEndian.AppendUint32(bigendian.BigEndian.AppendUint32(nil, 4), n)
	}
	value := row.Value(append(append([]byte{2}, one(1)...), one(3)...)) // [1,3)
	several := row.Value(append(bigendian.BigEndian.AppendUint32(bigendian.BigEndian.AppendUint32(nil, 1), uint32(len(value))), value...))
	for _, tt := range []struct {
		name  string
		typ   *row.Type
		value row.Value
	}{
		{"Int4", int4, row.Value{0, 0, 0, 7}},
		{"Range", span, value},
		{"Multirange", &row.Type{OID: 4451, Kind: row.Multirange, Elem: span}, several},
	} {
		if !tt.typ.Exact() {
			t.Errorf("%s: not exact", tt.name)
		}
		if got := tt.typ.AppendKey(nil, tt.value); !bytes.Equal(got, row.Make(tt.value)) {
			t.Errorf("%s: key %x, want the row of %x", tt.name, got, tt.value)
		}
	}
}
