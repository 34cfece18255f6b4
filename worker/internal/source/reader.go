package source

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/pushdown/render"
	"github.com/millrace/millrace/sql/token"
)

// Login is the reader login of one role: a role of its own, member of that role
// alone, so that no function of a user can become anybody else in it.
type Login struct {
	Role     string // the caller's role
	User     string
	Password string
}

// ErrNoReader is returned when all reader connections are in use for too long.
var ErrNoReader = errors.New("source: no reader connection is free")

// errOtherRelation ends a reading whose relation is another one for the caller.
var errOtherRelation = errors.New("the name means another relation to the caller")

// Config of [Readers].
type Config struct {
	Database    *pgx.ConnConfig // where to connect; user and password are replaced
	Total       int             // connections of all calls together
	PerCall     int             // connections of one call
	IdleTimeout time.Duration   // a connection unused for so long is closed
	LockTimeout time.Duration   // a reader waits so long for a lock, then the caller ships its rows
	Watch       Querier         // asked whether a reader waits for its own caller
}

// Readers keeps reader connections by role. It is safe for concurrent use.
type Readers struct {
	config Config
	places *semaphore.Weighted
	mu     sync.Mutex
	idle   map[Login][]idleReader
	closed bool
}

type idleReader struct {
	conn  *pgconn.PgConn
	since time.Time
}

// NewReaders returns an empty pool.
func NewReaders(config Config) *Readers {
	return &Readers{config: config, places: semaphore.NewWeighted(int64(config.Total)), idle: map[Login][]idleReader{}}
}

// Close closes the idle connections; those in use are closed when they return.
func (r *Readers) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.Sweep(time.Now().Add(time.Hour))
}

// Sweep closes connections that have been idle for the timeout at now.
func (r *Readers) Sweep(now time.Time) {
	r.mu.Lock()
	var old []*pgconn.PgConn
	for login, list := range r.idle {
		var keep []idleReader
		for _, reader := range list {
			if now.Sub(reader.since) >= r.config.IdleTimeout {
				old = append(old, reader.conn)
			} else {
				keep = append(keep, reader)
			}
		}
		r.idle[login] = keep
		if len(keep) == 0 {
			delete(r.idle, login)
		}
	}
	r.mu.Unlock()
	for _, conn := range old {
		closeConn(conn)
	}
}

func closeConn(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn.Close(ctx)
}

// acquire returns a connection on which script has succeeded. An idle connection
// may have been lost since its last use; then the next one, at last a new one,
// is taken.
func (r *Readers) acquire(ctx context.Context, login Login, script string) (*pgconn.PgConn, error) {
	for {
		conn, isNew := r.takeIdle(login), false
		if conn == nil {
			var err error
			if conn, err = r.connect(ctx, login); err != nil {
				return nil, err
			}
			isNew = true
		}
		err := conn.Exec(ctx, script).Close()
		if err == nil {
			return conn, nil
		}
		lost := conn.IsClosed()
		r.end(conn)
		r.release(login, conn)
		if isNew || !lost || ctx.Err() != nil {
			return nil, fmt.Errorf("source: begin reading: %w", err)
		}
	}
}

func (r *Readers) takeIdle(login Login) *pgconn.PgConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.idle[login]
	if len(list) == 0 {
		return nil
	}
	r.idle[login] = list[:len(list)-1]
	return list[len(list)-1].conn
}

func (r *Readers) connect(ctx context.Context, login Login) (*pgconn.PgConn, error) {
	config := r.config.Database.Copy().Config
	config.User, config.Password = login.User, login.Password
	config.RuntimeParams = map[string]string{"application_name": "millrace reader", "client_encoding": "UTF8"}
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: 2 * time.Second}
	}
	conn, err := pgconn.ConnectConfig(ctx, &config)
	if err != nil {
		return nil, fmt.Errorf("source: reader login: %w", err)
	}
	return conn, nil
}

// release keeps a connection that is outside a transaction, up to Total of them
// for all roles, and closes others.
func (r *Readers) release(login Login, conn *pgconn.PgConn) {
	r.mu.Lock()
	idle := 0
	for _, list := range r.idle {
		idle += len(list)
	}
	keep := !r.closed && idle < r.config.Total && !conn.IsClosed() && conn.TxStatus() == 'I'
	if keep {
		r.idle[login] = append(r.idle[login], idleReader{conn, time.Now()})
	}
	r.mu.Unlock()
	if !keep {
		closeConn(conn)
	}
}

// Input is one relation and what to read of it.
type Input struct {
	OID      int64 // of the relation, as the caller sees it
	Relation pushdown.Relation
	Columns  []render.Column
}

func (in Input) casts() []pushdown.Cast {
	casts := make([]pushdown.Cast, len(in.Columns))
	for i, c := range in.Columns {
		casts[i] = c.Cast
	}
	return casts
}

// Read is one call's reading of all of its inputs in one snapshot.
type Read struct {
	Login    Login
	Snapshot string // exported by the caller
	Settings map[string]string
	Caller   uint32 // process ID of the caller's backend
	Inputs   []Input
	Budget   *Budget
	Progress func(rows int) error // after rows were decoded; an error ends the reading
}

// task is one COPY: a whole relation or a range of its pages.
type task struct {
	input int
	pages *render.Pages
}

const (
	pageSize     = 8192
	pagesPerTask = (16 << 20) / pageSize // a reader asks for the next 16 MB when it is done
)

func (q Read) tasks() []task {
	var tasks []task
	for i, in := range q.Inputs {
		pages := in.Relation.Bytes / pageSize
		if !in.Relation.Splittable || pages <= pagesPerTask {
			tasks = append(tasks, task{input: i})
			continue
		}
		for begin := int64(0); begin < pages; begin += pagesPerTask {
			end := begin + pagesPerTask
			if end >= pages {
				end = 0 // the last range is open: pages may be added meanwhile
			}
			tasks = append(tasks, task{input: i, pages: &render.Pages{Begin: begin, End: end}})
		}
	}
	return tasks
}

// Run reads all inputs and returns one record per input. Any error means that
// the caller should ship its rows instead; only the caller's own answer, or
// error, is the true one.
func (r *Readers) Run(ctx context.Context, q Read) ([]arrow.Record, error) {
	tasks := q.tasks()
	want := min(r.config.PerCall, len(tasks))
	if err := r.reserve(ctx); err != nil {
		return nil, err
	}
	got := 1
	for got < want && r.places.TryAcquire(1) {
		got++
	}
	defer r.places.Release(int64(got))
	results := make([]arrow.Record, len(tasks))
	defer func() {
		for _, record := range results {
			if record != nil {
				record.Release()
			}
		}
	}()
	group, ctx := errgroup.WithContext(ctx)
	queue := make(chan int, len(tasks))
	for i := range tasks {
		queue <- i
	}
	close(queue)
	watch := newWatch(r.config.Watch, &q)
	var workers sync.WaitGroup
	for range got {
		workers.Add(1)
		group.Go(func() error {
			defer workers.Done()
			return r.work(ctx, q, tasks, queue, results, watch)
		})
	}
	group.Go(func() error { return watch.run(ctx) })
	workers.Wait()
	watch.stop()
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return q.join(tasks, results)
}

// reserve waits for one place, as long as for a lock: a caller that waits for
// readers of others could have shipped its rows meanwhile.
func (r *Readers) reserve(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.config.LockTimeout)
	defer cancel()
	if err := r.places.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("%w within %s: all %d are in use", ErrNoReader, r.config.LockTimeout, r.config.Total)
	}
	return nil
}

// work is one reader connection: it imports the snapshot, then copies until no
// task is left.
func (r *Readers) work(ctx context.Context, q Read, tasks []task, queue <-chan int, results []arrow.Record, watch *watch) (err error) {
	begin := render.Begin(q.Snapshot, q.Login.Role, q.Settings, r.config.LockTimeout.Milliseconds())
	conn, err := r.acquire(ctx, q.Login, begin)
	if err != nil {
		return err
	}
	watch.add(conn.PID())
	defer func() { r.release(q.Login, conn) }()
	defer r.end(conn)
	for i := range queue {
		if results[i], err = q.copy(ctx, conn, tasks[i]); err != nil {
			return err
		}
	}
	return nil
}

// end leaves the transaction, whatever happened in it.
func (r *Readers) end(conn *pgconn.PgConn) {
	if conn.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := conn.Exec(ctx, "ROLLBACK").Close(); err != nil {
		conn.Close(ctx)
	}
}

func (q Read) copy(ctx context.Context, conn *pgconn.PgConn, t task) (arrow.Record, error) {
	in := q.Inputs[t.input]
	builder := NewBuilder(in.casts(), q.Budget)
	defer builder.Release()
	decoder := &copyDecoder{builder: builder, onRows: func(n int) error {
		if over := q.Budget.Exceeded(); over != nil {
			return &MemoryError{over}
		}
		return q.Progress(n)
	}}
	if _, err := conn.CopyTo(ctx, decoder, render.Copy(in.Relation.Name, in.Columns, t.pages)); err != nil {
		return nil, fmt.Errorf("source: copy: %w", err)
	}
	if !decoder.ended {
		return nil, malformed("a copy without its end")
	}
	if err := in.verify(ctx, conn); err != nil {
		return nil, err
	}
	return builder.Record(), nil
}

// verify returns an error unless the name that was read belongs to the relation
// that the caller meant. A schema that the caller has renamed and not committed
// yet still has its old name here, and no lock tells of it. The copy's own lock
// holds the relation, so this looks behind it.
func (in Input) verify(ctx context.Context, conn *pgconn.PgConn) error {
	query := "SELECT " + token.QuoteLiteral(in.Relation.Name) + "::pg_catalog.regclass::pg_catalog.oid::pg_catalog.int8"
	results, err := conn.Exec(ctx, query).ReadAll()
	if err != nil {
		return fmt.Errorf("source: verify relation: %w", err)
	}
	if got := string(results[0].Rows[0][0]); got != strconv.FormatInt(in.OID, 10) {
		return fmt.Errorf("source: %w: %s has OID %s here and %d for the caller", errOtherRelation, in.Relation.Name, got, in.OID)
	}
	return nil
}

// MemoryError says which memory limit the rows do not fit in.
type MemoryError struct{ Budget *Budget }

// Error implements error.
func (e *MemoryError) Error() string {
	return fmt.Sprintf("source: %s of %d bytes exceeded", e.Budget.Name, e.Budget.Limit)
}
