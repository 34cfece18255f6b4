package catalog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// SearchPath is that of every connection which uses names without a schema: an
// administrator's, and the worker's own. In any other schema there may be a
// function of somebody else that fits a call better than PostgreSQL's own, and
// it would run as whoever calls; pg_temp is named so that it is not the first.
const SearchPath = "pg_catalog, pg_temp"

// Connect opens a connection of an administrator, for all functions of this
// package that take one. The scripts' SQL-standard bodies are bound while they
// are installed, by [SearchPath].
func Connect(ctx context.Context, adminURL string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(adminURL)
	if err != nil {
		return nil, fmt.Errorf("catalog: administrator's address: %w", err)
	}
	config.RuntimeParams["search_path"] = SearchPath
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("catalog: connect: %w", err)
	}
	return conn, nil
}

// prepareSchemas makes what the migrations stand on. Existing schemas that
// somebody else made are refused, not taken over.
func prepareSchemas(ctx context.Context, conn *pgx.Conn) error {
	var foreign *string
	var hasExtension, hasPublic bool
	err := conn.QueryRow(ctx, `
		SELECT (SELECT string_agg(nspname, ', ') FROM pg_namespace
				WHERE nspname IN ('ml', 'ml_private') AND coalesce(obj_description(oid, 'pg_namespace'), '') NOT LIKE 'Millrace%'),
			EXISTS (SELECT FROM pg_extension WHERE extname = 'postgres_fdw'),
			EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public')`).Scan(&foreign, &hasExtension, &hasPublic)
	if err != nil {
		return fmt.Errorf("catalog: look at schemas: %w", err)
	}
	if foreign != nil {
		return fmt.Errorf("catalog: schema %s exists and is not Millrace's: rename it, or use another database", *foreign)
	}
	script := `
		CREATE SCHEMA IF NOT EXISTS ml;
		CREATE SCHEMA IF NOT EXISTS ml_private;
		COMMENT ON SCHEMA ml IS 'Millrace: machine learning in SQL; SELECT ml.help()';
		COMMENT ON SCHEMA ml_private IS 'Millrace: the bridge to the worker';
		GRANT USAGE ON SCHEMA ml, ml_private TO PUBLIC`
	switch {
	case hasExtension:
	case hasPublic:
		script = "CREATE EXTENSION postgres_fdw WITH SCHEMA public;" + script
	default:
		script = "CREATE SCHEMA postgres_fdw; CREATE EXTENSION postgres_fdw WITH SCHEMA postgres_fdw;" + script
	}
	if _, err := conn.Exec(ctx, script); err != nil {
		return fmt.Errorf("catalog: make schemas: %w", err)
	}
	return nil
}
