package architecture

import (
	"bytes"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// maxLines is the length of a file that a reader finishes in one sitting.
const maxLines = 400

// A longFile is an exception to maxLines: how long it may be, and why it is not split.
type longFile struct {
	lines  int
	reason string
}

var longFiles = map[string]longFile{}

// TestFileLength checks the length of all Go files, and that no exception is stale.
func TestFileLength(t *testing.T) {
	t.Parallel()
	needed := map[string]bool{}
	for _, p := range all(t) {
		for _, file := range p.files() {
			text, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			name, lines := path.Join(p.name(), file), bytes.Count(text, []byte("\n"))
			if lines <= maxLines {
				continue
			}
			needed[name] = true
			if exception, listed := longFiles[name]; !listed {
				t.Errorf("%s has %d lines: a Go file has at most %d, so that it is read in one sitting", name, lines, maxLines)
			} else if lines > exception.lines {
				t.Errorf("%s has %d lines, and its exception allows %d: %s", name, lines, exception.lines, exception.reason)
			}
		}
	}
	for name := range longFiles {
		if !needed[name] {
			t.Errorf("%s is no longer over %d lines: take it off the list of exceptions", name, maxLines)
		}
	}
}

// TestPackageComment checks that every package says what it is for, in a comment that
// begins as godoc wants it.
func TestPackageComment(t *testing.T) {
	t.Parallel()
	for _, p := range all(t) {
		want, comments := "Package ", 0
		for _, file := range p.files() {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if parsed.Name.Name == "main" {
				want = "Command "
			}
			if parsed.Doc == nil {
				continue
			}
			comments++
			if text := parsed.Doc.Text(); !strings.HasPrefix(text, want) {
				t.Errorf("%s/%s: a package comment begins with %q: %q", p.name(), file, want, strings.SplitN(text, "\n", 2)[0])
			}
		}
		if comments != 1 {
			t.Errorf("%s has %d package comments: every package has one, in one file", p.name(), comments)
		}
	}
}
