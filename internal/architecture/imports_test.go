// Package architecture holds no code: its tests keep the rules of the house, which
// CONTRIBUTING.md states. A failure's text is the sentence of the rule.
package architecture

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/millrace/millrace"

// A pkg is what go list says of one package.
type pkg struct {
	ImportPath   string
	Dir          string
	Imports      []string
	TestImports  []string
	XTestImports []string
	GoFiles      []string
	CgoFiles     []string
	SFiles       []string
	TestGoFiles  []string
	XTestGoFiles []string
}

// name is the import path within the module.
func (p pkg) name() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

// files are all Go files, tests too.
func (p pkg) files() []string { return slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) }

// packages lists the packages of the module.
var packages = sync.OnceValues(func() ([]pkg, error) {
	cmd := exec.Command("go", "list", "-json", "./...")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "CGO_ENABLED=1") // else cgo files are ignored
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.Join(err, errors.New(problems.String()))
	}
	var list []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
})

func all(t *testing.T) []pkg {
	t.Helper()
	list, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 20 {
		t.Fatalf("go list found %d packages of the module; the test looks in the wrong place", len(list))
	}
	return list
}

// within reports whether a package or a third-party import is one of the trees.
func within(name string, trees []string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool {
		return name == tree || strings.HasPrefix(name, tree+"/")
	})
}

// A floor says what a tree of packages may import from this module.
type floor struct {
	trees    []string
	may      []string // besides the package's own tree
	testsMay []string // besides may
	sentence string
}

// floors covers every package: the first that holds it applies. Tests of any package
// may use the servers that internal/pgtest and internal/milltest give, where said.
var floors = []floor{
	{trees: []string{"exact"},
		sentence: "exact is arithmetic: it imports nothing of the project"},
	{trees: []string{"algorithms"}, may: []string{"exact"}, testsMay: []string{"datasets"},
		sentence: "algorithms are numerics only: they know no SQL, no database and no worker"},
	{trees: []string{"sql"}, may: []string{"exact"}, testsMay: []string{"internal/pgtest", "internal/tpch", "internal/lawtest"},
		sentence: "sql knows nothing of algorithms, nor of anything above it"},
	{trees: []string{"ext"}, testsMay: []string{"sql", "internal/pgtest"},
		sentence: "ext holds SQL text and imports nothing of the project"},
	{trees: []string{"datasets"}, testsMay: []string{"internal/pgtest"},
		sentence: "datasets holds data and imports nothing of the project"},
	{trees: []string{"pushdown"}, may: []string{"exact", "algorithms", "sql"}, testsMay: []string{"internal/pgtest"},
		sentence: "pushdown may use algorithms and sql, and nothing above them"},
	{trees: []string{"worker"}, may: []string{"exact", "algorithms", "sql", "pushdown", "ext", "datasets"},
		testsMay: []string{"internal/pgserver", "internal/pgtest", "internal/milltest", "internal/tpch", "internal/lawtest"},
		sentence: "worker may use algorithms, sql, pushdown, and the embedded ext and datasets; nothing above it"},
	{trees: []string{"internal/pgserver", "internal/supervise"},
		sentence: "the packages that run PostgreSQL and processes know nothing of Millrace"},
	{trees: []string{"internal/pgtest"}, may: []string{"internal/pgserver"},
		sentence: "pgtest gives a server, and knows nothing of what is tested on it"},
	{trees: []string{"internal", "cmd", "bench"}, may: []string{"exact", "algorithms", "sql", "pushdown", "worker", "ext", "datasets", "internal"},
		sentence: "cmd, bench and the tools in internal may use everything but each other's commands"},
}

// TestFloors checks the direction of imports within the module.
func TestFloors(t *testing.T) {
	t.Parallel()
	for _, p := range all(t) {
		name := p.name()
		i := slices.IndexFunc(floors, func(f floor) bool { return within(name, f.trees) })
		if i < 0 {
			t.Errorf("%s: every package belongs to a floor of the house: add it to floors, with the sentence of its rule", name)
			continue
		}
		f := floors[i]
		check := func(imports, may []string, who string) {
			for _, imported := range imports {
				other, ours := strings.CutPrefix(imported, module+"/")
				if ours && !within(other, f.trees) && !within(other, may) {
					t.Errorf("%s%s imports %s: %s", name, who, other, f.sentence)
				}
			}
		}
		check(p.Imports, f.may, "")
		check(slices.Concat(p.TestImports, p.XTestImports), slices.Concat(f.may, f.testsMay), " (test)")
	}
}

// A home is where a third-party library may be imported.
type home struct {
	library  string // an import path and what is below it
	trees    []string
	sentence string
}

// homes names each library that may be imported at all; the longest match applies.
var homes = []home{
	{"gonum.org/v1/gonum", []string{"algorithms"}, "gonum is used below algorithms only"},
	// The matrix is a type in the signatures of algorithms, as []float64 is.
	{"gonum.org/v1/gonum/mat", []string{"algorithms", "worker/internal/function"}, "gonum is used below algorithms only, its matrix type also where algorithms are called"},
	{"github.com/jackc/pgx/v5/pgproto3", []string{"worker/internal/bridge", "worker/internal/replication"}, "pgproto3 is used in worker/internal/bridge, which speaks it as a server, and in replication, whose stream it frames"},
	{"github.com/jackc/pgx/v5", []string{"worker", "cmd", "internal", "datasets", "bench"}, "algorithms, sql and pushdown do not talk to a database"},
	{"github.com/jackc/pglogrepl", []string{"worker/internal/replication"}, "pglogrepl is used in worker/internal/replication only"},
	{"github.com/golang-migrate/migrate/v4", []string{"worker/internal/catalog"}, "golang-migrate is used in worker/internal/catalog only"},
	{"github.com/apache/arrow/go/v17", []string{"worker/internal/source", "worker/internal/function", "worker/internal/job"}, "arrow is used in worker/internal (source, function, job) only"},
	{"github.com/spf13/cobra", []string{"cmd"}, "cobra is used in cmd only"},
	{"github.com/spf13/pflag", []string{"cmd"}, "pflag, a part of cobra, is used in cmd only"},
	{"golang.org/x/sync", []string{"worker"}, "x/sync is used in worker only"},
}

// testHomes are for tests alone, besides homes.
var testHomes = []home{
	// A test that sends what no driver sends.
	{"github.com/jackc/pgx/v5/pgproto3", []string{"internal/pgtest", "worker"}, "pgproto3 is used in worker/internal/bridge only"},
	// PostgreSQL is the oracle for what the rules below it say of SQL.
	{"github.com/jackc/pgx/v5", []string{"sql", "pushdown", "ext"}, "algorithms do not talk to a database"},
}

// TestThirdParty checks that each library stays in its home.
func TestThirdParty(t *testing.T) {
	t.Parallel()
	for _, p := range all(t) {
		check := func(imports []string, extra []home, who string) {
			for _, imported := range imports {
				first, _, _ := strings.Cut(imported, "/")
				if !strings.Contains(first, ".") || within(imported, []string{module}) {
					continue // the standard library, or ours
				}
				if at(imported, p.name(), extra) == "" {
					continue
				}
				if sentence := at(imported, p.name(), homes); sentence != "" {
					t.Errorf("%s%s imports %s: %s", p.name(), who, imported, sentence)
				}
			}
		}
		check(p.Imports, nil, "")
		check(slices.Concat(p.TestImports, p.XTestImports), testHomes, " (test)")
	}
}

// at returns "" if the library may be imported there, or the sentence that forbids it.
func at(imported, name string, homes []home) string {
	sentence, longest := "a third-party library has a home, named in homes; a new one needs a reason in the commit", 0
	for _, h := range homes {
		if within(imported, []string{h.library}) && len(h.library) > longest {
			sentence, longest = h.sentence, len(h.library)
			if within(name, h.trees) {
				sentence = ""
			}
		}
	}
	return sentence
}

// TestPureGo checks that the program stays one static binary.
func TestPureGo(t *testing.T) {
	t.Parallel()
	for _, p := range all(t) {
		if len(p.CgoFiles) > 0 || len(p.SFiles) > 0 {
			t.Errorf("%s has cgo or assembly files (%s): Millrace is pure Go, one static binary", p.name(), strings.Join(slices.Concat(p.CgoFiles, p.SFiles), ", "))
		}
	}
}
