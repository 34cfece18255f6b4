// Command mutation shows that the tests see what they are for: it breaks one
// defence at a time, in a copy of the module, and expects the named test to fail.
//
//	go run ./internal/mutation [-run REGEXP] [-list]
//
// Run it from the module's root. It takes some seconds for each mutation.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// testTimeout bounds one run of a test, which a mutation can make hang: a test
// that hangs is a failure too.
const testTimeout = 3 * time.Minute

// Mutation is one edit and the test that must notice it.
type Mutation struct {
	Name    string
	Breaks  string // the promise, in words
	File    string
	Old     string // occurs once in File
	New     string
	Package string
	Test    string // a regular expression for go test -run
}

// mutations are all of them.
var mutations = slices.Concat(callMutations, viewMutations)

func main() {
	pattern := flag.String("run", "", "only mutations whose name matches")
	list := flag.Bool("list", false, "print the table of MUTATIONS.md and stop")
	flag.Parse()
	if *list {
		fmt.Print(table())
		return
	}
	survivors, err := run(*pattern)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if survivors > 0 {
		fmt.Printf("%d mutations survived\n", survivors)
		os.Exit(1)
	}
}

// table is the list for readers.
func table() string {
	var b strings.Builder
	b.WriteString("| mutation | what it breaks | file | test that goes red |\n|---|---|---|---|\n")
	for _, m := range mutations {
		fmt.Fprintf(&b, "| %s | %s | `%s` | `%s` in `%s` |\n", m.Name, m.Breaks, m.File, strings.Trim(m.Test, "^$"), m.Package)
	}
	return b.String()
}

// run applies each mutation and returns how many no test has noticed.
func run(pattern string) (survivors int, err error) {
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return 0, fmt.Errorf("mutation: pattern: %w", err)
	}
	dir, err := os.MkdirTemp("", "mutation-")
	if err != nil {
		return 0, fmt.Errorf("mutation: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := copyModule(".", dir); err != nil {
		return 0, err
	}
	for _, m := range mutations {
		if !wanted.MatchString(m.Name) {
			continue
		}
		began := time.Now()
		verdict, err := m.try(dir)
		if err != nil {
			verdict = "ERROR"
			fmt.Fprintln(os.Stderr, err)
		}
		fmt.Printf("%-9s %-28s %4.0f s  %s %s\n", verdict, m.Name, time.Since(began).Seconds(), m.Package, m.Test)
		if verdict != "killed" {
			survivors++
		}
	}
	return survivors, nil
}

// try runs the test on the mutated copy and puts the file back.
func (m Mutation) try(dir string) (verdict string, err error) {
	file := filepath.Join(dir, m.File)
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("mutation: %s: %w", m.Name, err)
	}
	if n := bytes.Count(text, []byte(m.Old)); n != 1 {
		return "", fmt.Errorf("mutation: %s: the text to replace occurs %d times in %s, want 1", m.Name, n, m.File)
	}
	mutated := bytes.Replace(text, []byte(m.Old), []byte(m.New), 1)
	if err := os.WriteFile(file, mutated, 0o644); err != nil {
		return "", fmt.Errorf("mutation: %s: %w", m.Name, err)
	}
	output, failed := runTest(dir, m.Package, m.Test)
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return "", fmt.Errorf("mutation: %s: %w", m.Name, err)
	}
	switch {
	case strings.Contains(output, "[build failed]") || strings.Contains(output, "[setup failed]"):
		return "", fmt.Errorf("mutation: %s does not build:\n%s", m.Name, output)
	case strings.Contains(output, "[no tests to run]"):
		return "", fmt.Errorf("mutation: %s: no test matches %s in %s", m.Name, m.Test, m.Package)
	case failed:
		return "killed", nil
	}
	return "SURVIVED", nil
}

func runTest(dir, pkg, test string) (output string, failed bool) {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, "go", "test", "-count=1", "-vet=off", "-run", test, pkg)
	command.Dir = dir
	command.WaitDelay = 10 * time.Second
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	return string(out), errors.As(err, &exit) || ctx.Err() != nil
}

// copyModule copies what go test needs.
func copyModule(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != from && (strings.HasPrefix(name, ".") || name == "bin") {
			return filepath.SkipDir
		}
		target := filepath.Join(to, path)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644)
	})
}
