package view

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/millrace/millrace/sql/dataflow"
	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
	"github.com/millrace/millrace/worker/internal/replication"
)

// faulty is an operator that passes its input on and has a bug where it is told to.
type faulty struct{ step, save, load bool }

func bug(here bool) {
	if here {
		panic("a case that was not thought of")
	}
}

func (f *faulty) Step(_ *dataflow.Context, in []*zset.Batch, out *zset.Batch) error {
	bug(f.step)
	out.AddAll(in[0], 1)
	return nil
}
func (f *faulty) Save(*zset.Writer)         { bug(f.save) }
func (f *faulty) Load(*zset.Reader) error   { bug(f.load); return nil }
func (f *faulty) Size() (rows, bytes int64) { return 0, 0 }
func (f *faulty) Describe() string          { return "faulty" }

// faultyEngine follows one table of one column, with a view of each operator.
func faultyEngine(t *testing.T, operators ...*faulty) (*Engine, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	e := &Engine{config: Config{Log: slog.New(slog.NewTextHandler(log, nil)), StateDir: t.TempDir()}, commands: make(chan func())}
	e.reset()
	e.system = new(replication.System)
	columns := []keptColumn{{Number: 1, Name: "a", Type: &row.Type{Kind: row.Int4}}}
	e.stores[7] = newStore(7, columns, columns, nil)
	for i, op := range operators {
		v := newView(definition{Name: string(rune('a' + i)), View: uint32(i + 1)})
		c := dataflow.NewCircuit()
		c.SetOutput(c.Add(op, c.Input(1)))
		v.plan, v.stale, v.state = &plan.View{Circuit: c}, false, stateLive
		v.feeds = []*feed{{input: 1, members: []member{{relation: 7, numbers: []int16{1}}}}}
		v.output = zset.NewSet()
		e.views[v.View], e.order = v, append(e.order, v)
	}
	return e, log
}

func changeOf(value int32) deltas {
	b := new(zset.Batch)
	b.Add(row.Make(row.Int4Value(value)), 1)
	return deltas{7: b}
}

// TestBugInStep: of three views the one with a bug is built anew, and the one that
// reads it; the others go on.
func TestBugInStep(t *testing.T) {
	t.Parallel()
	e, log := faultyEngine(t, &faulty{step: true}, &faulty{}, &faulty{})
	e.order[2].feeds = []*feed{{input: 1, parent: e.order[0]}}
	e.step(t.Context(), changeOf(1))
	a, b, c := e.order[0], e.order[1], e.order[2]
	if a.built() || a.state != stateErrored || !strings.Contains(a.reason, "a bug of Millrace: a case that was not thought of") {
		t.Errorf("the view with the bug is %s: %s", a.state, a.reason)
	}
	if !b.built() || b.output.Len() != 1 {
		t.Errorf("the view beside it is %s: %s, with %d rows, want 1", b.state, b.reason, b.output.Len())
	}
	if c.built() || c.state != stateCatchingUp {
		t.Errorf("the view above it is %s: %s", c.state, c.reason)
	}
	if !strings.Contains(log.String(), "bug_test.go") || !strings.Contains(log.String(), "view=a") {
		t.Errorf("the log does not tell where: %s", log)
	}
}

// TestBugInSave: the state of the views that can be saved is.
func TestBugInSave(t *testing.T) {
	t.Parallel()
	e, _ := faultyEngine(t, &faulty{}, &faulty{save: true}, &faulty{})
	e.step(t.Context(), changeOf(1))
	built, _ := e.savable()
	if _, err := e.save(built); !errors.Is(err, errBug) {
		t.Errorf("save: error %v, want %v", err, errBug)
	}
	if v := e.order[1]; v.built() || v.state != stateErrored {
		t.Errorf("the view with the bug is %s: %s", v.state, v.reason)
	}
	built, _ = e.savable()
	if _, err := e.save(built); err != nil || len(built) != 2 {
		t.Fatalf("save again: error %v, %d views, want 2", err, len(built))
	}
	f, _, err := openWhole(e.stateFile())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	views, err := e.readState(zset.NewReader(f))
	if err != nil || len(views) != 2 || views[1].output.Len() != 1 || views[3].output.Len() != 1 {
		t.Errorf("read: %v, %d views, want those of a and c with a row each", err, len(views))
	}
}

// TestBugInTable: a table whose rows cannot be saved or changed is copied again.
func TestBugInTable(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(*Engine, *store) error{
		"Save": func(e *Engine, _ *store) error {
			built, _ := e.savable()
			_, err := e.save(built)
			return err
		},
		"Change": func(e *Engine, s *store) error { return e.change(s, new(replication.Change), deltas{}) },
		"CatchUp": func(e *Engine, s *store) error {
			return e.catchUp(&copyUnit{store: s}, func(yield func(replication.Change, error) bool) { yield(replication.Change{}, nil) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _ := faultyEngine(t, &faulty{})
			s := e.stores[7]
			s.plain, s.keyed = nil, nil // which is the bug
			if err := use(e, s); !errors.Is(err, errBug) {
				t.Errorf("error %v, want %v", err, errBug)
			}
			if v := e.order[0]; name == "Save" && (e.stores[7] != nil || v.built() || v.state != stateCatchingUp) {
				t.Errorf("the view is %s: %s, want it to be built anew", v.state, v.reason)
			}
		})
	}
}

// TestBugElsewhere: what a view is compiled, loaded, written and shown by returns an
// error, and what holds the state of all views gives that up.
func TestBugElsewhere(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(*Engine, *view) error{
		// Without a pool, logins or a stream each of these comes to a nil pointer.
		"Prepare": func(e *Engine, v *view) error { return e.prepare(t.Context(), v.definition, nil).err },
		"Read": func(e *Engine, v *view) error {
			_, err := e.readTable(t.Context(), table{})
			return err
		},
		"Receive": func(e *Engine, _ *view) error { return e.receive(t.Context(), nil) },
		"Audit": func(e *Engine, v *view) error {
			defer serve(e, v)()
			_, err := e.auditRange(t.Context(), v.View)
			return err
		},
		"Compare": func(e *Engine, v *view) error {
			defer serve(e, v)()
			return e.runComparison(t.Context(), &comparison{view: v.View})
		},
		"Load": func(e *Engine, v *view) error {
			var saved bytes.Buffer
			w := zset.NewWriter(&saved)
			if err := errors.Join(v.plan.Circuit.Save(w), w.Flush()); err != nil {
				return err
			}
			return e.loadCircuit(v, saved.Bytes())
		},
		"Write": func(e *Engine, v *view) error {
			v.applied, v.pending = nil, nil
			_, err := e.writings(v)
			return err
		},
		"Render": func(e *Engine, v *view) error {
			v.types, v.numbers = []*row.Type{{Kind: row.Int4}}, nil
			return e.render(t.Context(), &writing{view: v})
		},
		"Explain": func(e *Engine, v *view) error {
			v.plan.Circuit = nil
			_, err := e.explanation(v)
			return err
		},
		"State": func(e *Engine, _ *view) error {
			e.stores = nil
			var saved bytes.Buffer
			other, _ := faultyEngine(t)
			w := zset.NewWriter(&saved)
			other.writeState(w, nil)
			if err := w.Flush(); err != nil {
				return err
			}
			_, err := e.readState(zset.NewReader(&saved))
			return err
		},
		"Loop": func(e *Engine, _ *view) error {
			err := e.guardedLoop(t.Context(), new(sync.WaitGroup), nil, nil, nil)
			return tornBy(e, err)
		},
		"Era": func(e *Engine, _ *view) error { return tornBy(e, e.era(t.Context())) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, log := faultyEngine(t, &faulty{load: true})
			if err := use(e, e.order[0]); !errors.Is(err, errBug) {
				t.Errorf("error %v, want %v", err, errBug)
			}
			if !strings.Contains(log.String(), "goroutine") {
				t.Errorf("the log does not tell where: %s", log)
			}
		})
	}
}

// serve makes a view live and runs what is asked of the loop, until stop is called.
func serve(e *Engine, v *view) (stop func()) {
	v.applied = zset.NewIndex()
	v.plan.Columns = []plan.Column{{Name: "a", Type: &row.Type{Kind: row.Int4}}}
	var wait sync.WaitGroup
	wait.Go(func() {
		for f := range e.commands {
			f()
		}
	})
	return func() { close(e.commands); wait.Wait() }
}

var errWhole = errors.New("the state is taken for whole")

func tornBy(e *Engine, err error) error {
	if !e.torn {
		return errWhole
	}
	return err
}
