package view

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/sql/token"
)

// querier is a connection, a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// searchPath finds PostgreSQL's own objects alone: what users made is named in full.
const searchPath = "pg_catalog, pg_temp"

// errNoLogin is an owner on whose login nothing can run.
var errNoLogin = errors.New("the owner is not enrolled, or is a superuser without a reader login: run millrace enroll")

// sessionLimits are how long a connection's statements may wait and run; 0 is without
// bound.
type sessionLimits struct{ lock, statement time.Duration }

// patientLimits are those of what may take long and holds nobody up: first copies,
// comparisons and compiling.
var patientLimits = sessionLimits{lock: 30 * time.Second}

// longestEvaluation bounds one statement that a circuit leaves to PostgreSQL: all views
// wait for it.
const longestEvaluation = 30 * time.Second

// connectAs opens the owner's own login, becomes the owner, and pins the settings
// that values depend on.
func (e *Engine) connectAs(ctx context.Context, owner string, settings map[string]string) (*pgx.Conn, error) {
	return e.connectLimited(ctx, owner, settings, patientLimits)
}

// connectLimited is connectAs with other limits.
func (e *Engine) connectLimited(ctx context.Context, owner string, settings map[string]string, limits sessionLimits) (*pgx.Conn, error) {
	login, ok, err := e.config.Owners.Reader(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("view: login of %s: %w", owner, err)
	}
	if !ok {
		return nil, fmt.Errorf("view: role %s: %w", owner, errNoLogin)
	}
	config := e.config.Database.Copy()
	config.User, config.Password = login.User, login.Password
	config.RuntimeParams = maps.Clone(config.RuntimeParams)
	maps.Copy(config.RuntimeParams, map[string]string{
		"application_name": "millrace view reader", "search_path": "pg_catalog", "client_encoding": "UTF8",
		"default_transaction_isolation": "read committed", "idle_in_transaction_session_timeout": "0",
		"lock_timeout": milliseconds(limits.lock), "statement_timeout": milliseconds(limits.statement),
		"jit":          "off", // it compiles for longer than a batch takes
		"row_security": "off", // what policies would hide is an error, not a difference
	})
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("view: connect as %s: %w", owner, err)
	}
	statements := []string{"SET ROLE " + token.QuoteName(owner)}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		statements = append(statements, fmt.Sprintf("SELECT pg_catalog.set_config(%s, %s, false)", token.QuoteLiteral(name), token.QuoteLiteral(settings[name])))
	}
	if _, err := conn.Exec(ctx, strings.Join(statements, "; ")); err != nil {
		conn.Close(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("view: become %s: %w", owner, err)
	}
	return conn, nil
}

// sessions keeps one connection for each owner, its settings and limits, on which PostgreSQL
// evaluates what the circuits leave to it. It is safe for concurrent use.
type sessions struct {
	mutex sync.Mutex
	idle  map[string]idleSession
}

type idleSession struct {
	conn  *pgx.Conn
	since time.Time
}

// briefly limits what all views wait for.
func (e *Engine) briefly() sessionLimits {
	return sessionLimits{lock: e.config.LockTimeout, statement: longestEvaluation}
}

// acquirer gives a view's connections to its remote evaluator. One that was lost while
// it was idle is replaced; one that is lost in use breaks the circuit, which is filled
// anew from the stores.
func (e *Engine) acquirer(d definition, limits sessionLimits) func(context.Context) (*pgx.Conn, func(), error) {
	key := d.OwnerName + "\x00" + fmt.Sprint(d.Settings, limits)
	return func(ctx context.Context) (*pgx.Conn, func(), error) {
		e.sessions.mutex.Lock()
		session := e.sessions.idle[key]
		delete(e.sessions.idle, key)
		e.sessions.mutex.Unlock()
		conn := session.conn
		if conn != nil && time.Since(session.since) > 100*time.Millisecond && conn.Ping(ctx) != nil {
			closeConn(conn)
			conn = nil
		}
		if conn == nil {
			var err error
			if conn, err = e.connectLimited(ctx, d.OwnerName, d.Settings, limits); err != nil {
				return nil, nil, err
			}
		}
		return conn, func() {
			e.sessions.mutex.Lock()
			defer e.sessions.mutex.Unlock()
			if conn.IsClosed() || e.sessions.idle[key].conn != nil {
				closeConn(conn)
				return
			}
			e.sessions.idle[key] = idleSession{conn, time.Now()}
		}, nil
	}
}

func (s *sessions) close() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, session := range s.idle {
		closeConn(session.conn)
	}
	clear(s.idle)
}

// milliseconds is a duration as PostgreSQL's settings take it.
func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // the connection is of no more use
}
