package view

import (
	"testing"
	"time"
)

// TestPace checks how long a tick rests after a write.
func TestPace(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, tt := range []struct {
		name  string
		last  int64 // changes that the last tick took
		took  time.Duration
		after time.Duration // since the write ended
		waits int64         // changes that have come since
		want  time.Duration
	}{
		{name: "QuietBefore", last: 1, took: 2 * ms, after: time.Second, waits: 1, want: 0},
		{name: "Few", last: 0, took: 2 * ms, waits: 1, want: ms},
		{name: "PartOver", last: 50, took: 2 * ms, after: ms, waits: 1, want: 2 * ms},
		{name: "Many", last: 100_000, took: 2 * ms, waits: 1, want: 8 * ms},
		{name: "LongWrite", last: 100_000, took: time.Second, waits: 1, want: longestRest},
		{name: "Backlog", last: 100_000, took: time.Second, waits: enough, want: 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var p pace
			ended := time.Unix(1000, 0)
			p.came(tt.last)
			p.begin()
			p.taken = tt.last // came counts a transaction without changes too
			p.wrote(tt.took, ended)
			p.came(tt.waits)
			if got := max(0, p.rest(ended.Add(tt.after))); got != tt.want {
				t.Errorf("rests for %v, want %v", got, tt.want)
			}
		})
	}
}

// TestPaceCounts checks that a turn takes what has gathered, and that transactions
// without changes count.
func TestPaceCounts(t *testing.T) {
	t.Parallel()
	var p pace
	for _, changes := range []int64{0, 5, 1} {
		p.came(changes)
	}
	p.begin()
	if p.taken != 7 || p.gathered != 0 {
		t.Errorf("taken %d, gathered %d, want 7 and 0", p.taken, p.gathered)
	}
}
