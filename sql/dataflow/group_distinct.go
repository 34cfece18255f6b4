package dataflow

import (
	"bytes"
	"encoding/binary"

	"github.com/millrace/millrace/sql/aggregate"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// distinctArguments counts the arguments of DISTINCT aggregates, so that an accumulator
// sees each of several equal ones once: the one with the least bytes.
type distinctArguments struct {
	counts    *zset.Map[int64] // by aggregate, group and arguments that are the same bytes if equal
	spellings *zset.Index      // of others, by their key
	key       []byte           // reused
	spelled   row.Row          // reused
	values    []row.Value      // reused
}

// argument is the arguments of one call in one group.
type argument struct {
	call  int
	group []byte
	types []*row.Type
	args  []row.Value
}

func newDistinctArguments() distinctArguments {
	return distinctArguments{counts: zset.NewMap[int64](), spellings: zset.NewIndex()}
}

// add counts w arguments, and tells the accumulator what that changes.
func (d *distinctArguments) add(a argument, w int64, into aggregate.Accumulator) {
	d.key = binary.AppendUvarint(d.key[:0], uint64(a.call))
	d.key = append(d.key, a.group...)
	d.key = row.AppendKeys(d.key, a.types, a.args)
	for _, t := range a.types {
		if !t.Exact() {
			d.addSpelled(a.args, w, into)
			return
		}
	}
	n := d.counts.Put(d.key)
	before, after := *n, *n+w
	if *n = after; after == 0 {
		d.counts.Delete(d.key)
	}
	switch {
	case before <= 0 && after > 0:
		into.Add(a.args, +1)
	case before > 0 && after <= 0:
		into.Add(a.args, -1)
	}
}

// addSpelled is add where arguments of the same key may be other bytes.
func (d *distinctArguments) addSpelled(args []row.Value, w int64, into aggregate.Accumulator) {
	d.spelled = d.spelled[:0]
	for _, v := range args {
		d.spelled = row.Append(d.spelled, v)
	}
	// What an index yields stays valid.
	old := least(d.spellings, d.key)
	d.spellings.Add(d.key, d.spelled, w)
	now := least(d.spellings, d.key)
	if bytes.Equal(old, now) {
		return
	}
	if old != nil {
		d.values = old.Split(d.values[:0])
		into.Add(d.values, -1)
	}
	if now != nil {
		d.values = now.Split(d.values[:0])
		into.Add(d.values, +1)
	}
}

func (d *distinctArguments) save(w *zset.Writer) {
	w.Uvarint(uint64(d.counts.Len()))
	for key, n := range d.counts.All() {
		w.Bytes(key)
		w.Varint(*n)
	}
	d.spellings.Save(w)
}

func (d *distinctArguments) load(r *zset.Reader) error {
	*d = newDistinctArguments()
	for n := r.Uvarint(); n > 0 && r.Err() == nil; n-- {
		count := d.counts.Put(r.Bytes())
		*count = r.Varint()
	}
	if err := r.Err(); err != nil {
		return err
	}
	return d.spellings.Load(r)
}

func (d *distinctArguments) size() (rows, bytes int64) {
	return int64(d.counts.Len() + d.spellings.Len()), d.counts.Bytes() + d.spellings.Bytes()
}
