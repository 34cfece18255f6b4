package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBenchViews measures next to nothing, and finds the same table in the file.
func TestBenchViews(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "views.txt")
	out := succeed(t, "bench", "views", "--rows", "500", "--rounds", "1", "--changes", "200", "--writers", "1",
		"--slice", "100ms", "--rate", "100", "--span", "300ms", "--scale", "0", "--out", file)
	for _, want := range []string{"millrace tested bench views", "drain ", "writers ", "latency ", "ratio "} {
		if !strings.Contains(out, want) {
			t.Errorf("the table has no %q:\n%s", want, out)
		}
	}
	if kept, err := os.ReadFile(file); err != nil || string(kept) != out {
		t.Errorf("the file holds %v\n%s\nwant\n%s", err, kept, out)
	}
	if o := execute(t, "bench", "views", "--rows", "1"); o.code == 0 || !strings.Contains(o.stderr, "rows is 1") {
		t.Errorf("--rows 1 ended with %d and %s", o.code, o.stderr)
	}
}
