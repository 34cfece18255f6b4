package view

import (
	"slices"
	"time"
)

// latencies keeps the last durations from commit to visible.
type latencies struct {
	ring [512]float32 // milliseconds
	n    int
}

func (l *latencies) add(d time.Duration) {
	l.ring[l.n%len(l.ring)] = float32(d.Seconds() * 1000)
	l.n++
}

// quantiles returns the median and the 99th percentile in milliseconds, or false.
func (l *latencies) quantiles() (p50, p99 float64, ok bool) {
	n := min(l.n, len(l.ring))
	if n == 0 {
		return 0, 0, false
	}
	sorted := slices.Sorted(slices.Values(l.ring[:n]))
	return float64(sorted[n/2]), float64(sorted[min(n-1, n*99/100)]), true
}
