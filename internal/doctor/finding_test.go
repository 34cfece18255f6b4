package doctor

import (
	"strings"
	"testing"
	"time"
)

func TestString(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		finding Finding
		want    string
	}{
		{good("all %d", 3), "ok    all 3"},
		{Finding{Warn, "two\n\tlines", "do\nthis"}, "warn  two lines; do this"},
		{Finding{Fail, "x", "y"}, "FAIL  x; y"},
	} {
		if got := tt.finding.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	if Failed([]Finding{{Level: OK}, {Level: Warn}}) || !Failed([]Finding{{Level: Fail}, {Level: OK}}) {
		t.Error("Failed is wrong")
	}
}

// TestVersion has the minor versions on both sides of the correction of the lost
// changes, from the release notes of PostgreSQL of June 2025.
func TestVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[int]Level{
		130021: Fail, 140000: Warn, 140017: Warn, 140018: OK, 150012: Warn, 150013: OK, 160008: Warn, 160009: OK,
		170004: Warn, 170005: OK, 180000: OK, 190000: Warn,
	} {
		if f := versionFinding(version); f.Level != want || (f.Fix == "") != (want == OK) {
			t.Errorf("version %d: %v, want %v", version, f, want)
		}
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ahead, trip time.Duration
		want        Level
		text        string
	}{
		{0, time.Millisecond, OK, "within 1ms"},
		{-2 * time.Second, time.Millisecond, OK, "within 2s"},
		{3 * time.Second, time.Millisecond, Warn, "3s ahead of"},
		{-3 * time.Second, time.Millisecond, Warn, "3s behind"},
		{3 * time.Second, 4 * time.Second, OK, ""}, // it took too long to tell
	} {
		if f := clockFinding(tt.ahead, tt.trip); f.Level != tt.want || !strings.Contains(f.What, tt.text) {
			t.Errorf("%v ahead: %v, want %v with %q", tt.ahead, f, tt.want, tt.text)
		}
	}
}

func TestDisk(t *testing.T) {
	t.Parallel()
	for free, want := range map[uint64]Level{0: Fail, 128<<20 - 1: Fail, 128 << 20: Warn, 2<<30 - 1: Warn, 2 << 30: OK, 1 << 50: OK} {
		if f := diskFinding("/data", free); f.Level != want || !strings.Contains(f.What, "/data") {
			t.Errorf("%d bytes free: %v, want %v", free, f, want)
		}
	}
}

func TestFew(t *testing.T) {
	t.Parallel()
	if got := few(strings.Split("abcdefg", "")); got != "a, b, c, d, e and 2 more" {
		t.Errorf("few of seven = %q", got)
	}
	if got := few(strings.Split("abcde", "")); got != "a, b, c, d, e" {
		t.Errorf("few of five = %q", got)
	}
}
