package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/golang-migrate/migrate/v4"
	migratepgx "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/millrace/millrace/ext"
	"github.com/millrace/millrace/sql/migrations"
	"github.com/millrace/millrace/sql/token"
	"github.com/millrace/millrace/worker/internal/bridge"
)

// InstallOptions say how the database reaches the worker.
type InstallOptions struct {
	Host    string // as PostgreSQL sees it: a host name, or the folder of a unix socket
	Port    int
	SSLMode string // libpq's; "" for the default of the address
	Worker  string // name of the worker's login role; "" for ml_worker_<database OID>
	Madlib  bool   // also the compatibility schema
}

// Installation is what an installation made.
type Installation struct {
	Worker         string // the worker's login role
	WorkerPassword string // new, or "" if the role existed and was left alone
	MadlibSkipped  bool   // a schema madlib that is not ours is in the way
	// Unwritten names maintained views that belong to superusers, as after a dump was
	// restored without its roles: nobody writes in a superuser's name.
	Unwritten []string
	former    string // what an upgraded or copied database was, in the words of [here]
}

const minVersion = 140000

// Install makes, or brings up to date, everything that Millrace needs inside the
// database. It changes all or nothing, apart from the migrations' own steps.
// conn comes from [Connect].
func Install(ctx context.Context, conn *pgx.Conn, o InstallOptions) (*Installation, error) {
	if err := checkDatabase(ctx, conn); err != nil {
		return nil, err
	}
	if err := prepareSchemas(ctx, conn); err != nil {
		return nil, err
	}
	if err := migrateUp(conn.Config()); err != nil {
		return nil, err
	}
	out := &Installation{Worker: o.Worker}
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		steps := []func(context.Context, pgx.Tx, InstallOptions, *Installation) error{
			installRestored, installIdentity, installServer, installFunctions, installGrants, installWorkerRole, installPublication, installMadlib, installHints,
		}
		for _, step := range steps {
			if err := step(ctx, tx, o, out); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func checkDatabase(ctx context.Context, conn *pgx.Conn) error {
	var version int
	var encoding string
	err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')").Scan(&version, &encoding)
	if err != nil {
		return fmt.Errorf("catalog: look at the database: %w", err)
	}
	if version < minVersion {
		return fmt.Errorf("catalog: PostgreSQL %d is too old: Millrace needs version 14 or later", version/10000)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("catalog: the database's encoding is %s: Millrace needs a database made WITH ENCODING 'UTF8'", encoding)
	}
	return nil
}

func migrateUp(config *pgx.ConnConfig) error {
	config.RuntimeParams["search_path"] = SearchPath
	db := stdlib.OpenDB(*config)
	defer db.Close()
	m, err := newMigrate(db)
	if err != nil {
		return err
	}
	if err := m.Up(); err != nil && !errors.Is(err, migrate.ErrNoChange) {
		return fmt.Errorf("catalog: migrate: %w", err)
	}
	return nil
}

func newMigrate(db *sql.DB) (*migrate.Migrate, error) {
	files, err := iofs.New(migrations.Files, ".")
	if err != nil {
		return nil, fmt.Errorf("catalog: migrations: %w", err)
	}
	driver, err := migratepgx.WithInstance(db, &migratepgx.Config{SchemaName: "ml_private", MigrationsTable: "migration"})
	if err != nil {
		return nil, fmt.Errorf("catalog: migrations: %w", err)
	}
	return migrate.NewWithInstance("iofs", files, "pgx5", driver)
}

// installIdentity notes which database this is.
func installIdentity(ctx context.Context, tx pgx.Tx, _ InstallOptions, _ *Installation) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO ml_private.identity SELECT c.system_identifier, d.oid FROM pg_control_system() AS c, pg_database AS d
		WHERE d.datname = current_database() AND NOT EXISTS (SELECT FROM ml_private.identity)`)
	if err != nil {
		return fmt.Errorf("catalog: note the database's identity: %w", err)
	}
	return nil
}

// installServer makes the foreign server, or points it to the new address.
func installServer(ctx context.Context, tx pgx.Tx, o InstallOptions, _ *Installation) error {
	options := [][2]string{
		{"host", o.Host}, {"port", strconv.Itoa(o.Port)}, {"dbname", "millrace"}, {"connect_timeout", "2"},
		{"use_remote_estimate", "false"}, {"fdw_startup_cost", "10"}, {"fdw_tuple_cost", "0.01"},
	}
	if o.SSLMode != "" {
		options = append(options, [2]string{"sslmode", o.SSLMode})
		if o.SSLMode == "require" {
			// Without a CA the certificate proves nothing: SCRAM over the channel does.
			options = append(options, [2]string{"channel_binding", "require"})
		}
	}
	var existing map[string]string
	err := tx.QueryRow(ctx, `
		SELECT coalesce((SELECT json_object_agg(option_name, option_value) FROM pg_options_to_table(s.srvoptions)), '{}')
		FROM pg_foreign_server AS s WHERE s.srvname = 'millrace'`).Scan(&existing)
	verb, isNew := "ADD", errors.Is(err, pgx.ErrNoRows)
	if err != nil && !isNew {
		return fmt.Errorf("catalog: look at the foreign server: %w", err)
	}
	list := ""
	for _, option := range options {
		action := verb + " "
		if _, have := existing[option[0]]; have {
			action = "SET "
		}
		if isNew {
			action = ""
		}
		delete(existing, option[0])
		list += ", " + action + option[0] + " " + token.QuoteLiteral(option[1])
	}
	for name := range existing {
		list += ", DROP " + token.QuoteName(name)
	}
	statement := "ALTER SERVER millrace OPTIONS (" + list[2:] + ")"
	if isNew {
		statement = "CREATE SERVER millrace FOREIGN DATA WRAPPER postgres_fdw OPTIONS (" + list[2:] + ")"
	}
	if _, err := tx.Exec(ctx, statement); err != nil {
		return fmt.Errorf("catalog: foreign server: %w", err)
	}
	return nil
}

// installFunctions replaces all functions and foreign tables of the schemas,
// unless they are of this version already.
func installFunctions(ctx context.Context, tx pgx.Tx, _ InstallOptions, _ *Installation) error {
	var installed *string
	err := tx.QueryRow(ctx, `
		SELECT prosrc FROM pg_proc WHERE pronamespace = 'ml_private'::regnamespace AND proname = 'version'`).Scan(&installed)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("catalog: look at the functions: %w", err)
	}
	if installed != nil {
		if strings.Contains(*installed, token.QuoteLiteral(ext.Version())) {
			return nil
		}
		schemas, err := ownSchemas(ctx, tx)
		if err != nil {
			return err
		}
		if err := dropFunctions(ctx, tx, schemas...); err != nil {
			return err
		}
	}
	for _, f := range ext.Core() {
		if _, err := tx.Exec(ctx, f.SQL); err != nil {
			return fmt.Errorf("catalog: script %s: %w", f.Name, err)
		}
	}
	script := fmt.Sprintf(`
		CREATE FUNCTION ml_private.version() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$SELECT %s::pg_catalog.text$$`, token.QuoteLiteral(ext.Version()))
	if _, err := tx.Exec(ctx, script); err != nil {
		return fmt.Errorf("catalog: version of the functions: %w", err)
	}
	return nil
}

// ownSchemas lists the schemas that are Millrace's.
func ownSchemas(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, `
		SELECT nspname FROM pg_namespace
		WHERE nspname IN ('ml', 'ml_private', 'madlib') AND obj_description(oid, 'pg_namespace') LIKE 'Millrace%' ORDER BY nspname`)
	if err != nil {
		return nil, fmt.Errorf("catalog: list schemas: %w", err)
	}
	schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("catalog: list schemas: %w", err)
	}
	return schemas, nil
}

// dropFunctions drops what the scripts made, so that they can make it anew. What
// a user has built on it is not dropped: PostgreSQL names it and refuses.
func dropFunctions(ctx context.Context, tx pgx.Tx, schemas ...string) error {
	var script *string
	err := tx.QueryRow(ctx, `
		SELECT string_agg(statement, '; ' ORDER BY place) FROM (
			SELECT 1, format('DROP VIEW %s', string_agg(oid::regclass::text, ', ')) FROM pg_class
			WHERE relnamespace = ANY ($1::text[]::regnamespace[]) AND relkind = 'v' HAVING count(*) > 0
			UNION ALL
			SELECT 2, format('DROP ROUTINE %s', string_agg(oid::regprocedure::text, ', ')) FROM pg_proc
			WHERE pronamespace = ANY ($1::text[]::regnamespace[]) HAVING count(*) > 0
			UNION ALL
			SELECT 3, format('DROP FOREIGN TABLE %s', string_agg(oid::regclass::text, ', ')) FROM pg_class
			WHERE relnamespace = ANY ($1::text[]::regnamespace[]) AND relkind = 'f' HAVING count(*) > 0
			UNION ALL
			SELECT 4, format('DROP TYPE %s', string_agg(t.oid::regtype::text, ', ')) FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid
			WHERE t.typnamespace = ANY ($1::text[]::regnamespace[]) AND c.relkind = 'c' HAVING count(*) > 0
		) AS s(place, statement)`, schemas).Scan(&script)
	if err != nil {
		return fmt.Errorf("catalog: list the functions: %w", err)
	}
	if script == nil {
		return nil
	}
	if _, err := tx.Exec(ctx, *script); err != nil {
		return fmt.Errorf("catalog: drop the older functions: %w", err)
	}
	return nil
}

// installWorkerRole makes the login that the worker itself uses: it may read the
// enrolled roles and the maintained views, and nothing of a user's.
func installWorkerRole(ctx context.Context, tx pgx.Tx, _ InstallOptions, out *Installation) error {
	var exists bool
	var connect string         // empty if PUBLIC may connect
	shared := out.Worker != "" // a name of the administrator's may be for several databases
	err := tx.QueryRow(ctx, `
		SELECT n.name, EXISTS (SELECT FROM pg_roles WHERE rolname = n.name),
			CASE WHEN has_database_privilege('public', d.oid, 'CONNECT') THEN '' ELSE format('; GRANT CONNECT ON DATABASE %I TO %I', d.datname, n.name) END
		FROM pg_database AS d, LATERAL (SELECT coalesce(nullif($1, ''), 'ml_worker_' || d.oid) AS name) AS n
		WHERE d.datname = current_database()`, out.Worker).Scan(&out.Worker, &exists, &connect)
	if err != nil {
		return fmt.Errorf("catalog: worker role: %w", err)
	}
	name := token.QuoteName(out.Worker)
	script := "GRANT USAGE ON SCHEMA ml_private TO " + name + "; GRANT SELECT ON ml_private.role TO " + name + connect
	if !exists {
		var literal string
		if out.WorkerPassword, literal, err = newLogin(); err != nil {
			return err
		}
		script = "CREATE ROLE " + name + " LOGIN NOINHERIT PASSWORD " + literal +
			"; " + script
	}
	if _, err := tx.Exec(ctx, script+"; "+viewGrants(name)); err != nil {
		return fmt.Errorf("catalog: worker role: %w", err)
	}
	if exists && shared {
		return nil
	}
	return claimRole(ctx, tx, out.Worker, "the worker's login", !exists, out.former)
}

// ResetWorkerPassword gives the worker's login a new password and returns it.
func ResetWorkerPassword(ctx context.Context, conn *pgx.Conn, worker string) (string, error) {
	password, literal, err := newLogin()
	if err != nil {
		return "", err
	}
	return password, alterPassword(ctx, conn, worker, literal)
}

// SetWorkerPassword gives the worker's login a password of the administrator's.
func SetWorkerPassword(ctx context.Context, conn *pgx.Conn, worker, password string) error {
	verifier, err := bridge.VerifierOf(password)
	if err != nil {
		return err
	}
	return alterPassword(ctx, conn, worker, token.QuoteLiteral(verifier.String()))
}

func alterPassword(ctx context.Context, conn *pgx.Conn, worker, literal string) error {
	if _, err := conn.Exec(ctx, "ALTER ROLE "+token.QuoteName(worker)+" PASSWORD "+literal); err != nil {
		return fmt.Errorf("catalog: worker password: %w", err)
	}
	return nil
}

// installMadlib makes the compatibility schema if it is wanted, or was before. A
// schema of that name that is not ours is left alone.
func installMadlib(ctx context.Context, tx pgx.Tx, o InstallOptions, out *Installation) error {
	var exists, ours, complete bool
	err := tx.QueryRow(ctx, `
		SELECT count(*) > 0, coalesce(bool_or(obj_description(n.oid, 'pg_namespace') LIKE 'Millrace%'), false),
			coalesce(bool_or(EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = n.oid)), false)
		FROM pg_namespace AS n WHERE n.nspname = 'madlib'`).Scan(&exists, &ours, &complete)
	if err != nil {
		return fmt.Errorf("catalog: look at schema madlib: %w", err)
	}
	if !o.Madlib && !ours || ours && complete { // installFunctions drops what is of another version
		return nil
	}
	if exists && !ours {
		out.MadlibSkipped = true
		return nil
	}
	if _, err := tx.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS madlib; GRANT USAGE ON SCHEMA madlib TO PUBLIC"); err != nil {
		return fmt.Errorf("catalog: schema madlib: %w", err)
	}
	for _, f := range ext.Madlib() {
		if _, err := tx.Exec(ctx, f.SQL); err != nil {
			return fmt.Errorf("catalog: script madlib/%s: %w", f.Name, err)
		}
	}
	if _, err := tx.Exec(ctx, "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA madlib TO PUBLIC"); err != nil {
		return fmt.Errorf("catalog: grants on schema madlib: %w", err)
	}
	return nil
}
