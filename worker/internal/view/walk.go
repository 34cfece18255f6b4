package view

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/row"
)

// walk is the way of the audit through a view, range by range. Bounds are values that
// the table has at the moment: a range ends before the n-th row after its beginning.
// A value of the first column with more rows than that is walked by the next column.
//
// The ranges of one round cover all that a row can have, whatever comes and goes
// meanwhile: the first has no lower bound and the last no upper one, NULL is a range of
// its own, and each begins where the one before has ended.
type walk struct {
	columns []keyColumn // none: the view is compared whole
	levels  []level     // where the next range begins; none at the beginning
	size    int         // rows of the table that a range may have
}

// level is a position among the values of one column, under given values of the
// columns before.
type level struct {
	nulls bool      // NULL has been dealt with
	low   row.Value // where the next range begins; nil for the least
	past  bool      // behind low, which has been dealt with
	value row.Value // whose rows the next level walks; nil for NULL
}

// stride is a range to compare, and where the walk is behind it.
type stride struct {
	keys   keyRange
	behind []level // none at the end
	whole  bool    // it cannot be made smaller
}

// next finds the next range. Levels are entered and left here; the position within
// them is moved by [walk.pass].
func (w *walk) next(ctx context.Context, table ranger) (stride, error) {
	if len(w.levels) == 0 {
		if len(w.columns) == 0 {
			return stride{whole: true}, nil
		}
		more, err := table.more(ctx, w.columns, keyRange{}, w.size)
		if err != nil || !more {
			return stride{}, err
		}
		w.levels = []level{{}}
	}
	for {
		s, deeper, err := w.step(ctx, table)
		if err != nil || !deeper {
			return s, err
		}
		w.levels = append(w.levels, level{})
	}
}

// step finds the next range of the innermost level, or has it go deeper.
func (w *walk) step(ctx context.Context, table ranger) (s stride, deeper bool, err error) {
	fixed, l := w.fixed(), &w.levels[len(w.levels)-1]
	last := len(w.levels) == len(w.columns)
	if !l.nulls {
		s.keys = keyRange{fixed: append(fixed, nil)}
		if deeper, err = table.more(ctx, w.columns, s.keys, w.size); err != nil || deeper && !last {
			l.nulls, l.value = err == nil, nil
			return s, deeper, err
		}
		s.whole, s.behind = last, w.moved(level{nulls: true})
		return s, false, nil
	}
	s.keys = keyRange{fixed: fixed, interval: true, low: l.low, past: l.past}
	high, same, err := table.after(ctx, w.columns, s.keys, w.size)
	switch {
	case err != nil:
		return s, false, err
	case high == nil:
		s.behind = w.left()
	case same && last:
		s.keys = keyRange{fixed: append(fixed, l.low)}
		s.whole, s.behind = true, w.moved(level{nulls: true, low: l.low, past: true})
	case same:
		l.past, l.value = true, l.low
		return s, true, nil
	default:
		s.keys.high = high
		s.behind = w.moved(level{nulls: true, low: high})
	}
	return s, false, nil
}

// fixed are the values of the columns before the innermost level's.
func (w *walk) fixed() []row.Value {
	var out []row.Value
	for _, l := range w.levels[:len(w.levels)-1] {
		out = append(out, l.value)
	}
	return out
}

// moved is the position with another one at the innermost level.
func (w *walk) moved(l level) []level {
	return append(slices.Clone(w.levels[:len(w.levels)-1]), l)
}

// left is the position behind the innermost level.
func (w *walk) left() []level { return slices.Clone(w.levels[:len(w.levels)-1]) }

// pass moves the walk behind a range, and reports whether it is at the end of the view,
// and so at its beginning.
func (w *walk) pass(s stride) (end bool) {
	w.levels = s.behind
	return len(w.levels) == 0
}

// shrink has the walk make smaller ranges. It reports whether that is possible.
func (w *walk) shrink(s stride) bool {
	if s.whole || w.size <= leastAuditRows {
		return false
	}
	w.size = max(w.size/2, leastAuditRows)
	return true
}

// ranger looks at the keys of a view's table, on its owner's login.
type ranger struct {
	conn *pgx.Conn
	name string // of the table
}

// more reports whether a range has more than n rows.
func (r ranger) more(ctx context.Context, columns []keyColumn, k keyRange, n int) (bool, error) {
	where, params := k.condition(columns)
	found := false
	err := r.read(ctx, fmt.Sprintf("SELECT true FROM ONLY %s%s OFFSET %d LIMIT 1", r.name, where, n), params, func([]row.Value) { found = true })
	return found, err
}

// after is the value that the interval's column has in the row behind the first n, in
// the column's order, nil if there are not so many, and whether it is the lower bound.
func (r ranger) after(ctx context.Context, columns []keyColumn, k keyRange, n int) (high row.Value, same bool, err error) {
	where, params := k.condition(columns)
	c, equal := columns[len(k.fixed)], "false"
	if k.low != nil {
		equal = fmt.Sprintf("%s %s %s%s", c.name, c.equal, params.add(k.low, c.base), c.collate)
	}
	sql := fmt.Sprintf("SELECT %s, %s FROM ONLY %s%s ORDER BY %[1]s OFFSET %[5]d LIMIT 1", c.name, equal, r.name, where, n)
	err = r.read(ctx, sql, params, func(values []row.Value) {
		high, same = slices.Clone(values[0]), values[1].Bool()
	})
	return high, same, err
}

// read runs a query that changes nothing, whatever a type's functions do.
func (r ranger) read(ctx context.Context, sql string, p *parameters, visit func([]row.Value)) error {
	if _, err := r.conn.Exec(ctx, "BEGIN READ ONLY"); err != nil {
		return fmt.Errorf("view: audit: %w", err)
	}
	err := readRows(ctx, r.conn, sql, p, visit)
	if _, end := r.conn.Exec(ctx, "ROLLBACK"); err == nil {
		err = end
	}
	if err != nil {
		return fmt.Errorf("view: audit: keys of %s: %w", r.name, err)
	}
	return nil
}
