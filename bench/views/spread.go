package views

import (
	"fmt"
	"slices"
)

// spread is what several rounds gave.
type spread []float64

// quantile is the value below which the part q of the values lies; 0 of none.
func (s spread) quantile(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

func (s spread) median() float64 { return s.quantile(0.5) }

// over divides value by value.
func (s spread) over(other spread) spread {
	out := make(spread, len(s))
	for i := range s {
		out[i] = s[i] / other[i]
	}
	return out
}

// text is the median, and the least and greatest value, in a format for one number.
func (s spread) text(format string) string {
	return fmt.Sprintf(format+" ("+format+" to "+format+")", s.median(), s.quantile(0), s.quantile(1))
}
