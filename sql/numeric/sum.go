package numeric

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// ErrState says that bytes are not the saved state of a sum.
var ErrState = errors.New("not the state of a sum")

// Sum adds numerics exactly and takes them out again: removing a value leaves the
// sum as if it had never been there, display scale included. The zero Sum is empty.
// It must not be copied once it is in use.
//
// State: one entry for each display scale among the values.
type Sum struct {
	terms             []term // by scale; none that is zero throughout
	nans, plus, minus int64
}

// term is the part of a sum with one display scale.
type term struct {
	total Int
	count int64
	scale int32
}

// Add adds d, w times: a negative w takes it out.
func (s *Sum) Add(d Decimal, w int64) {
	if w == 0 || s.special(d, w) {
		return
	}
	t := s.term(d.scale)
	t.count += w
	if d.big == nil {
		t.total.AddMul(d.small, w)
	} else {
		t.total.AddBig(d.big, w)
	}
	s.tidy(d.scale)
}

// addSquare adds d², w times, with twice the scale and without its limit.
func (s *Sum) addSquare(d Decimal, w int64) {
	if w == 0 || s.special(d, w) {
		return
	}
	t := s.term(2 * d.scale)
	t.count += w
	if p, ok := mulSmall(d.small, d.small); ok && d.big == nil {
		t.total.AddMul(p, w)
	} else {
		n := d.unscaled()
		t.total.AddBig(new(big.Int).Mul(n, n), w)
	}
	s.tidy(2 * d.scale)
}

// special counts what is no finite number.
func (s *Sum) special(d Decimal, w int64) bool {
	switch d.form {
	case nan:
		s.nans += w
	case plusInf:
		s.plus += w
	case minusInf:
		s.minus += w
	default:
		return false
	}
	return true
}

func (s *Sum) find(scale int32) (int, bool) {
	return slices.BinarySearchFunc(s.terms, scale, func(t term, scale int32) int { return int(t.scale - scale) })
}

func (s *Sum) term(scale int32) *term {
	i, ok := s.find(scale)
	if !ok {
		s.terms = slices.Insert(s.terms, i, term{scale: scale})
	}
	return &s.terms[i]
}

// tidy drops a term that holds nothing any more.
func (s *Sum) tidy(scale int32) {
	if i, ok := s.find(scale); ok && s.terms[i].count == 0 && s.terms[i].total.IsZero() {
		s.terms = slices.Delete(s.terms, i, i+1)
	}
}

// Count is the number of values in the sum.
func (s *Sum) Count() int64 {
	n := s.nans + s.plus + s.minus
	for i := range s.terms {
		n += s.terms[i].count
	}
	return n
}

// notFinite returns what the sum is if a value is not finite.
func (s *Sum) notFinite() (Decimal, bool) {
	switch {
	case s.nans > 0 || s.plus > 0 && s.minus > 0:
		return NaN, true
	case s.plus > 0:
		return Infinity, true
	case s.minus > 0:
		return NegativeInfinity, true
	}
	return Decimal{}, false
}

// total returns the exact sum of the finite values and their largest scale.
func (s *Sum) total() (*big.Int, int32) {
	sum, scale := new(big.Int), int32(0)
	for i := range s.terms {
		t := &s.terms[i]
		sum.Mul(sum, pow10(int(t.scale-scale)))
		sum.Add(sum, t.total.Big())
		scale = t.scale
	}
	return sum, scale
}

// Total returns what sum(numeric) returns for the values. It is 0 if there are
// none, where PostgreSQL returns NULL: see Count.
//
// Errors: [ErrOverflow].
func (s *Sum) Total() (Decimal, error) {
	if d, ok := s.notFinite(); ok {
		return d, nil
	}
	if len(s.terms) == 1 {
		if v, ok := s.terms[0].total.Int64(); ok {
			return Decimal{small: v, scale: s.terms[0].scale}, nil
		}
	}
	return checked(s.total())
}

// Avg returns what avg(numeric) returns for the values, of which there must be some.
//
// Errors: [ErrOverflow], of the sum.
func (s *Sum) Avg() (Decimal, error) {
	total, err := s.Total()
	if err != nil || !total.IsFinite() {
		return total, err
	}
	return total.Div(FromInt64(s.Count()))
}

// Bytes is the memory beyond the struct itself.
func (s *Sum) Bytes() int64 {
	n := int64(cap(s.terms)) * 40
	for i := range s.terms {
		n += s.terms[i].total.Bytes()
	}
	return n
}

// Append appends the state. Sums over the same values have the same bytes.
func (s *Sum) Append(dst []byte) []byte {
	dst = binary.AppendVarint(dst, s.nans)
	dst = binary.AppendVarint(dst, s.plus)
	dst = binary.AppendVarint(dst, s.minus)
	dst = binary.AppendUvarint(dst, uint64(len(s.terms)))
	for i := range s.terms {
		t := &s.terms[i]
		dst = binary.AppendUvarint(dst, uint64(t.scale))
		dst = binary.AppendVarint(dst, t.count)
		dst = t.total.Append(dst)
	}
	return dst
}

// Consume sets s to the state at the start of b, written by Append, and returns the
// bytes after it.
func (s *Sum) Consume(b []byte) ([]byte, error) {
	*s = Sum{}
	var head [3]int64
	var ok bool
	for i := range head {
		if head[i], b, ok = varint(b); !ok {
			return nil, fmt.Errorf("numeric: %w: cut short", ErrState)
		}
	}
	s.nans, s.plus, s.minus = head[0], head[1], head[2]
	count, used := binary.Uvarint(b)
	if used <= 0 || count > uint64(len(b)) {
		return nil, fmt.Errorf("numeric: %w: cut short", ErrState)
	}
	b = b[used:]
	s.terms = make([]term, count)
	for i := range s.terms {
		t := &s.terms[i]
		scale, used := binary.Uvarint(b)
		if used <= 0 || scale > 2*maxScale || i > 0 && int32(scale) <= s.terms[i-1].scale {
			return nil, fmt.Errorf("numeric: %w: scale out of order", ErrState)
		}
		t.scale = int32(scale)
		if t.count, b, ok = varint(b[used:]); !ok {
			return nil, fmt.Errorf("numeric: %w: cut short", ErrState)
		}
		var err error
		if b, err = t.total.Consume(b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func varint(b []byte) (int64, []byte, bool) {
	v, used := binary.Varint(b)
	if used <= 0 {
		return 0, nil, false
	}
	return v, b[used:], true
}
