package aggregate

import (
	"errors"
	"fmt"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// ErrLabel says that an enum has a label that it did not have when the call was
// made, so that its place in the order is not known. Make the call again.
var ErrLabel = errors.New("enum has a new label")

// addExtremes adds min and max.
func addExtremes(m map[uint32]func(Spec) (Factory, error)) {
	for _, oid := range []uint32{
		2050, 2115, 2116, 2117, 2118, 2119, 2120, 2122, 2123, 2124, 2125, 2126, 2127, 2128, 2129, 2130, 2244, 3526, 3564,
		6373, 6395, // record and bytea, since version 18
	} {
		m[oid] = newExtreme(true)
	}
	for _, oid := range []uint32{
		2051, 2131, 2132, 2133, 2134, 2135, 2136, 2138, 2139, 2140, 2141, 2142, 2143, 2144, 2145, 2146, 2245, 3527, 3565,
		6374, 6396,
	} {
		m[oid] = newExtreme(false)
	}
}

func newExtreme(greatest bool) func(Spec) (Factory, error) {
	return func(s Spec) (Factory, error) {
		if len(s.Args) != 1 || !s.Args[0].Type.Ordered() {
			return nil, fmt.Errorf("aggregate: %w: the order of the argument's values is not known", ErrNotNative)
		}
		kind := &extremeKind{typ: s.Args[0].Type, greatest: greatest}
		kind.check = kind.typ.HasEnum()
		return func() Accumulator { return &extreme{kind: kind} }, nil
	}
}

// extremeKind is what all groups of one call share. It makes the call's accumulators
// unsafe to use concurrently with each other.
type extremeKind struct {
	typ      *row.Type
	greatest bool
	check    bool // values may have no place in the order
	scratch  []byte
}

// extreme is min and max.
type extreme struct {
	kind    *extremeKind
	values  ordered
	unknown int64 // values without a place in the order
}

func (x *extreme) Add(args []row.Value, w int64) {
	if !hasNull(args) {
		x.add(args[0], w)
	}
}

func (x *extreme) add(v row.Value, w int64) {
	k := x.kind
	if k.check && !k.typ.CheckOrder(v) {
		x.unknown += w
	}
	k.scratch = k.typ.AppendOrder(k.scratch[:0], v, false, false)
	x.values.add(k.scratch, v, w)
}

func (x *extreme) Result() (row.Value, error) {
	if x.unknown != 0 {
		return nil, fmt.Errorf("aggregate: %s: %w", x.kind.typ.Name, ErrLabel)
	}
	v := x.values.least
	if x.kind.greatest {
		v = x.values.greatest
	}
	// The multiset moves its bytes; an empty text stays different from NULL.
	found := v()
	if found == nil {
		return nil, nil
	}
	return append(row.Value{}, found...), nil
}

func (x *extreme) Save(w *zset.Writer) { x.values.save(w) }

func (x *extreme) Load(r *zset.Reader) error {
	for n := r.Uvarint(); n > 0 && r.Err() == nil; n-- {
		count := r.Varint()
		v := r.Bytes()
		if r.Err() == nil {
			x.add(v, count)
		}
	}
	return r.Err()
}

func (x *extreme) Bytes() int64 { return 48 + x.values.bytes() }
