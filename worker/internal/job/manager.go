// Package job runs calls: it takes them from a session, chooses the path of
// their rows, computes with progress and cancel, and hands the result tables
// back. Each call has a goroutine of its own; a session's goroutine only waits,
// so it can always answer within a second.
package job

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/bridge"
	"github.com/millrace/millrace/worker/internal/fault"
	"github.com/millrace/millrace/worker/internal/function"
	"github.com/millrace/millrace/worker/internal/source"
)

// Roles knows the enrolled roles.
type Roles interface {
	// Reader returns a role's reader login, or false if it has none.
	Reader(ctx context.Context, role string) (source.Login, bool, error)
	// ImmutableInCatalog reports whether every function of pg_catalog with one
	// of the names is immutable, and each name exists there.
	ImmutableInCatalog(ctx context.Context, names []string) (bool, error)
}

// Views answers what is asked of maintained views, each time within a second.
type Views interface {
	Answer(ctx context.Context, role, verb string, args json.RawMessage) (any, error)
}

// Config of a [Manager].
type Config struct {
	Views         Views
	Version       string // of the stubs that fit
	Roles         Roles
	Readers       *source.Readers
	Calls         int           // calls at once
	QueueTimeout  time.Duration // a further call waits so long
	Workers       int           // goroutines that compute for one call; 0 for all cores
	MemoryPerCall int64         // bytes
	MemoryTotal   int64         // bytes of all calls
	UploadPerCall int64         // bytes that a session ships for one call
	Log           *slog.Logger
}

// Bounds on what is read before anything is counted: a request takes several
// times its size when it is decoded, and an expression up to 150 times its own
// when it is cut into tokens.
const (
	maxRequest    = 16 << 20 // bytes; shipped rows come in requests of their own
	maxExpression = 64 << 10 // bytes
)

// Manager answers the sessions' scans. It is safe for concurrent use.
type Manager struct {
	config Config
	places places
	memory *source.Budget
	counts struct{ snapshot, session atomic.Int64 }
	wait   sync.WaitGroup
	mu     sync.Mutex
	jobs   map[string]*Job
}

var _ bridge.Handler = (*Manager)(nil)

// NewManager returns a manager without jobs.
func NewManager(config Config) *Manager {
	return &Manager{
		config: config, places: newPlaces(config.Calls), jobs: map[string]*Job{},
		memory: &source.Budget{Name: "memory_total", Limit: config.MemoryTotal},
	}
}

// PathCounts returns how many calls have tried each path since the start.
func (m *Manager) PathCounts() (snapshot, session int64) {
	return m.counts.snapshot.Load(), m.counts.session.Load()
}

// Close stops all jobs and waits for them.
func (m *Manager) Close() {
	m.mu.Lock()
	for _, j := range m.jobs {
		j.cancel(fault.New(fault.State, "the worker is shutting down"))
	}
	m.mu.Unlock()
	m.wait.Wait()
}

// Open implements [bridge.Handler].
func (m *Manager) Open(ctx context.Context, s *bridge.Session, q bridge.Query) (bridge.Rows, error) {
	if q.Table == "worker" && strings.HasPrefix(q.Request, "ship ") {
		return m.ship(s, q)
	}
	if len(q.Request) > maxRequest {
		return nil, fault.New(fault.Size, "the request has %d bytes, and the worker reads %d", len(q.Request), maxRequest).
			WithHint("Use fewer or shorter expressions and arguments.")
	}
	switch {
	case q.Table == "worker":
		a, err := m.ask(ctx, s, q.Request)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(a)
		if err != nil {
			return nil, fmt.Errorf("job: encode answer: %w", err)
		}
		return &oneAnswer{columns: q.Columns, text: string(text)}, nil
	case q.Table == "rows" && q.Request == "jobs":
		return m.list(s, q.Columns)
	case q.Table == "rows":
		return m.fetch(s, q)
	}
	return nil, fault.New(fault.Unsupported, "the worker has no table %q", q.Table).WithHint("Run: millrace install")
}

// EndTransaction implements [bridge.Handler]: jobs end with the caller's
// transaction.
func (m *Manager) EndTransaction(s *bridge.Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, j := range m.jobs {
		if j.session == s {
			j.cancel(fault.New(fault.Cancelled, "the transaction of the call has ended"))
			delete(m.jobs, id)
		}
	}
}

// EndSubtransaction implements [bridge.Handler]: what began in a subtransaction
// ends when that is rolled back, and gives its place and its memory back.
func (m *Manager) EndSubtransaction(s *bridge.Session, depth int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, j := range m.jobs {
		if j.session == s && j.depth >= depth {
			j.cancel(fault.New(fault.Cancelled, "the subtransaction of the call has been rolled back"))
			delete(m.jobs, id)
		}
	}
}

func (m *Manager) ask(ctx context.Context, s *bridge.Session, text string) (any, error) {
	r, err := parseRequest(text)
	if err != nil {
		return answer{}, err
	}
	switch r.Op {
	case "view":
		if err := m.checkVersion(r); err != nil {
			return nil, err
		}
		return m.config.Views.Answer(ctx, s.Role, r.Verb, r.Args)
	case "prepare":
		return m.prepare(ctx, s, r)
	case "cancel":
		return m.cancelOther(s, r.Job)
	}
	j, err := m.own(s, r.Job)
	if err != nil {
		return answer{}, err
	}
	switch r.Op {
	case "start":
		if err := m.start(j, s, r); err != nil {
			return answer{}, err
		}
	case "shipped":
		if err := j.endShipping(); err != nil {
			return answer{}, err
		}
	case "wait":
	default:
		return answer{}, fault.New(fault.Unsupported, "the worker has no operation %q", r.Op).WithHint("Run: millrace install")
	}
	return j.wait(ctx)
}

// own returns a job of this very session; another session's job does not exist
// for it, whoever asks.
func (m *Manager) own(s *bridge.Session, id string) (*Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := m.jobs[id]
	if j == nil || j.session != s {
		return nil, fault.New(fault.NotFound, "job %.40q does not exist in this session", id)
	}
	return j, nil
}

func (m *Manager) prepare(ctx context.Context, s *bridge.Session, r request) (answer, error) {
	if err := m.checkVersion(r); err != nil {
		return answer{}, err
	}
	f, ok := function.Lookup(r.Function)
	if !ok {
		return answer{}, fault.New(fault.Unsupported, "the worker has no function %q", r.Function).WithHint("Run: millrace install")
	}
	if len(r.Inputs) < f.Inputs {
		return answer{}, fault.New(fault.State, "the request names %d inputs, and %s needs %d", len(r.Inputs), f.Name, f.Inputs).WithHint("Run: millrace install")
	}
	expressions, err := m.check(ctx, r)
	if err != nil {
		return answer{}, err
	}
	call, err := f.New(r.Args, r.Inputs)
	if err != nil {
		return answer{}, err
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return answer{}, fmt.Errorf("job: random id: %w", err)
	}
	j := &Job{
		id: hex.EncodeToString(id), role: s.Role, depth: s.Depth(), session: s, function: f, call: call, inputs: r.Inputs,
		expressions: expressions, restricted: r.Restricted, began: time.Now(),
		budget:  &source.Budget{Name: "memory_per_call", Limit: m.config.MemoryPerCall, Parent: m.memory},
		upload:  &source.Budget{Name: "upload_per_call", Limit: m.config.UploadPerCall},
		shipped: make(chan struct{}), changed: make(chan struct{}), step: StepWait, phase: "queued", phaseAt: time.Now(),
		details: map[string]any{}, fetched: map[int]bool{}, progress: time.Now(),
	}
	j.ctx, j.cancel = context.WithCancelCause(context.Background())
	if err := m.add(j); err != nil {
		return answer{}, err
	}
	return answer{Job: j.id, Suffixes: f.Suffixes, Export: !s.Subtransaction()}, nil
}

// checkVersion refuses requests of functions that are older or newer than we are.
func (m *Manager) checkVersion(r request) error {
	if r.Version == m.config.Version {
		return nil
	}
	return fault.New(fault.State, "the functions in schema ml have version %s, and the worker has version %s", r.Version, m.config.Version).
		WithHint("Run: millrace install")
}

// maxPrepared bounds the calls that one session holds at once. A session runs
// one after the other; more than a few stay only if it fetches no results.
const maxPrepared = 100

// add keeps a prepared job.
func (m *Manager) add(j *Job) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := 0
	for _, other := range m.jobs {
		if other.session == j.session {
			held++
		}
	}
	if held >= maxPrepared {
		return fault.New(fault.Busy, "this transaction holds %d calls whose results it has not fetched", held).
			WithHint("End the transaction.")
	}
	m.jobs[j.id] = j
	return nil
}

// check parses the expressions; those of another role's model are held to
// columns, operators and immutable functions of pg_catalog.
func (m *Manager) check(ctx context.Context, r request) ([][]pushdown.Expression, error) {
	expressions := make([][]pushdown.Expression, len(r.Inputs))
	var functions []string
	for i, in := range r.Inputs {
		for _, c := range in.Columns {
			if len(c.Expression) > maxExpression {
				return nil, fault.New(fault.Size, "argument %s has an expression of %d bytes, and the worker reads %d", argumentOf(c.Role), len(c.Expression), maxExpression).
					WithHint("Put a long expression into a view or a generated column.")
			}
			e, err := pushdown.ParseExpression(c.Expression)
			if err != nil {
				return nil, expressionFault(c, err)
			}
			if r.Restricted {
				if err := e.CheckForeign(); err != nil {
					return nil, foreignFault(c, err)
				}
				functions = append(functions, e.Functions()...)
			}
			expressions[i] = append(expressions[i], e)
		}
	}
	if len(functions) > 0 {
		allowed, err := m.config.Roles.ImmutableInCatalog(ctx, functions)
		if err != nil {
			return nil, err
		}
		if !allowed {
			return nil, foreignFault(function.Column{Role: "model", Expression: fmt.Sprint(functions)},
				fmt.Errorf("one of these functions is not immutable, or not of pg_catalog"))
		}
	}
	return expressions, nil
}

func expressionFault(c function.Column, err error) error {
	if c.Expression == "" {
		return fault.New(fault.Parameter, "argument %s is NULL or empty", argumentOf(c.Role)).WithHint("See SELECT ml.help() for the arguments.")
	}
	return fault.New(fault.Syntax, "%s is not one expression over the relation: %.200s", c.Role, c.Expression).
		WithDetail("%s.", strings.TrimPrefix(err.Error(), "pushdown: ")).
		WithHint("Pass a column or an expression such as a + b, without subquery, comment or semicolon. Quote unusual names: \"My Column\".")
}

// argumentOf names the argument that columns of a role come from.
func argumentOf(role string) string {
	for _, a := range [][2]string{{"feature", "features"}, {"group", "group_by"}, {"weight", "weights"}, {"order", "order_by"},
		{"regressor", "regressors"}, {"time", "time_column"}} {
		if a[0] == role {
			return a[1]
		}
	}
	return role
}

func foreignFault(c function.Column, err error) error {
	return fault.New(fault.Privilege, "the model was written by another role, and its %s may not use this expression: %.200s", c.Role, c.Expression).
		WithDetail("%s.", strings.TrimPrefix(err.Error(), "pushdown: ")).
		WithHint("Only columns, operators and immutable functions of pg_catalog are allowed there. Copy the model into a table of your own if you trust it.")
}

// start resolves the casts and sets the job running.
func (m *Manager) start(j *Job, s *bridge.Session, r request) error {
	p := plan{facts: r.Facts, snapshot: r.Snapshot, sub: s.Subtransaction()}
	if len(r.Types) != len(j.inputs) || len(r.Facts.Relations) != len(j.inputs) {
		return fault.New(fault.State, "the request does not describe its inputs").WithHint("Run: millrace install")
	}
	for i, in := range j.inputs {
		if len(r.Types[i]) != len(in.Columns) {
			return fault.New(fault.State, "the request does not describe its columns").WithHint("Run: millrace install")
		}
		var casts []pushdown.Cast
		var types []pushdown.Type
		for c := range in.Columns {
			t := r.Facts.Types[fmt.Sprint(r.Types[i][c])]
			cast, err := j.call.Cast(i, c, t)
			if err != nil {
				return err
			}
			casts, types = append(casts, cast), append(types, t)
		}
		p.casts, p.types = append(p.casts, casts), append(p.types, types)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.started {
		return fault.New(fault.State, "the call has been started already")
	}
	j.started = true
	m.wait.Go(func() { m.run(j, p) })
	return nil
}
