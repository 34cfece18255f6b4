package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// viewFacts is what maintained views need of the server. Views are those that this
// login may see: all of them as a superuser and as the worker, else its own.
type viewFacts struct {
	Views       int
	Worker      string // login of the worker; "" if none is noted
	Replicates  bool   // that login may read the log
	Publisher   string // the role that owns the publication
	Unfit       []string
	Slots       int // in use, of all databases
	MaxSlots    int
	Senders     int
	MaxSenders  int
	Logical     bool
	InRecovery  bool
	RoleOfCloud string // that lets its members replicate; "" if there is none
}

// viewFactsSQL reads viewFacts. Where a provider has a role in the place of the
// attribute REPLICATION, its members may replicate.
const viewFactsSQL = `
	SELECT (SELECT count(*) FROM ml_private.view) AS views,
		coalesce(w.rolname, '') AS worker,
		coalesce(w.rolreplication OR w.rolsuper, false) OR coalesce(pg_has_role(w.oid, c.oid, 'MEMBER'), false) AS replicates,
		'ml_publisher_' || d.oid AS publisher,
		(SELECT coalesce(array_agg(r.rolname::text ORDER BY r.rolname), '{}') FROM pg_user_mappings AS m JOIN pg_roles AS r ON r.oid = m.umuser
		 WHERE m.srvname = 'millrace' AND NOT r.rolsuper AND NOT (
			coalesce(pg_has_role(r.oid, (SELECT p.oid FROM pg_roles AS p WHERE p.rolname = 'ml_publisher_' || d.oid), 'MEMBER'), false)
			AND EXISTS (SELECT FROM pg_proc AS f JOIN pg_namespace AS n ON n.oid = f.pronamespace
				WHERE n.nspname = 'ml_apply' AND f.proname = 'apply_' || r.oid AND f.proowner = r.oid))) AS unfit,
		(SELECT count(*) FROM pg_replication_slots) AS slots, current_setting('max_replication_slots')::int AS max_slots,
		(SELECT count(*) FROM pg_stat_replication) AS senders, current_setting('max_wal_senders')::int AS max_senders,
		current_setting('wal_level') = 'logical' AS logical, pg_is_in_recovery() AS in_recovery,
		coalesce(c.rolname, '') AS role_of_cloud
	FROM pg_database AS d
	LEFT JOIN ml_private.identity AS i ON true
	LEFT JOIN pg_roles AS w ON w.oid = i.worker
	LEFT JOIN pg_roles AS c ON c.rolname = 'rds_replication'
	WHERE d.datname = current_database()`

// checkViews looks at what maintained views need: without any view, what is missing is
// a warning.
func (p *patient) checkViews(ctx context.Context) ([]Finding, error) {
	f, err := p.viewFacts(ctx)
	if err != nil || f == nil {
		return nil, err
	}
	findings := f.privileges()
	for _, examine := range []func(context.Context, *viewFacts) ([]Finding, error){p.checkPublication, p.checkSlot, p.checkTables, p.checkStates} {
		more, err := examine(ctx, f)
		findings = append(findings, more...)
		if err != nil {
			return findings, err
		}
	}
	if len(findings) > 0 {
		return findings, nil
	}
	if f.Views == 0 {
		return []Finding{good("maintained views can be made; this login sees none")}, nil
	}
	return []Finding{good("what maintained views need is there; this login sees %d", f.Views)}, nil
}

// viewFacts returns nil where there is nothing to look at: no installation, one from
// before there were views, or a standby, which does not decode the log.
func (p *patient) viewFacts(ctx context.Context) (*viewFacts, error) {
	var present bool
	err := p.conn.QueryRow(ctx, "SELECT to_regclass('ml_private.view') IS NOT NULL AND NOT pg_is_in_recovery()").Scan(&present)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "42501" {
		return nil, nil // this login may not look into the schema
	}
	if err != nil || !present || !p.installed {
		return nil, err
	}
	rows, err := p.conn.Query(ctx, viewFactsSQL)
	if err != nil {
		return nil, err
	}
	f, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[viewFacts])
	return &f, err
}

// level is how bad it is that something is missing.
func (f *viewFacts) level() Level {
	if f.Views > 0 {
		return Fail
	}
	return Warn
}

// privileges looks at the roles.
func (f *viewFacts) privileges() (findings []Finding) {
	switch {
	case f.Worker == "":
		findings = append(findings, Finding{f.level(), "the worker's login has been dropped, or is not known", "run millrace install"})
	case !f.Replicates && f.RoleOfCloud != "":
		findings = append(findings, Finding{f.level(), fmt.Sprintf("the worker's login %s may not read the log, so views are not followed", f.Worker),
			fmt.Sprintf("run GRANT %s TO %s", f.RoleOfCloud, f.Worker)})
	case !f.Replicates:
		findings = append(findings, Finding{f.level(), fmt.Sprintf("the worker's login %s lacks REPLICATION, so views are not followed", f.Worker),
			fmt.Sprintf("run ALTER ROLE %s REPLICATION, as a superuser or as the provider's administrator", f.Worker)})
	}
	if f.Views > 0 && !f.Logical {
		findings = append(findings, Finding{Fail, "there are maintained views, and wal_level is not logical: they are not followed", logicalFix})
	}
	if len(f.Unfit) > 0 {
		findings = append(findings, Finding{Warn, "enrolled before there were views, and cannot make any: " + few(f.Unfit), "run millrace enroll " + f.Unfit[0]})
	}
	return findings
}

// publication is what the catalog says of publication millrace.
type publication struct {
	Owner      string
	Complete   bool // it publishes all that can happen to a row
	ViaRoot    bool
	Restricted []string // tables with a row filter or a list of columns
}

// checkPublication looks at the publication, which others can alter.
func (p *patient) checkPublication(ctx context.Context, f *viewFacts) ([]Finding, error) {
	restricted := "'{}'::text[]"
	if p.version >= 150000 {
		restricted = `(SELECT coalesce(array_agg(r.prrelid::regclass::text ORDER BY r.prrelid::regclass::text), '{}') FROM pg_publication_rel AS r
			WHERE r.prpubid = b.oid AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL))`
	}
	rows, err := p.conn.Query(ctx, `
		SELECT pg_get_userbyid(b.pubowner)::text AS owner, b.pubinsert AND b.pubupdate AND b.pubdelete AND b.pubtruncate AS complete, b.pubviaroot AS via_root,
			`+restricted+` AS restricted
		FROM pg_publication AS b WHERE b.pubname = 'millrace'`)
	if err != nil {
		return nil, err
	}
	b, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[publication])
	if errors.Is(err, pgx.ErrNoRows) {
		return []Finding{{f.level(), "the publication millrace is missing: no table can be followed", "run millrace install, and then ml.track for each table"}}, nil
	}
	if err != nil {
		return nil, err
	}
	return b.findings(f), nil
}

func (b *publication) findings(f *viewFacts) (findings []Finding) {
	if !b.Complete {
		findings = append(findings, Finding{Fail, "the publication millrace leaves changes out: views miss them without a trace",
			"run ALTER PUBLICATION millrace SET (publish = 'insert, update, delete, truncate'), and ml.rebuild_view for each view"})
	}
	if b.ViaRoot {
		findings = append(findings, Finding{Fail, "the publication millrace publishes partitions as their root: views miss their changes",
			"run ALTER PUBLICATION millrace SET (publish_via_partition_root = false), and ml.rebuild_view for each view"})
	}
	if len(b.Restricted) > 0 {
		findings = append(findings, Finding{Fail, "the publication millrace has row filters or lists of columns, for " + few(b.Restricted) + ": views miss changes",
			fmt.Sprintf("run ALTER PUBLICATION millrace DROP TABLE %s, ml.track, and ml.rebuild_view for each view", b.Restricted[0])})
	}
	if b.Owner != f.Publisher {
		findings = append(findings, Finding{Warn, fmt.Sprintf("the publication millrace belongs to %s: ml.track works for its members only", b.Owner),
			fmt.Sprintf("run ALTER PUBLICATION millrace OWNER TO %s, as a superuser", f.Publisher)})
	}
	return findings
}
