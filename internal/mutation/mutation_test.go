package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestApplicable checks that each mutation still fits the code and names a test
// that exists, so that the list does not rot.
func TestApplicable(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range mutations {
		if seen[m.Name] {
			t.Errorf("two mutations are called %s", m.Name)
		}
		seen[m.Name] = true
		text, err := os.ReadFile(filepath.Join("../..", m.File))
		if err != nil {
			t.Error(err)
			continue
		}
		if n := strings.Count(string(text), m.Old); n != 1 || m.Old == m.New {
			t.Errorf("%s: the text to replace occurs %d times in %s, want 1", m.Name, n, m.File)
		}
		if !hasTests(t, m) {
			t.Errorf("%s: a test of %s is not in %s", m.Name, m.Test, m.Package)
		}
	}
}

// hasTests reports whether every top-level test that m names exists.
func hasTests(t *testing.T, m Mutation) bool {
	files, err := filepath.Glob(filepath.Join("../..", m.Package, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, name := range regexp.MustCompile(`\^(Test\w+)\$`).FindAllStringSubmatch(m.Test, -1) {
		if !strings.Contains(all.String(), "func "+name[1]+"(") {
			return false
		}
	}
	return true
}

// TestTable holds MUTATIONS.md to the list.
func TestTable(t *testing.T) {
	text, err := os.ReadFile("../../MUTATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), table()) {
		t.Error("MUTATIONS.md differs from the list: go run ./internal/mutation -list prints the table")
	}
}
