package tree

import (
	"testing"
	"time"
)

// TestCivil compares with Go's calendar on each day of 800 years, and far away.
func TestCivil(t *testing.T) {
	check := func(day int64) {
		want := time.Date(2000, 1, 1+int(day), 0, 0, 0, 0, time.UTC)
		if y, m, d := civil(day); y != int64(want.Year()) || m != int64(want.Month()) || d != int64(want.Day()) {
			t.Fatalf("day %d: %d-%d-%d, want %s", day, y, m, d, want)
		}
	}
	for day := int64(-146097); day <= 146097; day++ {
		check(day)
	}
	for day := int64(-2451545); day < 2145031948; day += 12345677 {
		check(day)
	}
}

// TestQuote: a text is one string constant whatever standard_conforming_strings is.
func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"": "''", "it's": "'it''s'", `a\'b`: `E'a\\''b'`} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
}
