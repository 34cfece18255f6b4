package view

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/worker/internal/replication"
)

// definition is a row of ml_private.view with what the catalog says of it.
type definition struct {
	View       uint32
	Name       string // qualified and quoted
	Definition uint32
	Query      string // name of the plain view; "" if it is gone
	Owner      uint32
	OwnerName  string
	Settings   map[string]string
	Generation int
	Revision   int
	Paused     bool
	OwnerFits  bool   // the table's owner is still the one that registered it
	Fault      string // why its row is of no use; the row is the owner's to write
}

// definitions reads all maintained views whose tables exist.
func definitions(ctx context.Context, q querier) ([]definition, error) {
	rows, err := q.Query(ctx, `
		SELECT v.view, format('%I.%I', n.nspname, c.relname), v.definition,
			coalesce((SELECT format('%I.%I', s.nspname, d.relname) FROM pg_class AS d JOIN pg_namespace AS s ON s.oid = d.relnamespace
				WHERE d.oid = v.definition AND d.relkind = 'v'), ''),
			v.owner, coalesce(r.rolname, ''), v.settings::text, v.generation, v.revision, v.paused, c.relowner = v.owner
		FROM ml_private.view AS v
		JOIN pg_class AS c ON c.oid = v.view
		JOIN pg_namespace AS n ON n.oid = c.relnamespace
		LEFT JOIN pg_roles AS r ON r.oid = v.owner
		ORDER BY v.created_at, v.view`)
	if err != nil {
		return nil, fmt.Errorf("view: read the views: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (definition, error) {
		var d definition
		var settings string
		err := r.Scan(&d.View, &d.Name, &d.Definition, &d.Query, &d.Owner, &d.OwnerName, &settings, &d.Generation, &d.Revision, &d.Paused, &d.OwnerFits)
		d.Fault = d.readSettings(settings)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("view: read the views: %w", err)
	}
	return list, nil
}

// pinned are the settings that ml_private.pinned notes. A row may name no other: in
// search_path, there could be functions that answer our questions in their own way.
var pinned = []string{"TimeZone", "DateStyle", "IntervalStyle", "extra_float_digits", "bytea_output", "lc_monetary", "lc_numeric", "lc_time",
	"default_text_search_config", "xmlbinary", "xmloption"}

// readSettings returns why they are of no use, or "".
func (d *definition) readSettings(text string) string {
	if json.Unmarshal([]byte(text), &d.Settings) != nil {
		return "its settings in ml_private.view are not an object of texts"
	}
	for name := range d.Settings {
		if !slices.Contains(pinned, name) {
			return fmt.Sprintf("setting %s in ml_private.view is not one that a view keeps", name)
		}
	}
	return ""
}

// reconcile brings the engine's views to what the catalog says: new ones are built,
// dropped ones forgotten, changed ones built anew.
func (e *Engine) reconcile(ctx context.Context) error {
	// A row whose table is there under another number was restored: see [fitness].
	_, err := e.config.Pool.Exec(ctx, `DELETE FROM ml_private.view AS v WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid IN (v.view, v.view_name))`)
	if err != nil {
		return fmt.Errorf("view: forget dropped views: %w", err)
	}
	return e.readViews(ctx)
}

// readViews is reconcile without a write.
func (e *Engine) readViews(ctx context.Context) error {
	list, err := definitions(ctx, e.config.Pool)
	if err != nil {
		return err
	}
	known := map[uint32]bool{}
	for _, d := range list {
		known[d.View] = true
		v := e.views[d.View]
		if v == nil {
			v = newView(d)
			e.views[d.View] = v
			e.order = append(e.order, v)
		}
		e.renew(v, d)
	}
	e.order = e.order[:0:0]
	for _, d := range list {
		e.order = append(e.order, e.views[d.View])
	}
	for oid, v := range e.views {
		if !known[oid] {
			e.forget(v)
		}
	}
	e.sortViews()
	e.dropUnusedStores()
	return nil
}

// renew takes over a view's catalog row.
func (e *Engine) renew(v *view, d definition) {
	former := v.definition
	v.definition = d
	switch {
	case d.Query == "":
		v.fail(stateOrphaned, "its plain view has been dropped: ml.alter_view gives it a query, ml.drop_view drops it")
	case d.Fault != "":
		v.dropFilling()
		v.plan, v.stale = nil, true
		v.fail(stateErrored, "%s", d.Fault)
	case !d.OwnerFits:
		v.dropFilling()
		v.plan, v.stale = nil, true
		v.fail(stateErrored, "the table has another owner than when it was made: the administrator runs millrace install, which gives him the view, or drop it and make it again as that role")
	case former.Fault != "" || !former.OwnerFits:
		v.rebuild("its row in the catalog has changed")
	case former.Generation != d.Generation && former.Definition == d.Definition:
		e.copyAgain(v, "it was asked to be built anew")
	case former.Definition != d.Definition:
		v.rebuild("it has another query")
	case v.state == stateOrphaned:
		v.rebuild("its plain view is back")
	}
	if d.Paused && v.state != stateOrphaned && v.state != statePaused {
		v.resumed, v.state, v.reason = v.state, statePaused, "by ml.pause_view"
	} else if !d.Paused && v.state == statePaused {
		v.state, v.reason = v.resumed, ""
		if v.state == stateLive || v.state == stateLagging {
			v.state = stateCatchingUp // until its table is known to be as it was left
		}
		if v.built() {
			e.judge(v)
		}
	}
}

// copyAgain has a view built anew from its tables, and not from what is kept of them,
// and with it the views that share the tables: whatever was wrong is not any more.
func (e *Engine) copyAgain(v *view, reason string) {
	for _, relation := range relations(v.feeds) {
		if s := e.stores[relation]; s != nil {
			e.abandon(s, errors.New(reason))
		}
	}
	v.rebuild(reason)
}

// forget drops a view's state, and has those that read it built anew: they may read
// something else now, or fail clearly.
func (e *Engine) forget(v *view) {
	v.dropFilling()
	delete(e.views, v.View)
	for _, other := range e.views {
		if other.reads(v) {
			other.rebuild("a view below it was dropped")
		}
	}
}

// sortViews puts parents before those that read them.
func (e *Engine) sortViews() {
	var sorted []*view
	done := map[*view]bool{}
	var visit func(*view)
	visit = func(v *view) {
		if done[v] {
			return
		}
		done[v] = true
		for _, f := range v.feeds {
			if f.parent != nil {
				visit(f.parent)
			}
		}
		sorted = append(sorted, v)
	}
	for _, v := range e.order {
		visit(v)
	}
	e.order = sorted
}

// dropUnusedStores frees what no view uses any more.
func (e *Engine) dropUnusedStores() {
	used := map[uint32]bool{}
	for _, v := range e.order {
		for _, relation := range relations(v.feeds) {
			used[relation] = true
		}
	}
	if e.copying != nil {
		for _, p := range e.copying.views {
			for _, t := range p.physical() {
				used[t.relation] = true
			}
		}
	}
	for relation := range e.stores {
		if !used[relation] {
			delete(e.stores, relation)
		}
	}
}

// republished reports whether the publication, which did not exist where the stream
// is, exists by now: the log before it cannot be read any more.
func (e *Engine) republished(ctx context.Context, err error) bool {
	if !errors.Is(err, replication.ErrPublication) {
		return false
	}
	var exists bool
	err = e.config.Pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_publication WHERE pubname = $1)", Publication).Scan(&exists)
	return err == nil && exists // if not, it is asked again after the next attempt
}
