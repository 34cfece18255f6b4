package view

import (
	"testing"
	"time"
)

// TestHintsRest checks when the next hint is followed.
func TestHintsRest(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, tt := range []struct {
		name  string
		hints int
		took  time.Duration // the last comparison
		after time.Duration // since it ended
		want  bool
	}{
		{name: "None", took: ms, after: time.Hour, want: false},
		{name: "Quick", hints: 1, took: ms, after: 20 * ms, want: true},
		{name: "TooEarly", hints: 1, took: ms, after: 19 * ms, want: false},
		{name: "Long", hints: 1, took: 100 * ms, after: 999 * ms, want: false},
		{name: "LongAndRested", hints: 1, took: 100 * ms, after: 1000 * ms, want: true},
		{name: "Storm", hints: 5000, took: ms, after: 19 * ms, want: false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var h hints
			ended := time.Unix(1000, 0)
			h.followed(ended.Add(-tt.took), ended)
			for i := range tt.hints {
				h.note(uint32(i))
				h.note(uint32(i))
			}
			if got := h.due(ended.Add(tt.after)); got != tt.want {
				t.Errorf("due %v, want %v", got, tt.want)
			}
			if want := min(tt.hints, mostHints); len(h.from) != want {
				t.Errorf("%d transactions noted, want %d", len(h.from), want)
			}
		})
	}
}
