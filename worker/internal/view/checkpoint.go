package view

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
	"github.com/millrace/millrace/worker/internal/replication"
)

// checkpointFormat changes whenever a state that was written before means something
// else now. A file of another format is not read, and the views are built anew.
const checkpointFormat = "millrace views 1\n"

// stateFile is where this database's checkpoint is.
func (e *Engine) stateFile() string { return filepath.Join(e.config.StateDir, e.slot+".state") }

// checkpoint writes the state to disk if it is due, labelled with its position. The
// tables are durable up to there before: a state that is ahead of them could not be
// told from one of another history. Only then is the log let go.
func (e *Engine) checkpoint(ctx context.Context, now bool) error {
	if e.config.StateDir == "" || e.position == e.saved || !now && time.Since(e.savedAt) < e.config.Checkpoint {
		return nil
	}
	if err := e.flushTables(ctx); err != nil {
		return err
	}
	began := time.Now()
	if err := e.save(); err != nil {
		return err
	}
	e.saved, e.savedAt = e.position, time.Now()
	e.config.Log.Debug("views: checkpoint", "position", e.position.String(), "took", time.Since(began))
	return e.acknowledge(ctx)
}

// flushTables makes the tables, and the position that they show, durable: the writer's
// commits do not wait for the disk, but one that does flushes them too.
func (e *Engine) flushTables(ctx context.Context) error {
	tx, err := e.config.Pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("view: checkpoint: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if _, err := tx.Exec(ctx, "SET LOCAL synchronous_commit = on"); err != nil {
		return fmt.Errorf("view: checkpoint: %w", err)
	}
	if _, err := tx.Exec(ctx, e.positionSQL(nil)); err != nil {
		return fmt.Errorf("view: checkpoint: %w", err)
	}
	return tx.Commit(ctx)
}

// save writes the state to a new file, which takes the place of the old one whole.
func (e *Engine) save() error {
	if err := os.MkdirAll(e.config.StateDir, 0o700); err != nil {
		return fmt.Errorf("view: checkpoint: %w", err)
	}
	f, err := os.CreateTemp(e.config.StateDir, e.slot+".new-*")
	if err != nil {
		return fmt.Errorf("view: checkpoint: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	w := zset.NewWriter(f)
	e.writeState(w)
	if err := errors.Join(w.Flush(), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("view: checkpoint: %w", err)
	}
	if err := os.Rename(f.Name(), e.stateFile()); err != nil {
		return fmt.Errorf("view: checkpoint: %w", err)
	}
	return syncDir(e.config.StateDir)
}

// syncDir makes a rename durable.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("view: checkpoint: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("view: checkpoint: %w", err)
	}
	return nil
}

func (e *Engine) writeState(w *zset.Writer) {
	w.Bytes([]byte(checkpointFormat))
	w.Bytes([]byte(e.system.ID))
	w.Uvarint(uint64(e.system.Timeline))
	w.Bytes([]byte(e.system.Database))
	w.Uint64(uint64(e.position))
	w.Uvarint(uint64(len(e.stores)))
	for _, s := range e.stores {
		s.save(w)
	}
	var built []*view
	for _, v := range e.order {
		if v.built() && (v.applied != nil || v.output != nil) {
			built = append(built, v)
		}
	}
	w.Uvarint(uint64(len(built)))
	for _, v := range built {
		v.save(w)
	}
	w.Bytes([]byte(checkpointFormat)) // the end: the file is whole
}

func (s *store) save(w *zset.Writer) {
	w.Uvarint(uint64(s.relation))
	for _, list := range [][]keptColumn{s.columns, s.attached} {
		w.Uvarint(uint64(len(list)))
		for _, c := range list {
			w.Uvarint(uint64(c.Number))
			w.Bytes([]byte(c.Name))
			w.Uvarint(uint64(c.Type.OID))
		}
	}
	w.Uvarint(uint64(len(s.key)))
	for _, k := range s.key {
		w.Uvarint(uint64(k))
	}
	s.keyed.Save(w)
	s.plain.Save(w)
}

func loadStore(r *zset.Reader) (*store, error) {
	s := newStore(uint32(r.Uvarint()), nil, nil, nil)
	for _, list := range []*[]keptColumn{&s.columns, &s.attached} {
		for n := r.Uvarint(); n > 0 && r.Err() == nil; n-- {
			*list = append(*list, keptColumn{Number: int16(r.Uvarint()), Name: string(r.Bytes()), Type: &row.Type{OID: uint32(r.Uvarint())}})
		}
	}
	for n := r.Uvarint(); n > 0 && r.Err() == nil; n-- {
		s.key = append(s.key, int(r.Uvarint()))
	}
	return s, errors.Join(s.keyed.Load(r), s.plain.Load(r))
}

// identity tells whether a saved state is of the view that is in the catalog now.
func (v *view) identity() string {
	return strconv.FormatUint(uint64(v.Definition), 10) + " " + strconv.Itoa(v.Generation) + " " + strconv.FormatUint(uint64(v.Owner), 10) + " " + v.shape
}

func (v *view) save(w *zset.Writer) {
	w.Uvarint(uint64(v.View))
	w.Bytes([]byte(v.identity()))
	output := zset.NewSet()
	for r, n := range v.desired() {
		output.Add(r, n)
	}
	output.Save(w)
	var circuit bytes.Buffer
	inner := zset.NewWriter(&circuit)
	if err := v.plan.Circuit.Save(inner); err != nil {
		w.Fail(err)
		return
	}
	if err := inner.Flush(); err != nil {
		w.Fail(err)
		return
	}
	w.Bytes(circuit.Bytes())
}

// savedView is a view's state from a checkpoint, until its plan is compiled.
type savedView struct {
	identity string
	output   *zset.Set
	circuit  []byte
}

// restore takes over the last checkpoint, if there is one and it is of this server's
// history. Views that it does not hold, or that have changed since, are built anew.
func (e *Engine) restore(ctx context.Context, system replication.System) error {
	if e.config.StateDir == "" {
		return nil
	}
	f, err := os.Open(e.stateFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("view: checkpoint: %w", err)
	}
	defer f.Close()
	views, err := e.readState(zset.NewReader(f), system)
	if err == nil {
		err = e.checkHistory(ctx)
	}
	if err != nil {
		e.config.Log.Warn("views: the checkpoint is of no use, views are built anew", "err", err)
		e.reset()
		return e.reconcile(ctx)
	}
	e.revive(ctx, views)
	e.saved, e.savedAt = e.position, time.Now()
	return nil
}

var errState = errors.New("view: checkpoint")

func (e *Engine) readState(r *zset.Reader, system replication.System) (map[uint32]savedView, error) {
	if string(r.Bytes()) != checkpointFormat {
		return nil, fmt.Errorf("%w: of another version", errState)
	}
	was := replication.System{ID: string(r.Bytes()), Timeline: int32(r.Uvarint()), Database: string(r.Bytes())}
	if err := errors.Join(r.Err(), was.Check(system)); err != nil {
		return nil, err
	}
	position := replication.LSN(r.Uint64())
	for n := r.Uvarint(); n > 0 && r.Err() == nil; n-- {
		s, err := loadStore(r)
		if err != nil {
			return nil, err
		}
		e.stores[s.relation] = s
	}
	views := map[uint32]savedView{}
	for n := r.Uvarint(); n > 0 && r.Err() == nil; n-- {
		oid, v := uint32(r.Uvarint()), savedView{identity: string(r.Bytes()), output: zset.NewSet()}
		if err := v.output.Load(r); err != nil {
			return nil, err
		}
		v.circuit = r.Bytes()
		views[oid] = v
	}
	if end := string(r.Bytes()); r.Err() != nil || end != checkpointFormat {
		return nil, fmt.Errorf("%w: cut off: %w", errState, r.Err())
	}
	e.position, e.system = position, &system
	return views, nil
}

// checkHistory refuses a state that is ahead of the tables: a backup was restored, or
// the server lost what it had not flushed.
func (e *Engine) checkHistory(ctx context.Context) error {
	var shown replication.LSN
	if err := e.config.Pool.QueryRow(ctx, "SELECT coalesce(max(lsn), '0/0')::text FROM ml_private.position").Scan(&shown); err != nil {
		return fmt.Errorf("view: read the position: %w", err)
	}
	if e.position > shown {
		return fmt.Errorf("%w: it is of position %s, and the tables show %s", errState, e.position, shown)
	}
	return nil
}

// revive compiles the views and gives them their saved state.
func (e *Engine) revive(ctx context.Context, saved map[uint32]savedView) {
	known := map[uint32]bool{}
	for _, v := range e.order {
		known[v.View] = true
	}
	var waiting []*prepared
	for _, v := range e.order {
		if _, ok := saved[v.View]; ok && v.stale && v.state != stateOrphaned {
			if p := e.prepare(ctx, v.definition, known); p.err == nil {
				waiting = append(waiting, p)
			}
		}
	}
	for progress := true; progress; {
		progress = false
		for i, p := range waiting {
			if p != nil && e.ready(p) {
				waiting[i], progress = nil, true
				e.reviveOne(e.views[p.definition.View], p, saved[p.definition.View])
			}
		}
	}
	e.sortViews()
}

func (e *Engine) reviveOne(v *view, p *prepared, s savedView) {
	for _, t := range p.tables {
		if kept := e.stores[t.relation]; kept == nil || !kept.covers(t.numbers) {
			return
		}
	}
	if err := e.adopt(v, p); err != nil || v.identity() != s.identity {
		return
	}
	if err := v.plan.Circuit.Load(zset.NewReader(bytes.NewReader(s.circuit))); err != nil {
		e.config.Log.Warn("views: a saved state does not fit", "view", v.Name, "err", err)
		v.plan = nil
		return
	}
	v.output, v.applied, v.pending, v.stale = s.output, nil, zset.NewSet(), false
	e.judge(v)
}
