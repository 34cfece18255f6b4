package view

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/worker/internal/replication"
)

// Engine keeps the maintained views of one database. Run runs it; Answer is safe for
// concurrent use.
type Engine struct {
	config   Config
	sessions sessions
	commands chan func() // run by the goroutine that owns what follows

	stores   map[uint32]*store
	views    map[uint32]*view
	order    []*view // parents before those that read them
	position replication.LSN
	system   *replication.System // that position is of; nil if the state is of nothing
	torn     bool                // a tick failed in the middle: the state is of no position

	waiting    []*replication.Transaction
	taken      taken
	serverEnd  replication.LSN // no transaction that ended before it is still to come
	dirty      bool            // the catalog has to be looked at
	copying    *copyJob
	reconciled time.Time // when the catalog was last looked at before a tick
	filledAt   time.Time // when views were last begun to be filled
	cut        *cut
	writer     *pgconn.PgConn
	slot       string
	stream     *replication.Stream

	acknowledged replication.LSN
	written      replication.LSN // end of the log when the last apply had committed
	durable      replication.LSN // that the tables show even after a crash of the server
	checkpoints  checkpoints
	surrender    bool // the slot is to be given up
	ticks        rate
	pace         pace
	watched      time.Time
	seen         seen
	shown        shown
	comparisons  comparisons            // of ml.check_view
	note         atomic.Pointer[string] // what the whole engine waits for
}

// New returns an engine that follows nothing yet.
func New(c Config) *Engine {
	c.Database = patient(c.Database)
	e := &Engine{config: c, commands: make(chan func()), sessions: sessions{idle: map[string]idleSession{}}}
	e.shown.changed = make(chan struct{})
	e.reset()
	return e
}

// reset forgets all state; the views are built anew.
func (e *Engine) reset() {
	e.stores, e.position, e.system, e.torn = map[uint32]*store{}, 0, nil, false
	e.views, e.order = map[uint32]*view{}, nil
	e.taken = taken{}
	e.acknowledged, e.written, e.durable, e.checkpoints = 0, 0, 0, checkpoints{}
	e.dropWaiting()
}

func (e *Engine) dropWaiting() {
	for _, t := range e.waiting {
		_ = t.Close() // it comes again
	}
	e.waiting, e.serverEnd = nil, 0
	if e.copying != nil {
		e.copying.abandon()
		e.copying = nil
	}
	if c := e.cut; c != nil {
		e.cut = nil
		c.reached(context.Background(), false) // it begins again
	}
}

// Run follows the log until ctx ends. What fails is tried again, with the state that
// is in memory as long as it is whole.
func (e *Engine) Run(ctx context.Context) {
	defer e.comparisons.open(ctx)()
	pause := 100 * time.Millisecond
	for ctx.Err() == nil {
		began := time.Now()
		err := e.era(ctx)
		e.withdraw()
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errNothing) {
			continue
		}
		if time.Since(began) > 10*time.Second {
			pause = 100 * time.Millisecond
		}
		e.surrender = e.surrender || errors.Is(err, errRetained) || e.republished(ctx, err)
		e.config.Pool.Reset() // its connections may be as dead as ours
		e.say("the worker tries again: %v", err)
		e.config.Log.Warn("views: starting again", "err", err, "position", e.position.String())
		e.idle(ctx, pause)
		pause = min(2*pause, 5*time.Second)
	}
	e.sessions.close()
	e.dropWaiting()
}

// say sets what ml.views tells of all views while they are not followed.
func (e *Engine) say(format string, args ...any) {
	text := ""
	if format != "" {
		text = fmt.Sprintf(format, args...)
	}
	e.note.Store(&text)
}

func (e *Engine) saying() string {
	if text := e.note.Load(); text != nil {
		return *text
	}
	return "the worker is starting"
}

// idle waits, and runs commands meanwhile.
func (e *Engine) idle(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case f := <-e.commands:
			f()
		}
	}
}

// do has the owner of the state run f, and waits for it until ctx ends.
func (e *Engine) do(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case <-ctx.Done():
		return ctx.Err()
	case e.commands <- func() { defer close(done); f() }:
	}
	<-done
	return nil
}

// post is do without waiting for f, from a goroutine that the loop waits for.
func (e *Engine) post(ctx context.Context, f func()) {
	select {
	case <-ctx.Done():
	case e.commands <- f:
	}
}

// errNothing ends an era in which there is nothing to follow.
var errNothing = errors.New("no view is left")

// era follows the log over one set of connections.
func (e *Engine) era(ctx context.Context) (err error) {
	defer func() { e.torn = e.torn || errors.Is(err, errBug) }()
	defer e.contain("slot", e.slot, &err)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wait sync.WaitGroup
	leader, err := e.lead(ctx)
	if err != nil {
		return err
	}
	notified := make(chan struct{}, 1)
	lost := make(chan error, 2)
	wait.Go(func() {
		lost <- e.listen(ctx, leader, notified)
		e.endLater(ctx, cancel)
	})
	defer func() { cancel(); wait.Wait(); closeConn(leader) }()
	if err := e.awaitViews(ctx, notified, lost); err != nil {
		return err
	}
	events := make(chan replication.Event, 1024)
	if err := e.open(ctx); err != nil {
		return err
	}
	defer e.closeEra(&wait, cancel)
	wait.Go(func() { lost <- e.receive(ctx, events) })
	wait.Go(func() { e.audit(ctx) })
	e.say("")
	return e.guardedLoop(ctx, &wait, events, notified, lost)
}

// guardedLoop is loop. A bug that is in no view's part alone leaves a state that is of
// no position: all views are built anew in the next era.
func (e *Engine) guardedLoop(ctx context.Context, wait *sync.WaitGroup, events <-chan replication.Event, notified <-chan struct{}, lost <-chan error) (err error) {
	defer func() { e.torn = e.torn || errors.Is(err, errBug) }()
	defer e.contain("slot", e.slot, &err)
	return e.loop(ctx, wait, events, notified, lost)
}

// closeEra ends the connections of an era, with a last checkpoint if the state is
// whole.
func (e *Engine) closeEra(wait *sync.WaitGroup, cancel context.CancelFunc) {
	cancel()
	wait.Wait()
	if !e.torn && !e.writer.IsClosed() {
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		if err := e.checkpoint(ctx, true); err != nil {
			e.config.Log.Warn("views: no checkpoint at the end", "err", err)
		}
		stop()
	}
	_ = e.stream.Close()
	e.stream = nil
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	_ = e.writer.Close(ctx)
	stop()
	e.dropWaiting()
	e.sessions.close()
	for _, v := range e.order {
		v.dropFilling()
		v.building, v.reading = false, nil
		v.forgetTable() // a commit whose answer was lost may have happened, or not
		if v.state == stateLive {
			v.state = stateCatchingUp // until its table has been read
		}
	}
}

// lead waits until no other worker follows the log of this database.
func (e *Engine) lead(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, e.config.Database)
	if err != nil {
		return nil, fmt.Errorf("view: connect: %w", err)
	}
	for {
		if err := e.awaitFit(ctx, conn); err != nil {
			closeConn(conn)
			return nil, err
		}
		var leads bool
		asking, stop := context.WithTimeout(ctx, patience)
		err := conn.QueryRow(asking, `SELECT pg_try_advisory_lock(hashtextextended('millrace views', 0) # d.oid::int8), 'millrace_' || d.oid
			FROM pg_database AS d WHERE d.datname = current_database()`).Scan(&leads, &e.slot)
		stop()
		if err != nil {
			closeConn(conn)
			return nil, fmt.Errorf("view: lead: %w", err)
		}
		if leads {
			break
		}
		if err := e.standBy(ctx); err != nil {
			closeConn(conn)
			return nil, err
		}
	}
	if _, err := conn.Exec(ctx, "LISTEN millrace_view"); err != nil {
		closeConn(conn)
		return nil, fmt.Errorf("view: listen: %w", err)
	}
	return conn, nil
}

// standBy waits a moment while another worker follows the log, and can say so.
func (e *Engine) standBy(ctx context.Context) error {
	e.say("another worker follows this database; this one stands by")
	if e.system != nil {
		e.reset() // what is in memory is of the time when this one led
	}
	asking, stop := context.WithTimeout(ctx, patience)
	defer stop()
	if err := e.reconcile(asking); err != nil {
		return err
	}
	e.idle(ctx, time.Second)
	return ctx.Err()
}

// receive hands the stream's events on until it fails or ctx ends.
func (e *Engine) receive(ctx context.Context, events chan<- replication.Event) (err error) {
	defer e.contain("slot", e.slot, &err)
	for {
		event, err := e.stream.Next(ctx)
		if err != nil {
			return err
		}
		select {
		case events <- event:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// awaitViews returns when there is a view to follow. Without any there is no slot,
// which would hold the log back.
func (e *Engine) awaitViews(ctx context.Context, notified <-chan struct{}, lost <-chan error) error {
	for {
		if err := e.reconcile(ctx); err != nil {
			return err
		}
		if len(e.order) > 0 {
			return nil
		}
		if err := e.dropSlot(ctx); err != nil {
			return err
		}
		e.reset()
		e.say("there is no view to follow")
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case err := <-lost:
				return err
			case <-notified:
				waiting = false
			case f := <-e.commands:
				f()
			}
		}
	}
}
