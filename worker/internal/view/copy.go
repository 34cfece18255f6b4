package view

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/token"
	"github.com/millrace/millrace/sql/zset"
	"github.com/millrace/millrace/worker/internal/replication"
)

// copyJob builds views: it copies tables that are not kept yet, or not with enough
// columns, and keeps their transactions meanwhile.
type copyJob struct {
	changes  int         // that the catalog had seen when it began
	views    []*prepared // nil when its turn has come
	units    []*copyUnit
	retained *replication.Archive // what happens to the tables meanwhile; nil before and after
	until    replication.LSN      // what the copies show was committed before
	err      error                // why nothing can be copied
	underway int                  // of its views are being filled
}

// copyUnit is one table to copy.
type copyUnit struct {
	base
	columns  []int16 // to keep
	owner    definition
	store    *store
	snapshot snapshot
	err      error // why it could not be copied
}

// need adds a table, unless a store keeps all that is needed of it.
func (j *copyJob) need(kept *store, s base) {
	i := slices.IndexFunc(j.units, func(u *copyUnit) bool { return u.relation == s.relation })
	if i < 0 && kept != nil && kept.covers(s) {
		return
	}
	if i < 0 {
		u := &copyUnit{base: s, columns: slices.Clone(s.key), owner: j.views[len(j.views)-1].definition}
		if kept != nil {
			for _, c := range kept.columns {
				if slices.ContainsFunc(s.attached, func(a keptColumn) bool { return a.Number == c.Number }) {
					u.columns = append(u.columns, c.Number)
				}
			}
		}
		j.units = append(j.units, u)
		i = len(j.units) - 1
	}
	u := j.units[i]
	u.columns = append(u.columns, s.numbers...)
	slices.Sort(u.columns)
	u.columns = slices.Compact(u.columns)
}

func (s *store) keyNumbers() []int16 {
	var out []int16
	for _, k := range s.key {
		out = append(out, s.columns[k].Number)
	}
	return out
}

func (j *copyJob) names() []string {
	var out []string
	for _, u := range j.units {
		out = append(out, strings.TrimPrefix(u.root, "ONLY "))
	}
	return slices.Compact(out)
}

// retainedMemory is how much is kept in memory of what happens during a copy; the rest
// goes to disk.
const retainedMemory = 64 << 20

// retain keeps what a transaction changes in the tables.
func (j *copyJob) retain(t *replication.Transaction) {
	if j == nil || j.retained == nil || j.err != nil {
		return
	}
	j.err = j.retained.Add(t, func(r *replication.Relation) bool {
		return slices.ContainsFunc(j.units, func(u *copyUnit) bool { return u.relation == r.OID })
	})
}

func (j *copyJob) abandon() {
	if j.retained != nil {
		_ = j.retained.Close() // a temporary file that stays is no harm
		j.retained = nil
	}
}

// copyAll copies the tables, each in one snapshot of its view's owner. Every
// transaction that was running when their transactions began to be kept has ended
// before: one that the snapshot does not see is among those that are kept.
func (e *Engine) copyAll(ctx context.Context, j *copyJob) error {
	if err := e.awaitRunning(ctx, j); err != nil {
		return err
	}
	for len(j.units) > 0 {
		owner, done := j.units[0].owner, true
		for _, u := range j.units {
			if u.store == nil && u.err == nil {
				owner, done = u.owner, false
				break
			}
		}
		if done {
			return e.awaitPosition(ctx, j.until)
		}
		if err := e.copyAs(ctx, owner, j); err != nil {
			return err
		}
	}
	return nil
}

// awaitPosition waits until all transactions that ended before a position have been
// taken from the log. Those that a copy shows already must not come after it.
func (e *Engine) awaitPosition(ctx context.Context, until replication.LSN) error {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		reached := false
		if err := e.do(ctx, func() { reached = e.position >= until }); err != nil || reached {
			return err
		}
		if err := e.barrier(ctx); err != nil {
			return fmt.Errorf("view: barrier: %w", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// awaitRunning waits until every transaction that runs now has ended, and says which
// one it waits for.
func (e *Engine) awaitRunning(ctx context.Context, j *copyJob) error {
	var horizon int64
	if err := e.config.Pool.QueryRow(ctx, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").Scan(&horizon); err != nil {
		return fmt.Errorf("view: running transactions: %w", err)
	}
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		var ended bool
		var blocker string
		err := e.config.Pool.QueryRow(ctx, `
			SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= $1, coalesce((
				SELECT format('transaction of process %s, user %s, since %s', l.pid, a.usename, a.xact_start) FROM pg_locks AS l
				LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
				WHERE l.locktype = 'transactionid' AND l.granted AND l.mode = 'ExclusiveLock' ORDER BY age(l.transactionid) DESC LIMIT 1), '')`, horizon).
			Scan(&ended, &blocker)
		if err != nil {
			return fmt.Errorf("view: running transactions: %w", err)
		}
		if ended {
			return nil
		}
		if wait > 300*time.Millisecond {
			e.post(ctx, func() {
				for _, p := range j.views {
					if v := e.views[p.definition.View]; v != nil {
						v.reason = "waiting to copy its tables until running transactions have ended: " + blocker
					}
				}
			})
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// copyAs copies the units of one owner in one snapshot.
func (e *Engine) copyAs(ctx context.Context, owner definition, j *copyJob) error {
	conn, err := e.connectAs(ctx, owner.OwnerName, owner.Settings)
	if err != nil {
		for _, u := range j.units {
			if u.store == nil && u.err == nil && u.owner.OwnerName == owner.OwnerName {
				u.err = err // another owner's tables can be copied all the same
			}
		}
		return ctx.Err()
	}
	defer closeConn(conn)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("view: copy: %w", err)
	}
	var text string
	var until replication.LSN
	if err := tx.QueryRow(ctx, "SELECT pg_current_snapshot()::text, pg_current_wal_insert_lsn()::text").Scan(&text, &until); err != nil {
		return fmt.Errorf("view: copy: %w", err)
	}
	j.until = max(j.until, until)
	s, err := parseSnapshot(text)
	if err != nil {
		return err
	}
	for _, u := range j.units {
		if u.store != nil || u.err != nil || u.owner.OwnerName != owner.OwnerName {
			continue
		}
		u.snapshot = s
		if err := e.copyUnit(ctx, conn, u); err != nil {
			u.store, u.err = nil, err
			return nil // this transaction has failed: what is left is copied in another
		}
	}
	return tx.Commit(ctx)
}

// copyUnit copies a table, and checks that it is the one that was meant.
func (e *Engine) copyUnit(ctx context.Context, conn *pgx.Conn, u *copyUnit) (err error) {
	defer e.contain("table", u.relation, &err)
	if err := u.copy(ctx, conn); err != nil {
		return err
	}
	if err := u.checkFile(ctx, conn); err != nil {
		return err
	}
	return u.checkColumns(ctx, e.config.Pool)
}

// checkFile checks that the table has not been rewritten since the snapshot was taken,
// while the copy waited for a lock: to an older snapshot a new file is empty.
func (u *copyUnit) checkFile(ctx context.Context, conn *pgx.Conn) error {
	var same bool
	err := conn.QueryRow(ctx, "SELECT relfilenode = pg_relation_filenode(oid) FROM pg_class WHERE oid = $1", u.relation).Scan(&same)
	if err != nil {
		return fmt.Errorf("view: file of %s: %w", u.root, err)
	}
	if !same {
		return fmt.Errorf("view: table %s has been rewritten: %w", u.root, errShape)
	}
	return nil
}

// checkColumns checks that the copied columns are those that were meant. The copy's
// transaction still holds its lock, so nobody is changing them.
func (u *copyUnit) checkColumns(ctx context.Context, q querier) error {
	stamps, since, err := stampsOf(ctx, q, u.relation)
	if err != nil {
		return err
	}
	same := since == u.since
	for _, c := range u.store.columns {
		same = same && stamps[c.Number] == c.Stamp
	}
	if !same {
		return errShape
	}
	return nil
}

// copy fills the unit's store. A partition is read through its root, on which the
// owner has the right.
func (u *copyUnit) copy(ctx context.Context, conn *pgx.Conn) error {
	var kept []keptColumn
	var list []string
	for _, n := range u.columns {
		i := slices.IndexFunc(u.attached, func(c keptColumn) bool { return c.Number == n })
		if i < 0 {
			return fmt.Errorf("column number %d is not in the log: it is generated, or gone", n)
		}
		kept = append(kept, u.attached[i])
		list = append(list, token.QuoteName(u.attached[i].Name))
	}
	var key []int
	for _, n := range u.key {
		key = append(key, slices.Index(u.columns, n))
	}
	s := newStore(u.relation, kept, u.attached, key)
	s.since = u.since
	where := ""
	if u.part {
		where = " WHERE tableoid = " + strconv.FormatUint(uint64(u.relation), 10)
	}
	query := fmt.Sprintf("SELECT %s FROM %s%s", strings.Join(list, ", "), u.root, where)
	err := copyRows(ctx, conn, query, len(list), func(values []row.Value) error {
		s.insert(row.Make(values...))
		return nil
	})
	u.store = s
	return err
}

// install brings the copies to the engine's position: what of their transactions the
// copy's snapshot did not see is applied to it.
func (e *Engine) install(j *copyJob) {
	for _, u := range j.units {
		if u.err == nil {
			u.err = e.catchUp(u, j.retained.Changes(func(t replication.Archived) bool { return !u.snapshot.sees(t.XID) }))
		}
		if u.err == nil {
			e.stores[u.relation] = u.store
		}
	}
}

// catchUp applies to a copy what it does not show.
func (e *Engine) catchUp(u *copyUnit, changes iter.Seq2[replication.Change, error]) (err error) {
	defer e.contain("table", u.relation, &err)
	var ignored zset.Batch
	for change, err := range changes {
		if err != nil {
			return err
		}
		if change.Relation.OID != u.relation {
			continue
		}
		if !u.store.described(change.Relation) {
			return errShape
		}
		ignored.Reset()
		if err := u.store.change(&change, &ignored); err != nil {
			return err
		}
	}
	return nil
}

// failed is why some table of a view could not be copied.
func (j *copyJob) failed(p *prepared) error {
	for _, u := range j.units {
		for _, t := range p.tables {
			if u.err != nil && u.relation == t.relation {
				return fmt.Errorf("table %s could not be copied: %w", strings.TrimPrefix(u.root, "ONLY "), u.err)
			}
		}
	}
	return nil
}
