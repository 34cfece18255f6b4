package replication

import (
	"io"
	"iter"
)

// Archive keeps changes of many transactions for later: in memory up to a bound, beyond
// it in one temporary file. It is for one goroutine at a time.
type Archive struct {
	limit     int64
	spool     spool
	relations []*Relation
	numbers   map[*Relation]int
	parts     []Archived
}

// Archived is a transaction of an archive.
type Archived struct {
	XID    uint32 // as in [Transaction]
	EndLSN LSN

	records int64
}

// NewArchive returns an archive that keeps up to limit bytes in memory, about, and the
// rest in dir, or where temporary files are by default.
func NewArchive(dir string, limit int64) *Archive {
	return &Archive{limit: limit, spool: spool{dir: dir}, numbers: map[*Relation]int{}}
}

// Add copies the changes to some tables from a transaction. After an error, which is of
// the temporary file, the archive is of no more use.
func (a *Archive) Add(t *Transaction, keep func(*Relation) bool) error {
	numbers, any := make([]int, len(t.relations)), false
	for i, r := range t.relations {
		numbers[i] = -1
		if keep(r) {
			numbers[i], any = a.number(r), true
		}
	}
	if !any {
		return nil
	}
	part := Archived{XID: t.XID, EndLSN: t.EndLSN}
	for r := t.spool.read(); ; {
		relation, data, err := r.next()
		if err == io.EOF {
			break
		}
		if err == nil && (relation < 0 || numbers[relation] < 0) {
			continue
		}
		if err == nil {
			part.records++
			err = a.spool.add(numbers[relation], data[0], data[1:])
		}
		if err == nil && a.spool.memory() > a.limit {
			err = a.spool.spill()
		}
		if err != nil {
			return err
		}
	}
	a.parts = append(a.parts, part)
	return nil
}

func (a *Archive) number(r *Relation) int {
	n, ok := a.numbers[r]
	if !ok {
		n = len(a.relations)
		a.numbers[r], a.relations = n, append(a.relations, r)
	}
	return n
}

// Changes iterates over the changes of the transactions that wanted accepts, in the
// order in which they were added. It is otherwise as [Transaction.Changes].
func (a *Archive) Changes(wanted func(Archived) bool) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		var d decoder
		all := Transaction{relations: a.relations}
		r := a.spool.read()
		for _, part := range a.parts {
			want := wanted(part)
			for range part.records {
				relation, data, err := r.next()
				if err == nil && !want {
					continue
				}
				var c Change
				if err == nil {
					c, err = all.change(&d, relation, data)
				}
				if !yield(c, err) || err != nil {
					return
				}
			}
		}
	}
}

// Spilled reports whether a part is in a temporary file.
func (a *Archive) Spilled() bool { return a.spool.file != nil }

// Close gives memory and file back.
func (a *Archive) Close() error {
	a.relations, a.numbers, a.parts = nil, nil, nil
	return a.spool.close()
}
