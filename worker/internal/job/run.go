package job

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/pushdown/render"
	"github.com/millrace/millrace/worker/internal/fault"
	"github.com/millrace/millrace/worker/internal/function"
	"github.com/millrace/millrace/worker/internal/source"
)

// plan is what start has learnt.
type plan struct {
	facts    pushdown.Facts
	types    [][]pushdown.Type
	casts    [][]pushdown.Cast
	snapshot string
	sub      bool
}

// run performs the call: a place among the running ones, the rows, the work. It
// is the job's own goroutine; the caller's session only waits.
func (m *Manager) run(j *Job, p plan) {
	defer func() {
		if r := recover(); r != nil {
			m.config.Log.Error("call panicked", "job", j.id, "function", j.function.Name, "panic", r, "stack", string(debug.Stack()))
			j.fail(fmt.Errorf("%s: %v", j.function.Name, r))
		}
	}()
	if err := m.places.acquire(j.ctx, m.config.QueueTimeout); err != nil {
		j.fail(m.queueFault(j, err))
		return
	}
	defer m.places.release()
	j.setPhase("reading rows", 0, 0)
	data, err := m.read(j, p)
	if err != nil {
		j.fail(err)
		return
	}
	defer release(data)
	j.setPhase("computing", 0, 0)
	result, err := j.call.Run(j.ctx, data, m.env(j))
	if err != nil {
		j.fail(err)
		return
	}
	j.update(func() {
		for name, value := range result.Details {
			j.details[name] = value
		}
		j.result, j.step = result, StepDone
	})
}

// fail ends the job with what the caller shall see: the reason of a
// cancellation, if there was one.
func (j *Job) fail(err error) {
	if cause := context.Cause(j.ctx); cause != nil {
		err = cause
	}
	j.update(func() { j.step, j.err = stepFailed, asFault(err) })
}

func (m *Manager) queueFault(j *Job, err error) error {
	if j.ctx.Err() != nil {
		return err
	}
	return fault.New(fault.Busy, "all %d places for calls are taken, and none became free within %s", m.config.Calls, m.config.QueueTimeout).
		WithHint("Try again later, or raise the worker's limit calls (MILLRACE_CALLS) or queue_timeout.")
}

func (m *Manager) env(j *Job) function.Env {
	return function.Env{
		Workers:  m.config.Workers,
		Progress: j.setPhase,
		Notice:   j.notice,
		Reserve: func(bytes int64) (func(), error) {
			if over := j.budget.WouldExceed(bytes); over != nil {
				return nil, memoryFault(over, bytes)
			}
			j.budget.Add(bytes)
			return func() { j.budget.Add(-bytes) }, nil
		},
	}
}

func release(data []function.Data) {
	for _, d := range data {
		d.Record.Release()
	}
}

// read brings the rows by one path. A reader's failure is never the caller's:
// the caller's own session reads then, and its answer or error is the true one.
func (m *Manager) read(j *Job, p plan) ([]function.Data, error) {
	if len(j.inputs) == 0 {
		return nil, nil
	}
	if over, need := m.estimate(j, p); over != nil {
		return nil, memoryFault(over, need).WithDetail("Estimated from the size of the relations before reading them.")
	}
	path, why := m.choose(j, p)
	if path == pushdown.Snapshot {
		records, err := m.readSnapshot(j, p)
		if err == nil {
			return j.data(p, records), nil
		}
		if _, full := errors.AsType[*source.MemoryError](err); full || errors.Is(err, source.ErrDimensions) || j.ctx.Err() != nil {
			return nil, err
		}
		m.config.Log.Warn("reader failed, the session ships its rows", "job", j.id, "role", j.role, "err", err)
		why = "a reader failed: " + source.Explain(err)
		j.notice("rows are read by this session itself, because %s", why)
	}
	records, err := m.readSession(j, p, why)
	if err != nil {
		return nil, err
	}
	return j.data(p, records), nil
}

func (j *Job) data(p plan, records []arrow.Record) []function.Data {
	data := make([]function.Data, len(records))
	for i, r := range records {
		data[i] = function.Data{Spec: j.inputs[i], Types: p.types[i], Casts: p.casts[i], Record: r}
	}
	return data
}

// choose applies the rules that need no look at the expressions first.
func (m *Manager) choose(j *Job, p plan) (pushdown.Path, string) {
	login, known, err := m.config.Roles.Reader(j.ctx, j.role)
	c := pushdown.Call{Subtransaction: p.sub, Reader: known && err == nil, Exported: p.snapshot != "", PlainOnly: true}
	for i, in := range j.inputs {
		c.PlainOnly = c.PlainOnly && j.plain(p, i)
		c.Catalog = c.Catalog || in.Relation < firstUserOID
		for _, t := range p.types[i] {
			c.ReadsCatalog = c.ReadsCatalog || t.ReadsCatalog()
			c.Enums = c.Enums || t.Labels != nil
		}
	}
	path, why := pushdown.Choose(p.facts, c)
	if path == pushdown.Session || c.PlainOnly {
		return path, why
	}
	for i, in := range m.inputs(j, p) {
		if j.plain(p, i) {
			continue
		}
		if slices.ContainsFunc(j.expressions[i], pushdown.Expression.NamesClock) {
			return pushdown.Session, "an expression names the clock"
		}
		depends, err := m.config.Readers.DependsOnSession(j.ctx, login, in, j.settings(p))
		if err != nil {
			m.config.Log.Debug("expressions cannot be analysed", "job", j.id, "err", err)
			return pushdown.Session, "the expressions could not be analysed outside the session"
		}
		if depends {
			return pushdown.Session, "an expression uses a function that is not immutable"
		}
	}
	return path, why
}

// firstUserOID is the first OID that PostgreSQL gives to an object of a user.
const firstUserOID = 16384

// plain reports whether input i needs no look at functions.
func (j *Job) plain(p plan, i int) bool {
	for c, e := range j.expressions[i] {
		t := p.types[i][c]
		if !e.Plain() || !t.Builtin && t.Labels == nil {
			return false
		}
	}
	return true
}

// settings are the caller's, except that another role's expressions resolve in
// pg_catalog alone.
func (j *Job) settings(p plan) map[string]string {
	if j.restricted {
		p.facts.Session["search_path"] = "pg_catalog"
	}
	return p.facts.Session
}

func (m *Manager) inputs(j *Job, p plan) []source.Input {
	inputs := make([]source.Input, len(j.inputs))
	for i, spec := range j.inputs {
		inputs[i].OID, inputs[i].Relation = spec.Relation, p.facts.Relations[i]
		for c, column := range spec.Columns {
			inputs[i].Columns = append(inputs[i].Columns, render.Column{Expression: column.Expression, Cast: p.casts[i][c]})
		}
	}
	return inputs
}

func (m *Manager) readSnapshot(j *Job, p plan) ([]arrow.Record, error) {
	login, known, err := m.config.Roles.Reader(j.ctx, j.role)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, errors.New("the role has no reader login any more")
	}
	total := int64(0)
	for _, r := range p.facts.Relations {
		total += int64(r.Rows)
	}
	var counter rowCounter
	m.counts.snapshot.Add(1)
	records, err := m.config.Readers.Run(j.ctx, source.Read{
		Login: login, Snapshot: p.snapshot, Settings: j.settings(p), Caller: p.facts.Backend,
		Inputs: m.inputs(j, p), Budget: j.budget,
		Progress: func(rows int) error {
			j.setPhase("reading rows", counter.add(rows), total)
			return nil
		},
	})
	if err == nil {
		j.update(func() { j.details["read"] = pushdown.Snapshot })
	}
	return records, err
}

// releaseBuilders frees what was shipped, after the last row that is just being
// received.
func (j *Job) releaseBuilders(builders []*source.Builder) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.builders = nil
	for _, b := range builders {
		b.Release()
	}
}

// readSession lets the caller's backend ship all inputs, in one statement.
func (m *Manager) readSession(j *Job, p plan, why string) ([]arrow.Record, error) {
	builders := make([]*source.Builder, len(j.inputs))
	for i := range builders {
		builders[i] = source.NewBuilder(p.casts[i], j.budget)
	}
	defer j.releaseBuilders(builders)
	m.counts.session.Add(1)
	j.setPhase("receiving rows", 0, 0)
	j.update(func() {
		j.builders, j.casts, j.step = builders, p.casts, StepShip
		j.details["read"], j.details["read_reason"] = pushdown.Session, why
	})
	select {
	case <-j.shipped:
	case <-j.ctx.Done():
		return nil, context.Cause(j.ctx)
	}
	records := make([]arrow.Record, len(builders))
	for i, b := range builders {
		records[i] = b.Record()
	}
	return records, nil
}
