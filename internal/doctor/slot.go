package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// farBehind is how many bytes of log may be held back for the views before doctor
// warns. A checkpoint of the worker or one long transaction holds less.
const farBehind = 4 << 30

// slot is what the server says of the replication slot of this database.
type slot struct {
	Name     string
	Active   bool
	Status   string // wal_status: reserved, extended, unreserved, lost
	Retained int64  // bytes of log that the server keeps for it
}

// checkSlot looks at the worker's place in the log. Without views there is none.
func (p *patient) checkSlot(ctx context.Context, f *viewFacts) ([]Finding, error) {
	rows, err := p.conn.Query(ctx, `
		SELECT s.slot_name::text AS name, s.active, coalesce(s.wal_status, '') AS status,
			coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn), 0)::bigint AS retained
		FROM pg_replication_slots AS s JOIN pg_database AS d ON d.oid = s.datoid
		WHERE d.datname = current_database() AND s.slot_name = 'millrace_' || d.oid`)
	if err != nil {
		return nil, err
	}
	s, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[slot])
	if errors.Is(err, pgx.ErrNoRows) {
		return f.withoutSlot(), nil
	}
	if err != nil {
		return nil, err
	}
	findings := s.findings(f)
	if !s.Active && f.Senders >= f.MaxSenders {
		findings = append(findings, sendersFinding(f))
	}
	return findings, nil
}

// withoutSlot says why there may be no slot, and whether one could be made.
func (f *viewFacts) withoutSlot() (findings []Finding) {
	if f.Slots >= f.MaxSlots {
		findings = append(findings, Finding{f.level(), fmt.Sprintf("all %d replication slots are in use, and views need one", f.MaxSlots),
			"raise max_replication_slots and restart PostgreSQL, or drop a slot that nobody reads"})
	}
	if f.Senders >= f.MaxSenders {
		findings = append(findings, sendersFinding(f))
	}
	if f.Views > 0 {
		findings = append(findings, Finding{Fail, fmt.Sprintf("there are %d maintained views and no replication slot: they are not followed", f.Views),
			"start millrace serve; if it runs, its log and SELECT * FROM ml.views say what it waits for"})
	}
	return findings
}

func sendersFinding(f *viewFacts) Finding {
	return Finding{f.level(), fmt.Sprintf("all %d places for WAL senders are in use, and views need one", f.MaxSenders), "raise max_wal_senders and restart PostgreSQL"}
}

func (s *slot) findings(f *viewFacts) []Finding {
	kept := fmt.Sprintf("%.1f GiB of log are kept", float64(s.Retained)/(1<<30))
	again := "; if this happens again, raise max_slot_wal_keep_size"
	switch {
	case s.Status == "lost" && s.Active:
		return []Finding{{Warn, fmt.Sprintf("the slot %s was lost: the worker builds the views anew", s.Name), "wait until ml.views shows live" + again}}
	case s.Status == "lost":
		return []Finding{{f.level(), fmt.Sprintf("the slot %s was lost: the log that it needs is gone", s.Name),
			"start millrace serve, which makes a new one and builds the views anew" + again}}
	case s.Status == "unreserved":
		return []Finding{{Warn, fmt.Sprintf("the slot %s is about to be lost: %s, more than max_slot_wal_keep_size", s.Name, kept), "start millrace serve, or raise max_slot_wal_keep_size"}}
	case !s.Active && f.Views == 0:
		return []Finding{{Warn, fmt.Sprintf("the slot %s has no reader; %s for it", s.Name, kept),
			fmt.Sprintf("start millrace serve; if Millrace is gone for good: SELECT pg_drop_replication_slot('%s')", s.Name)}}
	case !s.Active:
		return []Finding{{Fail, fmt.Sprintf("the slot %s has no reader, so views are not followed; %s for it", s.Name, kept), "start millrace serve"}}
	case s.Retained > farBehind:
		return []Finding{{Warn, fmt.Sprintf("%s for the slot %s", kept, s.Name),
			"see SELECT * FROM ml.views, and end transactions that have been open for long; serve --retained-wal bounds it"}}
	}
	return nil
}

// checkTables looks at what is followed: tables of views that are not, and tables
// whose changes PostgreSQL refuses because the log could not tell them.
func (p *patient) checkTables(ctx context.Context, _ *viewFacts) ([]Finding, error) {
	rows, err := p.conn.Query(ctx, `
		SELECT DISTINCT t FROM ml_private.view AS v, unnest(ml_private.untracked(v.definition)) AS t
		WHERE EXISTS (SELECT FROM pg_class AS c WHERE c.oid = v.definition) ORDER BY t`)
	if err != nil {
		return nil, err
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	rows, err = p.conn.Query(ctx, `
		SELECT DISTINCT u FROM pg_publication AS b JOIN pg_publication_rel AS r ON r.prpubid = b.oid, ml_private.unidentified(r.prrelid) AS u
		WHERE b.pubname = 'millrace' AND u IS NOT NULL ORDER BY u`)
	if err != nil {
		return nil, err
	}
	unidentified, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	var findings []Finding
	if len(missing) > 0 {
		findings = append(findings, Finding{Fail, "maintained views read tables that are not followed: " + few(missing),
			fmt.Sprintf("the owner of each runs, for example: SELECT ml.track('%s')", missing[0])})
	}
	if len(unidentified) > 0 {
		findings = append(findings, Finding{Warn, "followed without a primary key or another replica identity, so PostgreSQL refuses UPDATE and DELETE: " + few(unidentified),
			"leave a table that only grows as it is; for others ALTER TABLE … REPLICA IDENTITY FULL"})
	}
	return findings, nil
}

// checkStates asks the worker, as a role that may, for views that are not as they
// should be.
func (p *patient) checkStates(ctx context.Context, f *viewFacts) ([]Finding, error) {
	role, _, err := p.caller(ctx)
	if err != nil || role == "" || f.Views == 0 {
		return nil, err
	}
	tx, err := p.conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	for _, statement := range []string{"SET LOCAL statement_timeout = '5s'", "SET LOCAL ROLE " + pgx.Identifier{role}.Sanitize()} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return nil, err
		}
	}
	rows, err := tx.Query(ctx, "SELECT name, state, coalesce(reason, '') FROM ml.views WHERE state IN ('lagging', 'errored', 'orphaned')")
	if err != nil {
		return nil, nil // the check of the way to the worker tells why
	}
	findings, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Finding, error) {
		var name, state, reason string
		err := r.Scan(&name, &state, &reason)
		return Finding{Warn, fmt.Sprintf("view %s is %s: %s", name, state, reason), stateFixes[state]}, err
	})
	if err != nil {
		return nil, nil // as above
	}
	return findings, nil
}

// stateFixes says what to do about the states of ml.views.
var stateFixes = map[string]string{
	"lagging":  "find who locks its table or what refuses its rows; the worker tries again by itself",
	"errored":  "correct the row or the query; see README for the states of views",
	"orphaned": "give it a query with ml.alter_view, or drop it with ml.drop_view",
}
