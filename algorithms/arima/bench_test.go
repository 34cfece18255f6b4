package arima

import (
	"math"
	"testing"

	"github.com/millrace/millrace/algorithms/algtest"
)

// BenchmarkFit reports rows/s of a fit with all its starts.
func BenchmarkFit(b *testing.B) {
	for _, c := range []struct {
		name, dataset string
		spec          Spec
		every         int // one value in so many is missing
	}{
		{"Airline144", "air_passengers", Spec{D: 1, Q: 1, SD: 1, SQ: 1, Period: 12}, 0},
		{"Airline144Gaps", "air_passengers", Spec{D: 1, Q: 1, SD: 1, SQ: 1, Period: 12}, 20},
		{"Seasonal468", "co2", Spec{P: 1, D: 1, Q: 1, SP: 1, SD: 1, SQ: 1, Period: 12}, 0},
		{"Plain289", "sunspots", Spec{P: 2, Q: 2, Mean: true}, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			y := algtest.Dataset(b, c.dataset).Floats(b, "value")
			for t := 25; c.every > 0 && t < len(y); t += c.every {
				y[t] = math.NaN()
			}
			rows := 0
			for b.Loop() {
				if _, err := Fit(b.Context(), Data{Y: y}, c.spec, Options{}); err != nil {
					b.Fatal(err)
				}
				rows += len(y)
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkSelect reports rows/s of an automatic selection.
func BenchmarkSelect(b *testing.B) {
	y := algtest.Dataset(b, "air_passengers").Floats(b, "value")
	rows := 0
	for b.Loop() {
		if _, err := Select(b.Context(), Data{Y: y}, Search{Period: 12}); err != nil {
			b.Fatal(err)
		}
		rows += len(y)
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
