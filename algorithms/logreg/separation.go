package logreg

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"strings"
)

// SeparationError says how the features predict the target without error. It
// wraps [ErrSeparation].
type SeparationError struct {
	// Complete is true if one direction predicts every row; otherwise the
	// separation is quasi-complete and some rows lie on its boundary.
	Complete bool

	// Intercept and Columns (of Data.X, ascending) are the terms without a finite
	// estimate. The other terms have one in the limit.
	Intercept bool
	Columns   []int

	// Direction, over the intercept if there is one and all columns, is one along
	// which the likelihood never falls: Direction·x ≥ 0 where the target is true
	// and ≤ 0 where it is false, not always 0. This was verified without rounding;
	// the numbers here are the verified direction rounded to float64, scaled so
	// that no term moves the score by more than about 1 per standard deviation.
	Direction []float64

	// Rows is the number of rows that Direction predicts, of the N of positive weight.
	Rows, N int

	// Single lists the columns that separate alone.
	Single []SingleColumn
}

// SingleColumn is a column that separates alone: no value of the lower class is
// above Low, none of the upper class below High, and Low ≤ High.
type SingleColumn struct {
	Column    int     // of Data.X
	Low, High float64 // equal if the separation is quasi-complete
	TrueAbove bool    // the upper class is that of the true rows
}

// Error implements error.
func (e *SeparationError) Error() string {
	kind := "quasi-complete"
	if e.Complete {
		kind = "complete"
	}
	var names []string
	if e.Intercept {
		names = append(names, "the intercept")
	}
	for _, c := range e.Columns {
		names = append(names, fmt.Sprintf("column %d", c))
	}
	text := fmt.Sprintf("logreg: %v: %s, %d of %d rows predicted without error, no finite estimate for %s",
		ErrSeparation, kind, e.Rows, e.N, strings.Join(names, ", "))
	for _, s := range e.Single {
		lower, upper := "true", "false"
		if s.TrueAbove {
			lower, upper = upper, lower
		}
		text += fmt.Sprintf("; column %d alone separates: %s rows ≤ %g, %s rows ≥ %g", s.Column, lower, s.Low, upper, s.High)
	}
	return text
}

// Unwrap returns [ErrSeparation].
func (e *SeparationError) Unwrap() error { return ErrSeparation }

// search decides whether a finite minimum exists if that is not known yet: it
// returns nil if it does, and a [*SeparationError] if not.
func (s *solver) search(ctx context.Context) error {
	if s.exists {
		return nil
	}
	c := newCone(s.design)
	found, err := c.separate(ctx)
	if err != nil {
		return err
	}
	if found == nil {
		s.exists = true
		return nil
	}
	return s.describe(c, found)
}

// describe puts what was found in the caller's terms.
func (s *solver) describe(c *cone, found *separation) error {
	e := &SeparationError{Complete: len(found.boundary) == 0, Rows: s.n, N: s.n, Single: s.single()}
	for _, p := range found.boundary {
		e.Rows -= c.point[p].count
	}
	o := s.offset()
	unit := floats(found.direction)
	e.Direction = make([]float64, o+len(s.data.X))
	if s.intercept {
		b0 := c.exactIntercept(found.direction)
		size := new(big.Int).Lsh(big.NewInt(1), uint(longest(found.direction)))
		e.Direction[0], _ = b0.Quo(b0, new(big.Rat).SetInt(size)).Float64()
	}
	free := c.undetermined(found.boundary)
	for k, column := range s.column {
		e.Direction[column+o] = unit[k+o] * s.scale[k].factor()
		if free[k+o] {
			e.Columns = append(e.Columns, column)
		}
	}
	e.Intercept = s.intercept && free[0]
	return e
}

// single lists the columns of the design that separate alone.
func (m *design) single() []SingleColumn {
	var out []SingleColumn
	for k := range m.z {
		no, yes := m.ranges(m.data.X[m.column[k]])
		above, below := no.high <= yes.low, yes.high <= no.low
		if !m.intercept { // The boundary can only be 0.
			above, below = no.high <= 0 && yes.low >= 0, yes.high <= 0 && no.low >= 0
		}
		switch {
		case above && below: // All values are equal.
		case above:
			out = append(out, SingleColumn{Column: m.column[k], Low: no.high, High: yes.low, TrueAbove: true})
		case below:
			out = append(out, SingleColumn{Column: m.column[k], Low: yes.high, High: no.low})
		}
	}
	return out
}

// span is the range of a column in one class.
type span struct{ low, high float64 }

// ranges returns the spans of the two classes; that of a class without rows,
// which only a model without intercept allows, is 0.
func (m *design) ranges(x []float64) (no, yes span) {
	empty := span{low: math.Inf(1), high: math.Inf(-1)}
	no, yes = empty, empty
	for i, r := range m.row {
		s := &no
		if m.sign[i] > 0 {
			s = &yes
		}
		s.low, s.high = min(s.low, x[r]), max(s.high, x[r])
	}
	if no == empty {
		no = span{}
	}
	if yes == empty {
		yes = span{}
	}
	return no, yes
}
