package view

import (
	"fmt"

	"github.com/millrace/millrace/sql/row"
)

// bounds are those of one statement that writes. PostgreSQL allows a message and a
// value of 1 GB, and 65,535 parameters. As text, values may be several times as long.
type bounds struct {
	rows       int
	bytes      int // of the rows that come, unless one alone has more
	row        int // bytes of one row
	parameters int
}

var statementBounds = bounds{rows: 20_000, bytes: 16 << 20, row: 256 << 20, parameters: 65_535}

// admit refuses a row that no statement could bring.
func (b bounds) admit(w *writing) error {
	for _, rows := range [][]row.Row{w.changed, w.added} {
		for _, r := range rows {
			if len(r) > b.row {
				return fmt.Errorf("view: a row of the result has %d bytes, and at most %d can be written", len(r), b.row)
			}
		}
	}
	return nil
}

// split cuts what is too much for one statement: deletions first, so that a unique
// index of the user's is not in the way of what comes.
func (w *writing) split(b bounds) []*writing {
	b.rows = max(1, min(b.rows, w.rowsByParameters(b.parameters)))
	if n := len(w.gone) + len(w.moved) + len(w.added); n <= b.rows && b.fits(w.changed, w.added) == len(w.changed)+len(w.added) {
		return []*writing{w}
	}
	var list []*writing
	for gone := w.gone; len(gone) > 0; {
		n := min(len(gone), b.rows)
		list = append(list, &writing{view: w.view, gone: gone[:n]})
		gone = gone[n:]
	}
	for moved, changed := w.moved, w.changed; len(moved) > 0; {
		n := b.fits(changed)
		list = append(list, &writing{view: w.view, moved: moved[:n], changed: changed[:n]})
		moved, changed = moved[n:], changed[n:]
	}
	for added := w.added; len(added) > 0; {
		n := b.fits(added)
		list = append(list, &writing{view: w.view, added: added[:n]})
		added = added[n:]
	}
	list[len(list)-1].left = w.left
	return list
}

// rowsByParameters is how many rows have that many parameters: a column has one for
// all rows, an array one for each. The places are two more, and what is changed has
// its own beside what is added.
func (w *writing) rowsByParameters(most int) int {
	arrays := 0
	for i, t := range w.view.types {
		if isList(t, w.view.numbers[i]) {
			arrays++
		}
	}
	return (most - 2 - 2*(len(w.view.types)-arrays)) / max(arrays, 1)
}

// fits is how many of the rows, but one at least, are within the bounds.
func (b bounds) fits(lists ...[]row.Row) int {
	n, bytes := 0, 0
	for _, rows := range lists {
		for _, r := range rows {
			if bytes += len(r); n > 0 && (n == b.rows || bytes > b.bytes) {
				return n
			}
			n++
		}
	}
	return n
}
