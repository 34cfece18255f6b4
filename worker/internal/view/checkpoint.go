package view

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
const checkpointFormat = "millrace views 2\n"

// checkpoints is what is on disk: the state at one position, and a later position up
// to which the log has nothing for it. The second costs little, so a slot moves on
// while other tables are written, and a database where nothing is written is left in
// peace.
type checkpoints struct {
	position replication.LSN // the later one
	at       time.Time
	due      bool   // the state has changed
	views    string // that are in the file
	sum      string // of the file
}

// maxIdle is how far the log may go on before the later position is written.
const maxIdle = 4 << 20

// stateFile is where this database's state is, and idleFile the later position.
func (e *Engine) stateFile() string { return filepath.Join(e.config.StateDir, e.slot+".state") }
func (e *Engine) idleFile() string  { return filepath.Join(e.config.StateDir, e.slot+".position") }

// checkpoint writes the state to disk if it is due, labelled with its position. The
// tables are durable up to there before: a state that is ahead of them could not be
// told from one of another history. Only then is the log let go.
func (e *Engine) checkpoint(ctx context.Context, now bool) error {
	c := &e.checkpoints
	waited := now || time.Since(c.at) >= e.config.Checkpoint
	if e.config.StateDir == "" || e.position == c.position || !waited && e.position < c.position+maxIdle {
		return nil
	}
	built, views := e.savable()
	if c.sum != "" && !c.due && views == c.views {
		return e.checkpointIdle(ctx)
	}
	if !waited {
		return nil
	}
	if err := e.flushTables(ctx); err != nil {
		return err
	}
	began := time.Now()
	sum, err := e.save(built)
	if errors.Is(err, errBug) {
		return e.checkpoint(ctx, now) // without the view or table that has it
	}
	if err != nil && !now {
		// The views go on; what is held back of the log is bounded elsewhere.
		e.config.Log.Error("views: no checkpoint", "err", err)
		c.at = time.Now()
		return nil
	}
	if err != nil {
		return err
	}
	// What waits has been counted, and is not in the file.
	e.checkpoints = checkpoints{position: e.position, at: time.Now(), due: len(e.waiting) > 0, views: views, sum: sum}
	e.durable = max(e.durable, e.position)
	e.config.Log.Debug("views: checkpoint", "position", e.position.String(), "took", time.Since(began))
	return e.acknowledge(ctx)
}

// checkpointIdle notes that the state on disk is that of the present position too.
func (e *Engine) checkpointIdle(ctx context.Context) error {
	_, err := replaceFile(e.idleFile(), func(f io.Writer) error {
		_, err := fmt.Fprintf(f, "%s %s\n", e.checkpoints.sum, e.position)
		return err
	})
	e.checkpoints.at = time.Now()
	if err != nil {
		e.config.Log.Error("views: no checkpoint", "err", err)
		return nil
	}
	e.checkpoints.position = e.position
	return e.acknowledge(ctx)
}

// readIdle returns the later position of a state file with a sum, or 0.
func (e *Engine) readIdle(sum string) (position replication.LSN) {
	f, _, err := openWhole(e.idleFile())
	if err != nil {
		return 0
	}
	defer f.Close()
	var of, text string
	if _, err := fmt.Fscanf(f, "%s %s\n", &of, &text); err != nil || of != sum {
		return 0
	}
	position, _ = replication.ParseLSN(text) // 0 if it is none
	return position
}

// savable lists the views whose state is to be kept, and says which they are.
func (e *Engine) savable() (built []*view, names string) {
	for _, v := range e.order {
		if v.built() && (v.applied != nil || v.output != nil) {
			built = append(built, v)
			names += strconv.FormatUint(uint64(v.View), 10) + " " + v.identity() + "\n"
		}
	}
	return built, names
}

// flushTables makes the tables, and the position that they show, durable: the writer's
// commits do not wait for the disk, but one that does flushes them too. It does not
// wait for standbys: one that takes over begins another history.
func (e *Engine) flushTables(ctx context.Context) error {
	sql := "BEGIN; SET LOCAL synchronous_commit = local; " + e.positionSQL(nil) + "; COMMIT"
	if _, err := e.writer.Exec(ctx, sql).ReadAll(); err != nil {
		if !e.writer.IsClosed() {
			_, _ = e.writer.Exec(ctx, "ROLLBACK").ReadAll() // the first error is the one to tell
		}
		return fmt.Errorf("view: checkpoint: %w", err)
	}
	return nil
}

// save writes the state to a new file, which takes the place of the old one whole, and
// returns its sum.
func (e *Engine) save(built []*view) (string, error) {
	return replaceFile(e.stateFile(), func(f io.Writer) error {
		w := zset.NewWriter(f)
		e.writeState(w, built)
		return w.Flush()
	})
}

func (e *Engine) writeState(w *zset.Writer, built []*view) {
	w.Bytes([]byte(checkpointFormat))
	w.Bytes([]byte(e.system.ID))
	w.Uvarint(uint64(e.system.Timeline))
	w.Bytes([]byte(e.system.Database))
	w.Uint64(uint64(e.position))
	w.Uvarint(uint64(len(e.stores)))
	for _, s := range e.stores {
		if err := e.saveStore(w, s); err != nil {
			w.Fail(err)
			e.abandon(s, err)
		}
	}
	w.Uvarint(uint64(len(built)))
	for _, v := range built {
		if err := e.saveView(w, v); err != nil {
			w.Fail(err)
			e.broken(v, err)
		}
	}
}

func (e *Engine) saveStore(w *zset.Writer, s *store) (err error) {
	defer e.contain("table", s.relation, &err)
	s.save(w)
	return nil
}

func (e *Engine) saveView(w *zset.Writer, v *view) (err error) {
	defer e.contain("view", v.Name, &err)
	v.save(w)
	return nil
}

func (s *store) save(w *zset.Writer) {
	w.Uvarint(uint64(s.relation))
	w.Bytes([]byte(s.since))
	for _, list := range [][]keptColumn{s.columns, s.attached} {
		w.Uvarint(uint64(len(list)))
		for _, c := range list {
			w.Uvarint(uint64(c.Number))
			w.Bytes([]byte(c.Name))
			w.Bytes([]byte(c.Stamp))
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
	s.since = string(r.Bytes())
	for _, list := range []*[]keptColumn{&s.columns, &s.attached} {
		for n := r.Uvarint(); n > 0 && r.Err() == nil; n-- {
			// One value per statement: what a reader gives is valid until its next call, and
			// within one statement the calls would come before the copies.
			c := keptColumn{Number: int16(r.Uvarint())}
			c.Name = string(r.Bytes())
			c.Stamp = string(r.Bytes())
			c.Type = &row.Type{OID: uint32(r.Uvarint())}
			*list = append(*list, c)
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
func (e *Engine) restore(ctx context.Context, system replication.System, slot replication.Slot) error {
	if e.config.StateDir == "" {
		return nil
	}
	f, sum, err := openWhole(e.stateFile())
	if errors.Is(err, os.ErrNotExist) {
		e.config.Log.Info("views: there is no checkpoint, views are built anew")
		return nil
	}
	var views map[uint32]savedView
	if err == nil {
		defer f.Close()
		views, err = e.readState(zset.NewReader(f))
	}
	if err == nil {
		// Between the two positions the log has nothing for the state: it may go on
		// wherever the slot does.
		e.durable = e.position
		e.position = max(e.position, min(slot.ConfirmedFlush, e.readIdle(sum)))
		if err = e.checkHistory(ctx, system, slot); err != nil && !errors.Is(err, errHistory) {
			e.reset()
			return errors.Join(err, e.reconcile(ctx))
		}
	}
	if err != nil {
		e.config.Log.Warn("views: the checkpoint is of no use, views are built anew", "err", err)
		e.reset()
		return e.reconcile(ctx)
	}
	e.revive(ctx, views)
	_, names := e.savable()
	e.checkpoints = checkpoints{position: e.position, at: time.Now(), views: names, sum: sum}
	return nil
}

func (e *Engine) readState(r *zset.Reader) (_ map[uint32]savedView, err error) {
	defer e.contain("file", e.stateFile(), &err)
	if string(r.Bytes()) != checkpointFormat {
		return nil, fmt.Errorf("%w: of another version", errState)
	}
	system := replication.System{ID: string(r.Bytes())}
	system.Timeline = int32(r.Uvarint())
	system.Database = string(r.Bytes())
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
		oid := uint32(r.Uvarint())
		v := savedView{identity: string(r.Bytes()), output: zset.NewSet()}
		if err := v.output.Load(r); err != nil {
			return nil, err
		}
		v.circuit = bytes.Clone(r.Bytes()) // what a reader gives is valid until its next call
		views[oid] = v
	}
	if r.Err() != nil {
		return nil, r.Err()
	}
	e.position, e.system = position, &system
	return views, nil
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
		if kept := e.stores[t.relation]; kept == nil || !kept.covers(t) {
			return
		}
	}
	if err := e.adopt(v, p); err != nil || v.identity() != s.identity {
		return
	}
	if err := e.loadCircuit(v, s.circuit); err != nil {
		e.config.Log.Warn("views: a saved state does not fit", "view", v.Name, "err", err)
		v.plan = nil
		return
	}
	v.output, v.applied, v.pending, v.stale = s.output, nil, zset.NewSet(), false
	e.judge(v)
}

func (e *Engine) loadCircuit(v *view, state []byte) (err error) {
	defer e.contain("view", v.Name, &err)
	return v.plan.Circuit.Load(zset.NewReader(bytes.NewReader(state)))
}
