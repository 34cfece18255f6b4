package view

import (
	"context"
	"fmt"
	"time"
)

// fitness is whether views can be followed on the server that answers.
type fitness struct {
	standby  bool // it takes no writes and makes no slots
	original bool // the database is the one that was installed into
	named    bool // the catalog's numbers of tables are those of this database
}

// readFitness asks the server.
func readFitness(ctx context.Context, q querier) (f fitness, err error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	err = q.QueryRow(ctx, `
		SELECT pg_is_in_recovery(),
			EXISTS (SELECT FROM ml_private.identity AS i, pg_control_system() AS c, pg_database AS d
				WHERE d.datname = current_database() AND i.system_identifier = c.system_identifier AND i.database = d.oid),
			NOT EXISTS (SELECT FROM ml_private.view WHERE view_name IS DISTINCT FROM view OR definition_name IS DISTINCT FROM definition)`).
		Scan(&f.standby, &f.original, &f.named)
	if err != nil {
		return f, fmt.Errorf("view: look at the server: %w", err)
	}
	return f, nil
}

// obstacle says why views cannot be followed, or "". Numbers of tables and roles that
// are another database's must not lead to any write.
func (f fitness) obstacle() string {
	switch {
	case !f.original:
		return "this database is a copy of the one that Millrace was installed in: the administrator runs millrace install, and millrace enroll for each role"
	case !f.named:
		return "this database was restored from a dump: the administrator runs millrace install"
	case f.standby:
		return "the server is a standby: views are followed when it has been promoted"
	}
	return ""
}

// awaitFit waits until views can be followed. It says once why they cannot, in the log
// and in ml.views.
func (e *Engine) awaitFit(ctx context.Context, q querier) error {
	told := ""
	for {
		f, err := readFitness(ctx, q)
		if err != nil {
			return err
		}
		obstacle := f.obstacle()
		if obstacle == "" {
			return nil
		}
		e.say("%s", obstacle)
		if e.system != nil || !f.original || !f.named {
			e.reset() // what is in memory is of the time when this server, or another, was followed
		}
		if f.original && f.named {
			if err := e.readViews(ctx); err != nil { // so that ml.views can tell
				return err
			}
		}
		if obstacle != told {
			e.config.Log.Warn("views: waiting: " + obstacle)
			told = obstacle
		}
		e.idle(ctx, time.Second)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
