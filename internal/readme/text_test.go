package readme

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Roles of blocks. Without a directive a block runs as analyst.
const (
	analyst  = "analyst"
	provider = "provider" // the administrator of a managed database
)

var root = filepath.Join("..", "..")

// A block is one fenced block of SQL. A comment in the line above its fence may say
// who runs it and that its last statement fails; a text block right below it is the
// last result, or that error:
//
//	<!-- run as ROLE -->
//	<!-- run as ROLE, fails with SQLSTATE -->
type block struct {
	line       int
	role       string
	fails      string
	statements []string
	shows      string
}

var directive = regexp.MustCompile(`^<!-- run as (\w+)(?:, fails with (\w{5}))? -->$`)

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks reads README.md. It fails on a comment that looks like a directive and is none.
func blocks(t *testing.T) (list []block) {
	t.Helper()
	lines := strings.Split(read(t, "README.md"), "\n")
	next := block{role: analyst}
	directed := false
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		m := directive.FindStringSubmatch(line)
		switch {
		case m != nil:
			next, directed = block{role: m[1], fails: m[2]}, true
			continue
		case strings.HasPrefix(line, "<!-- run"):
			t.Fatalf("README.md:%d: not a directive: %s", i+1, line)
		case line == "```sql":
			b := next
			b.line = i + 1
			end := i + 1 + slices.Index(lines[i+1:], "```")
			b.statements = statements(lines[i+1 : end])
			if end+2 < len(lines) && lines[end+1] == "" && lines[end+2] == "```text" {
				shownEnd := end + 3 + slices.Index(lines[end+3:], "```")
				b.shows = strings.Join(lines[end+3:shownEnd], "\n")
				end = shownEnd
			}
			list = append(list, b)
			i = end
		case directed:
			t.Fatalf("README.md:%d: no SQL block follows the directive", i+1)
		}
		next, directed = block{role: analyst}, false
	}
	return list
}

// statements splits a block; each statement ends with a line that ends with a semicolon.
func statements(lines []string) (list []string) {
	var current []string
	for _, line := range lines {
		current = append(current, line)
		if strings.HasSuffix(line, ";") {
			list = append(list, strings.Join(current, "\n"))
			current = nil
		}
	}
	return list
}

// TestPackageMap compares the list of packages with go list.
func TestPackageMap(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "list", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/millrace/millrace/"
	_, section, _ := strings.Cut(read(t, "README.md"), "\n## Packages\n")
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(section, -1) {
		listed[m[1]] = true
	}
	for name := range strings.Lines(string(out)) {
		name = strings.TrimPrefix(strings.TrimSpace(name), module)
		if !listed[name] {
			t.Errorf("README's list of packages lacks %s", name)
		}
		delete(listed, name)
	}
	for name := range maps.Keys(listed) {
		t.Errorf("README lists package %s, which does not exist", name)
	}
}

// TestLimits checks that every setting of the worker is in the table of limits.
func TestLimits(t *testing.T) {
	t.Parallel()
	readme := read(t, "README.md")
	names := regexp.MustCompile(`(?m)^\t// (?:\w+ and )?\w+ \[([A-Z_, ]+)\]`).FindAllStringSubmatch(read(t, "worker", "config.go"), -1)
	if len(names) < 10 {
		t.Fatalf("%d settings found in worker.Config; the test does not know how they are written", len(names))
	}
	for _, m := range names {
		for name := range strings.SplitSeq(m[1], ", ") {
			row := "| `--" + strings.ToLower(strings.ReplaceAll(name, "_", "-")) + "` | `MILLRACE_" + name + "` |"
			if !strings.Contains(readme, "\n"+row) {
				t.Errorf("README's table of limits lacks a row %s", row)
			}
		}
	}
}

// TestErrors checks that every SQLSTATE of the worker is in the table of errors.
func TestErrors(t *testing.T) {
	t.Parallel()
	readme := read(t, "README.md")
	codes := regexp.MustCompile(`fault\.\w+:\s+"(\w{5})"`).FindAllStringSubmatch(read(t, "worker", "internal", "bridge", "error.go"), -1)
	if len(codes) < 10 {
		t.Fatalf("%d SQLSTATEs found in package bridge; the test does not know how they are written", len(codes))
	}
	for _, m := range codes {
		if !strings.Contains(readme, "\n| "+m[1]+" | ") {
			t.Errorf("README's table of errors lacks %s", m[1])
		}
	}
}

// TestLinks checks that what the documents link to exists.
func TestLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^):#]+)\)`)
	for _, file := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", filepath.Join("docs", "design.md")} {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			}
		}
	}
}
