package view

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/worker/internal/fault"
	"github.com/millrace/millrace/worker/internal/replication"
)

// request holds the arguments of all verbs.
type request struct {
	Definition uint32  `json:"definition"`
	Action     string  `json:"action"`
	Query      string  `json:"query"`  // the text of the definition; "" if it is not known
	Offset     int     `json:"offset"` // bytes of the statement in front of it
	Nested     bool    `json:"nested"` // it reads plain views
	View       *uint32 `json:"view"`
	Position   string  `json:"lsn"`
	Timeline   string  `json:"timeline"` // of the position
	Ticket     int64   `json:"ticket"`
	// Revisions are those of the views' catalog rows that the caller sees: the worker
	// may not have seen them yet.
	Revisions map[uint32]int `json:"revisions"`
}

// Answer answers what a role's functions ask, within a second.
func (e *Engine) Answer(ctx context.Context, role, verb string, args json.RawMessage) (any, error) {
	var r request
	if err := json.Unmarshal(args, &r); err != nil {
		return nil, fault.New(fault.State, "the worker cannot read the request: %v", err).WithHint("Run: millrace install")
	}
	switch verb {
	case "check":
		return e.check(ctx, role, r)
	}
	visible, err := e.visible(ctx, role)
	if err != nil {
		return nil, err
	}
	if r.View == nil && (verb == "explain" || verb == "compare" || verb == "compared") {
		return nil, fault.New(fault.Parameter, "the request names no view").WithHint("Run: millrace install")
	}
	if r.View != nil && !visible[*r.View] {
		return nil, fault.New(fault.NotFound, "there is no maintained view %d of role %s", *r.View, role)
	}
	switch verb {
	case "wait":
		return e.wait(ctx, r, visible)
	case "list":
		return e.list(ctx, visible)
	case "explain":
		return e.explain(ctx, r)
	case "compare":
		return e.compare(ctx, r)
	case "compared":
		return e.compared(r)
	}
	return nil, fault.New(fault.Unsupported, "the worker has no verb %q", verb).WithHint("Run: millrace install")
}

// visible lists the views that a role may ask about: those of the roles that it is a
// member of. A request may come from anybody who is enrolled, whatever the functions
// in schema ml would send.
func (e *Engine) visible(ctx context.Context, role string) (map[uint32]bool, error) {
	rows, err := e.config.Pool.Query(ctx, "SELECT v.view FROM ml_private.view AS v WHERE pg_has_role($1::name, v.owner, 'USAGE')", role)
	if err != nil {
		return nil, fmt.Errorf("view: views of %s: %w", role, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[uint32])
	if err != nil {
		return nil, fmt.Errorf("view: views of %s: %w", role, err)
	}
	out := map[uint32]bool{}
	for _, oid := range list {
		out[oid] = true
	}
	return out, nil
}

// check compiles a plain view that its owner has not committed yet.
func (e *Engine) check(ctx context.Context, role string, r request) (any, error) {
	conn, err := e.connectAs(ctx, role, nil)
	if err != nil {
		if errors.Is(err, errNoLogin) {
			return nil, fault.New(fault.Privilege, "role %s cannot maintain views: the worker has no login to act as it", role).
				WithHint("Use an ordinary role, enrolled with: millrace enroll ROLE")
		}
		return nil, err
	}
	defer closeConn(conn)
	p, d, err := compileView(ctx, conn, r.Definition, r.Action)
	if err == nil {
		err = refusedTable(ctx, conn, d, p)
	}
	var refused *plan.Refused
	var denied *privilegeError
	switch {
	case errors.As(err, &refused):
		return nil, refusal(refused, written{text: r.Query, before: r.Offset, nested: r.Nested})
	case errors.As(err, &denied):
		return nil, fault.New(fault.Privilege, "%v", denied).WithHint("The worker computes the column, as the owner. Grant the right, and COMMIT, before the view is created.")
	case errors.Is(err, schema.ErrNotFound):
		return map[string]any{"unchecked": "it reads what this transaction has made: the query will be checked after COMMIT"}, nil
	case err != nil:
		return nil, fault.New(fault.Unsupported, "the query is not maintained: %v", err)
	case len(p.Columns) == 0:
		return nil, fault.New(fault.Unsupported, "a query without columns is not maintained")
	}
	if err := e.checkMemory(ctx, conn, p); err != nil {
		return nil, err
	}
	return map[string]any{}, nil
}

// refusal names the construct that is not maintained, and where it is.
func refusal(r *plan.Refused, query written) error {
	f := fault.New(fault.Unsupported, "%s is not maintained", r.Construct)
	if place := query.place(r); place != "" {
		f = f.WithDetail("%s", place)
	}
	hint := r.Hint
	if hint == "" {
		hint = "leave it out, or keep it in a plain view that reads the maintained one"
	}
	first, size := utf8.DecodeRuneInString(hint)
	return f.WithHint("%c%s.", unicode.ToUpper(first), strings.TrimSuffix(hint[size:], "."))
}

// wait waits at most a second until a view, or all, show a position.
func (e *Engine) wait(ctx context.Context, r request, visible map[uint32]bool) (any, error) {
	target, err := replication.ParseLSN(r.Position)
	if err != nil {
		return nil, fault.New(fault.Parameter, "%q is no position in the log", r.Position)
	}
	ctx, cancel := context.WithTimeout(ctx, 900*time.Millisecond)
	defer cancel()
	if e.lookNow(ctx) != nil {
		position, views, _ := e.shown.read() // the loop is in a long step, or makes the slot
		return map[string]any{"done": false, "position": position.String(), "building": e.building(r.View, views, visible)}, nil
	}
	timer := time.NewTimer(5 * time.Millisecond)
	defer timer.Stop()
	for {
		here := e.shown.isOf(r.Timeline) // asked first: what is read then is not older
		position, views, changed := e.shown.read()
		done := here && position >= target
		if done {
			if done, err = current(r, views, visible); err != nil {
				return nil, err
			}
		}
		if done {
			return map[string]any{"done": true, "position": position.String()}, nil
		}
		select {
		case <-ctx.Done():
			return map[string]any{"done": false, "position": position.String(), "building": e.building(r.View, views, visible)}, nil
		case <-changed:
		case <-timer.C:
			if err := e.barrier(ctx); err != nil && ctx.Err() == nil {
				return nil, fmt.Errorf("view: barrier: %w", err)
			}
			timer.Reset(200 * time.Millisecond)
		}
	}
}

// building reports whether a view that is asked for is not followed yet. Its slot and
// its first copy wait for all running transactions, the asking one too if it has
// written something.
func (e *Engine) building(one *uint32, views map[uint32]shownView, visible map[uint32]bool) bool {
	for oid := range visible {
		if (one == nil || *one == oid) && !views[oid].built {
			return true
		}
	}
	return false
}

// current reports whether the views that are asked for show the common position, or
// fails if one never will by itself.
func current(r request, views map[uint32]shownView, visible map[uint32]bool) (bool, error) {
	all := true
	for oid := range visible {
		if r.View != nil && *r.View != oid {
			continue
		}
		v, known := views[oid]
		if !known || v.revision < r.Revisions[oid] {
			return false, nil // its making has not been seen yet
		}
		if !v.current {
			all = false
		}
		if v.state == stateErrored || v.state == statePaused || v.state == stateOrphaned {
			return false, fault.New(fault.State, "view %s is %s: %s", v.name, v.state, v.reason).
				WithHint("SELECT * FROM ml.views tells of all views.")
		}
	}
	return all, nil
}

// listed is a view as ml.views shows it.
type listed struct {
	View            uint32   `json:"view"`
	State           state    `json:"state"`
	Reason          *string  `json:"reason"`
	Position        string   `json:"position"`
	LagTransactions int      `json:"lag_transactions"`
	LagMS           float64  `json:"lag_ms"`
	Rows            int64    `json:"rows"`
	StateBytes      int64    `json:"state_bytes"`
	TicksPerSecond  float64  `json:"ticks_per_second"`
	LastChange      *string  `json:"last_change"`
	P50             *float64 `json:"freshness_p50_ms"`
	P99             *float64 `json:"freshness_p99_ms"`
}

// list tells of all views; the caller shows those of the asking role. While nothing
// is followed, there is nothing to tell but why.
func (e *Engine) list(ctx context.Context, visible map[uint32]bool) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, 900*time.Millisecond)
	defer cancel()
	out := []listed{}
	err := e.do(ctx, func() {
		note := e.saying()
		for _, v := range e.order {
			if visible[v.View] {
				out = append(out, e.describe(v, note))
			}
		}
	})
	if err != nil { // the loop is in a long step
		position, views, _ := e.shown.read()
		for oid, v := range views {
			if reason := v.reason; visible[oid] {
				out = append(out, listed{View: oid, State: v.state, Reason: &reason, Position: position.String()})
			}
		}
	}
	return map[string]any{"views": out}, nil
}

func (e *Engine) describe(v *view, note string) listed {
	l := listed{View: v.View, State: v.state, Position: e.position.String(), LagTransactions: len(e.waiting), TicksPerSecond: e.ticks.perSecond(time.Now())}
	l.Rows, l.StateBytes = v.size()
	for _, relation := range relations(v.feeds) {
		if s := e.stores[relation]; s != nil {
			_, bytes := s.size()
			l.StateBytes += bytes
		}
	}
	reason := v.reason
	if reason == "" {
		reason = note
	}
	if note != "" && v.state == stateLive {
		l.State = stateCatchingUp
	}
	if v.live() && !e.parentsCurrent(v) {
		l.State, reason = stateLagging, "a view below it is not at the common position"
	}
	if reason != "" {
		l.Reason = &reason
	}
	if !v.live() && v.position != 0 {
		l.Position = v.position.String()
	}
	if len(e.waiting) > 0 {
		l.LagMS = time.Since(e.waiting[0].CommitTime).Seconds() * 1000
	}
	if !v.lastChange.IsZero() {
		text := v.lastChange.Format(time.RFC3339Nano)
		l.LastChange = &text
	}
	if p50, p99, ok := v.fresh.quantiles(); ok {
		l.P50, l.P99 = &p50, &p99
	}
	return l
}

// asked returns the view that a request names. It runs on the loop.
func (e *Engine) asked(r request) (*view, error) {
	if r.View != nil && e.views[*r.View] != nil {
		return e.views[*r.View], nil
	}
	return nil, fault.New(fault.State, "the worker does not follow the view yet").WithHint("SELECT * FROM ml.views tells why.")
}

// explain shows a view's circuit.
func (e *Engine) explain(ctx context.Context, r request) (any, error) {
	var text string
	var err error
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	doErr := e.do(ctx, func() {
		var v *view
		if v, err = e.asked(r); err == nil {
			text, err = e.explanation(v)
		}
	})
	if err = errors.Join(err, doErr); err != nil {
		return nil, err
	}
	return map[string]any{"text": text}, nil
}
