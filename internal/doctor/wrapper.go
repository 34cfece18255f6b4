package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// checkWrapper looks at postgres_fdw: is it there, and can this server load it? An
// upgrade of packages under a running server replaces the library by one that needs
// symbols of the new server.
func (p *patient) checkWrapper(ctx context.Context) ([]Finding, error) {
	var available bool
	var schema *string
	err := p.conn.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'postgres_fdw'),
			(SELECT quote_ident(n.nspname) FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'postgres_fdw')`).
		Scan(&available, &schema)
	switch {
	case err != nil:
		return nil, err
	case schema != nil:
		// The validator accepts an empty list of options, once its library is loaded.
		_, err = p.conn.Exec(ctx, "SELECT "+*schema+".postgres_fdw_validator('{}', 0::oid)")
	case available:
		err = p.rolledBack(ctx, "CREATE EXTENSION postgres_fdw")
	default:
		return []Finding{{Fail, "the extension postgres_fdw is not available", "install PostgreSQL's additional modules (on Debian and Red Hat: postgresql-contrib)"}}, nil
	}
	if err != nil {
		return wrapperFinding(err)
	}
	if schema == nil {
		return []Finding{good("the extension postgres_fdw is available")}, nil
	}
	return []Finding{good("the extension postgres_fdw is installed and loads")}, nil
}

// wrapperFinding says why postgres_fdw cannot be used. Loading fails with classes 58
// (the system), XX (internal) or with an undefined object.
func wrapperFinding(err error) ([]Finding, error) {
	e, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok:
		return nil, err
	case e.Code == "42501":
		return []Finding{{Fail, "postgres_fdw is not installed, and this login may not install it: " + e.Message, "have an administrator run CREATE EXTENSION postgres_fdw"}}, nil
	}
	return []Finding{{Fail, "postgres_fdw cannot be loaded: " + e.Message,
		"restart PostgreSQL if its packages were upgraded while it ran; otherwise reinstall its additional modules"}}, nil
}

// rolledBack runs statements and undoes them. An error is that of a statement.
func (p *patient) rolledBack(ctx context.Context, statements ...string) error {
	tx, err := p.conn.Begin(ctx)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err = tx.Exec(ctx, statement); err != nil {
			break
		}
	}
	if rollback := tx.Rollback(context.WithoutCancel(ctx)); err == nil {
		err = rollback
	}
	return err
}

// checkInstallation compares what is installed with what this program would install.
func (p *patient) checkInstallation(ctx context.Context) ([]Finding, error) {
	err := p.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
		WHERE n.nspname = 'ml_private' AND p.proname = 'version')`).Scan(&p.installed)
	if err != nil {
		return nil, err
	}
	if !p.installed {
		return []Finding{{Fail, "Millrace is not installed in this database", "run millrace install"}}, nil
	}
	var version string
	if err := p.conn.QueryRow(ctx, "SELECT ml_private.version()").Scan(&version); err != nil {
		return nil, err
	}
	if version != p.config.Version {
		return []Finding{{Fail, fmt.Sprintf("the functions in schema ml have version %s, this program has %s", version, p.config.Version),
			"run millrace install with the newer program, and restart the worker with it"}}, nil
	}
	return []Finding{good("Millrace is installed, functions %s", version)}, nil
}
