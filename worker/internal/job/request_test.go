package job

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/worker/internal/bridge"
	"github.com/millrace/millrace/worker/internal/fault"
	"github.com/millrace/millrace/worker/internal/source"
)

// noRoles knows nobody.
type noRoles struct{}

func (noRoles) Reader(context.Context, string) (source.Login, bool, error) {
	return source.Login{}, false, nil
}

func (noRoles) ImmutableInCatalog(context.Context, []string) (bool, error) { return false, nil }

func newTestManager() *Manager {
	return NewManager(Config{Version: "v", Roles: noRoles{}, Calls: 1, QueueTimeout: time.Second, MemoryPerCall: 1 << 20, MemoryTotal: 1 << 20,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
}

// FuzzRequest sends any request text through every door: an answer or a fault,
// and at the end of the transaction nothing is left.
func FuzzRequest(f *testing.F) {
	const columns = `[{"relation": 1, "columns": [{"role": "target", "expression": "y"}, {"role": "feature", "expression": "x"}]}]`
	for _, seed := range []string{
		`{"op": "prepare", "version": "v", "function": "linear_regression", "args": {"intercept": true, "covariance": "classical", "ridge": 0, "confidence": 0.95}, "inputs": ` + columns + `}`,
		`{"op": "prepare", "version": "v", "function": "linear_regression", "args": {}, "inputs": []}`,
		`{"op": "prepare", "version": "v", "function": "knn", "args": null, "inputs": [{}]}`, `{"op": "prepare", "version": "w"}`,
		`{"op": "start", "job": "x"}`, `{"op": "wait"}`, `{"op": "shipped"}`, `{"op": "cancel", "job": ""}`, `{"op": "nothing"}`, `{"unknown": 1}`, `[]`, `null`, ``, `ship x 0 00`, `ship `, `fetch x 0`, `fetch`, `jobs`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := newTestManager()
		s := &bridge.Session{Role: "alice"}
		for _, table := range []string{"worker", "rows"} {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			rows, err := m.Open(ctx, s, bridge.Query{Table: table, Columns: []string{"answer"}, Request: text})
			cancel()
			if err != nil {
				if fault.As(err).Kind == fault.Internal {
					t.Fatalf("%q in %s is reported as a bug of ours: %v", text, table, err)
				}
				continue
			}
			rows.Close()
		}
		m.EndTransaction(s)
		if len(m.jobs) != 0 || m.memory.Used() != 0 {
			t.Fatalf("%d jobs and %d bytes are left", len(m.jobs), m.memory.Used())
		}
		m.Close()
	})
}

// TestForgedStart starts a prepared call with facts that do not fit it: each is
// refused, none ends the worker.
func TestForgedStart(t *testing.T) {
	const prepare = `{"op": "prepare", "version": "v", "function": "linear_regression", "args": {"intercept": true, "covariance": "classical", "ridge": 0, "confidence": 0.95},
		"inputs": [{"relation": 1, "columns": [{"role": "target", "expression": "y"}, {"role": "feature", "expression": "x"}]}]}`
	for _, facts := range []string{
		`{}`, `{"types": []}`, `{"types": [[]], "facts": {"relations": [{}]}}`, `{"types": [[701]], "facts": {"relations": [{}]}}`, `{"types": [[701, 701], []], "facts": {"relations": [{}, {}]}}`,
		`{"types": [[701, 701]], "facts": {"relations": [{}]}}`, `{"types": [[701, 701]], "facts": {"relations": [{}], "types": {"701": {}}}}`,
	} {
		m := newTestManager()
		s := &bridge.Session{Role: "alice"}
		a, err := m.ask(t.Context(), s, prepare)
		if err != nil {
			t.Fatal(err)
		}
		var request map[string]any
		if err := json.Unmarshal([]byte(facts), &request); err != nil {
			t.Fatal(err)
		}
		request["op"], request["job"] = "start", a.(answer).Job
		text, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.ask(t.Context(), s, string(text)); err == nil || fault.As(err).Kind == fault.Internal {
			t.Errorf("%s: error %v, want a fault", facts, err)
		}
		m.EndTransaction(s)
		m.Close()
	}
}

// TestSubtransactionEnds ends the jobs of a subtransaction that is rolled back,
// and no others.
func TestSubtransactionEnds(t *testing.T) {
	m := newTestManager()
	s, other := &bridge.Session{Role: "alice"}, &bridge.Session{Role: "alice"}
	for id, j := range map[string]*Job{"outer": {session: s, depth: 0}, "inner": {session: s, depth: 1}, "deep": {session: s, depth: 2}, "other": {session: other, depth: 2}} {
		j.ctx, j.cancel = context.WithCancelCause(context.Background())
		m.jobs[id] = j
	}
	m.EndSubtransaction(s, 1)
	if len(m.jobs) != 2 || m.jobs["outer"] == nil || m.jobs["other"] == nil {
		t.Errorf("jobs left: %v, want outer and other", m.jobs)
	}
}

// TestTextLimits refuses texts that would cost the worker many times their size,
// before it reads them. The bounds hold exactly.
func TestTextLimits(t *testing.T) {
	const form = `{"op": "prepare", "version": "v", "function": "linear_regression", "args": {"intercept": true, "covariance": "classical", "ridge": 0, "confidence": 0.95},
		"inputs": [{"relation": 1, "columns": [{"role": "target", "expression": "y"}, {"role": "feature", "expression": "%s"}]}]}`
	plus := strings.Repeat("x+", maxExpression/2-1)
	for _, tt := range []struct {
		name, text string
		want       string // part of the refusal; "" for an answer
	}{
		{"Largest", fmt.Sprintf(form, plus+"xx"), ""},
		{"OneMore", fmt.Sprintf(form, plus+"xxx"), "argument features"},
		{"Parentheses", fmt.Sprintf(form, strings.Repeat("(", 1<<20)), "argument features"},
		{"LargestRequest", strings.Repeat(" ", maxRequest-len(form)) + fmt.Sprintf(form, "xx"), ""},
		{"Request", strings.Repeat(" ", maxRequest-len(form)+1) + fmt.Sprintf(form, "xx"), "request"},
	} {
		m := newTestManager()
		s := &bridge.Session{Role: "alice"}
		for _, table := range []string{"worker", "rows"} {
			if table == "rows" && tt.name != "Request" {
				continue
			}
			_, err := m.Open(t.Context(), s, bridge.Query{Table: table, Columns: []string{"answer"}, Request: tt.text})
			if tt.want == "" {
				if err != nil {
					t.Errorf("%s: %v", tt.name, err)
				}
				continue
			}
			if err == nil {
				t.Errorf("%s in %s is answered, want a refusal", tt.name, table)
			} else if f := fault.As(err); f.Kind != fault.Size || !strings.Contains(f.Message, tt.want) || len(f.Message)+len(f.Hint) > 1000 {
				t.Errorf("%s in %s: error %v, want one of size that says %q", tt.name, table, err, tt.want)
			}
		}
		m.EndTransaction(s)
		m.Close()
	}
}
