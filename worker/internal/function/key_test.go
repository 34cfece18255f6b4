package function

import (
	"math"
	"slices"
	"testing"
)

// TestCompareKeys sorts keys as PostgreSQL's ORDER BY does.
func TestCompareKeys(t *testing.T) {
	decimals := []string{"-Infinity", "-100", "-99.5", "-1", "-0.001", "0", "0.02", "0.1", "1", "1.5", "2", "9", "10", "100.25", "Infinity", "NaN"}
	var want []key
	for _, text := range decimals {
		want = append(want, key{kind: decimal, text: text})
	}
	want = append(want, key{})
	reals := []float64{math.Inf(-1), -2, -1e-300, 0, 1e-300, 0.5, 3, math.Inf(1), math.NaN()}
	var wantReals []key
	for _, x := range reals {
		wantReals = append(wantReals, realKey(x))
	}
	for _, list := range [][]key{want, wantReals} {
		got := slices.Clone(list)
		slices.Reverse(got)
		slices.SortFunc(got, compareKeys)
		if !slices.Equal(got, list) {
			t.Errorf("sorted %v, want %v", got, list)
		}
	}
	if realKey(math.Copysign(0, -1)) != realKey(0) || realKey(math.NaN()) != realKey(-math.NaN()) {
		t.Error("zeros or NaNs are different keys")
	}
}

// TestFormatTimestamp names moments so that PostgreSQL reads them.
func TestFormatTimestamp(t *testing.T) {
	const day = 24 * 3600 * 1_000_000
	for _, tt := range []struct {
		micros int64
		want   string
	}{
		{0, "2000-01-01 00:00:00"},
		{-1, "1999-12-31 23:59:59.999999"},
		{31*day + 1500000, "2000-02-01 00:00:01.5"},
		{math.MaxInt64, "infinity"},
		{math.MinInt64, "-infinity"},
		{-730119 * day, "0001-01-01 00:00:00"},
		{-730120 * day, "0001-12-31 00:00:00 BC"},
	} {
		if got := formatTimestamp(tt.micros); got != tt.want {
			t.Errorf("formatTimestamp(%d) = %q, want %q", tt.micros, got, tt.want)
		}
	}
	if got := (key{kind: zonedTime, number: -730120 * day}).String(); got != "0001-12-31 00:00:00+00 BC" {
		t.Errorf("with zone %q", got)
	}
}
