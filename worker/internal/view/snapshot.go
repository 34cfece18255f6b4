package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/worker/internal/replication"
)

// snapshot is pg_snapshot: which transactions are visible.
type snapshot struct {
	xmax    uint64
	running []uint64 // below xmax
}

func parseSnapshot(text string) (snapshot, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return snapshot{}, fmt.Errorf("view: %q is no snapshot", text)
	}
	xmax, err := strconv.ParseUint(parts[1], 10, 64)
	s := snapshot{xmax: xmax}
	for part := range strings.SplitSeq(parts[2], ",") {
		if part == "" || err != nil {
			continue
		}
		var xid uint64
		xid, err = strconv.ParseUint(part, 10, 64)
		s.running = append(s.running, xid)
	}
	if err != nil {
		return snapshot{}, fmt.Errorf("view: %q is no snapshot: %w", text, err)
	}
	return s, nil
}

// sees reports whether a committed top-level transaction is visible. Its number in
// the log has no epoch: it is the 64-bit one nearest to the snapshot's.
func (s snapshot) sees(xid uint32) bool {
	full := s.xmax&^0xffffffff | uint64(xid)
	switch {
	case full > s.xmax+1<<31 && full >= 1<<32:
		full -= 1 << 32
	case full+1<<31 < s.xmax:
		full += 1 << 32
	}
	return full < s.xmax && !slices.Contains(s.running, full)
}

// taken remembers the last transactions that were taken from the log. A snapshot may
// be older than some of them, or not see one whose commit is still under way.
type taken struct {
	ring [1 << 13]takenOne
	n    int
}

type takenOne struct {
	xid    uint32
	tables []uint32 // that it changed
}

func (t *taken) add(x *replication.Transaction) {
	one := &t.ring[t.n%len(t.ring)]
	one.xid, one.tables = x.XID, one.tables[:0]
	for _, r := range x.Relations() {
		one.tables = append(one.tables, r.OID)
	}
	t.n++
}

// in reports whether a snapshot sees all of them that changed one of the tables.
func (t *taken) in(s snapshot, tables []uint32) bool {
	for i := range min(t.n, len(t.ring)) {
		one := &t.ring[i]
		if !s.sees(one.xid) && slices.ContainsFunc(one.tables, func(oid uint32) bool { return slices.Contains(tables, oid) }) {
			return false
		}
	}
	return true
}
