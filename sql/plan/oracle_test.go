package plan_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/sql/dataflow"
	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/tree"
	"github.com/millrace/millrace/sql/zset"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// world is a database with tables, and views that are compared after each change.
type world struct {
	t       *testing.T
	conn    *pgx.Conn
	catalog *catalog
	remote  *remote
	tables  []string
	oids    map[string]uint32
	names   map[string]string    // the tables' columns but the generated ones, as a list
	numbers map[string][]int16   // their numbers
	before  map[string][]row.Row // contents, sorted, at the last step
	views   []*maintained
}

// maintained is a view and its circuit.
type maintained struct {
	name, query string
	view        *plan.View
	result      *zset.Set
}

// newWorld makes a database with the tables.
func newWorld(t *testing.T, ddl string, tables ...string) *world {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	w := &world{t: t, conn: conn, tables: tables, oids: map[string]uint32{}, names: map[string]string{}, numbers: map[string][]int16{}, before: map[string][]row.Row{}}
	w.exec("SET TimeZone = 'Europe/Vienna'; SET DateStyle = ISO; SET extra_float_digits = 1")
	w.exec(ddl)
	w.catalog = newCatalog(t, conn)
	w.remote = &remote{conn: conn, catalog: w.catalog}
	for _, name := range tables {
		var oid uint32
		if err := conn.QueryRow(context.Background(), "SELECT $1::regclass::oid", name).Scan(&oid); err != nil {
			t.Fatal(err)
		}
		r, err := w.catalog.Relation(oid)
		if err != nil {
			t.Fatal(err)
		}
		w.oids[name] = oid
		var list []string
		for _, c := range r.Columns {
			if c.Generated == 0 {
				list, w.numbers[name] = append(list, pgx.Identifier{c.Name}.Sanitize()), append(w.numbers[name], c.Number)
			}
		}
		w.names[name] = strings.Join(list, ", ")
	}
	return w
}

func (w *world) exec(sql string) {
	w.t.Helper()
	if _, err := w.conn.Exec(context.Background(), sql); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

// compile makes a plain view of a query and compiles its tree.
func (w *world) compile(name, query string) (*plan.View, error) {
	w.t.Helper()
	described, err := w.conn.Prepare(context.Background(), "", query)
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	columns := make([]string, len(described.Fields))
	for i := range columns {
		columns[i] = fmt.Sprintf("r%d", i)
	}
	create := fmt.Sprintf("CREATE VIEW %s (%s) AS %s", name, strings.Join(columns, ", "), query)
	if _, err := w.conn.Exec(context.Background(), create); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	var action string
	const sql = "SELECT ev_action::text FROM pg_rewrite WHERE ev_class = $1::regclass AND rulename = '_RETURN'"
	if err := w.conn.QueryRow(context.Background(), sql, name).Scan(&action); err != nil {
		w.t.Fatal(err)
	}
	q, err := tree.Read(action)
	if err != nil {
		return nil, err
	}
	return plan.Compile(q, w.catalog)
}

// maintain compiles the queries.
func (w *world) maintain(queries []string) {
	w.t.Helper()
	for _, q := range queries {
		name := fmt.Sprintf("v%d", len(w.views))
		v, err := w.compile(name, q)
		m := &maintained{name: name, query: q, view: v, result: zset.NewSet()}
		if err != nil {
			w.t.Errorf("%s: %v", q, err)
			m.view = nil
		}
		w.views = append(w.views, m)
	}
}

// contents is some columns of a relation's rows, sorted by bytes.
func (w *world) contents(columns, relation string) ([]row.Row, error) {
	rows, err := binaryRows(context.Background(), w.conn, "SELECT "+columns+" FROM "+relation, nil, nil)
	slices.SortFunc(rows, func(a, b row.Row) int { return strings.Compare(string(a), string(b)) })
	return rows, err
}

// step gives the circuits what changed in the tables, and compares.
func (w *world) step(what string) {
	w.t.Helper()
	deltas := map[string]*zset.Batch{}
	for _, name := range w.tables {
		now, err := w.contents(w.names[name], "ONLY "+name)
		if err != nil {
			w.t.Fatal(err)
		}
		b := &zset.Batch{}
		for _, r := range w.before[name] {
			b.Add(r, -1)
		}
		for _, r := range now {
			b.Add(r, 1)
		}
		b.Consolidate()
		w.before[name], deltas[name] = now, b
	}
	for _, m := range w.views {
		if m.view != nil {
			if err := w.stepView(m, deltas); err != nil {
				w.t.Errorf("%s\n%s: %v", m.query, what, err)
				m.view = nil
				continue
			}
			w.compare(m, what)
		}
	}
}

func (w *world) stepView(m *maintained, deltas map[string]*zset.Batch) error {
	in := map[any]*zset.Batch{}
	for _, t := range m.view.Tables {
		for name, oid := range w.oids {
			if oid != t.OID {
				continue
			}
			b := &zset.Batch{}
			for r, n := range deltas[name].All() {
				values := r.Split(nil)
				var cut row.Row = row.Row{}
				for _, number := range t.Columns {
					cut = row.Append(cut, values[slices.Index(w.numbers[name], number)])
				}
				b.Add(cut, n)
			}
			in[t.Input()] = b
		}
	}
	var out zset.Batch
	if err := m.view.Circuit.Step(&dataflow.Context{Context: context.Background(), Remote: w.remote}, in, &out); err != nil {
		return err
	}
	for r, n := range out.All() {
		m.result.Add(r, n)
	}
	return nil
}

// compare compares a view's integrated output with PostgreSQL's answer: the rows with
// their multiplicity, or that there is an error.
func (w *world) compare(m *maintained, what string) {
	w.t.Helper()
	want, err := w.contents("*", m.name)
	count, message, _ := m.view.Circuit.Errors()
	if err != nil || count > 0 {
		text, _ := failure(err)
		if count == 0 || err == nil || text != message && !strings.Contains(err.Error(), message) {
			w.t.Errorf("%s\n%s: %d row errors, one %q; PostgreSQL: %v", m.query, what, count, message, err)
			m.view = nil
		}
		return
	}
	diff := zset.NewSet()
	for r, n := range m.result.All() {
		diff.Add(r, n)
	}
	for _, r := range want {
		diff.Add(r, -1)
	}
	if diff.Len() == 0 {
		return
	}
	var text strings.Builder
	for r, n := range diff.All() {
		if text.Len() < 1500 {
			fmt.Fprintf(&text, "\n  %+d %q", n, r.Split(nil))
		}
	}
	w.t.Errorf("%s\n%s: ours less PostgreSQL's %d rows:%s\n%s", m.query, what, len(want), &text, m.view.Circuit.Explain())
	m.view = nil
}

// random is a source whose seed a failure shows.
func random(t *testing.T, seed uint64) *rand.Rand {
	t.Helper()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// refused is the construct of a Refused error.
func refused(err error) *plan.Refused {
	var r *plan.Refused
	errors.As(err, &r)
	return r
}

// rows is the number of rows of all views' results.
func (w *world) rows() (n int64) {
	for _, m := range w.views {
		for _, weight := range m.result.All() {
			n += weight
		}
	}
	return n
}
