// Package catalog installs Millrace into a database, enrolls roles, and reads
// what was enrolled. It alone knows the catalog tables and golang-migrate.
//
// Installing and enrolling are an administrator's work: a superuser's, or from
// PostgreSQL 16 on that of a role with CREATEROLE. The running worker only reads.
package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/worker/internal/bridge"
	"github.com/millrace/millrace/worker/internal/source"
)

// Store reads the enrolled roles. It is safe for concurrent use.
type Store struct{ pool *pgxpool.Pool }

// NewStore returns a store on the worker's own connections.
func NewStore(pool *pgxpool.Pool) *Store { return &Store{pool} }

// Verifier implements [bridge.Authenticator]. A row whose role has been renamed
// or dropped since does not count: its name may be somebody else's now.
func (s *Store) Verifier(ctx context.Context, role string) (bridge.Verifier, bool, error) {
	var text string
	err := s.pool.QueryRow(ctx, `
		SELECT e.verifier FROM ml_private.role AS e
		JOIN pg_catalog.pg_roles AS r ON r.oid = e.role AND r.rolname = e.name
		WHERE e.name = $1`, role).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return bridge.Verifier{}, false, nil
	}
	if err != nil {
		return bridge.Verifier{}, false, fmt.Errorf("catalog: read role: %w", err)
	}
	v, err := bridge.ParseVerifier(text)
	return v, err == nil, err
}

// Reader returns the reader login of an enrolled role, or false.
func (s *Store) Reader(ctx context.Context, role string) (source.Login, bool, error) {
	login := source.Login{Role: role}
	err := s.pool.QueryRow(ctx, `
		SELECT e.reader, e.reader_password FROM ml_private.role AS e
		JOIN pg_catalog.pg_roles AS r ON r.oid = e.role AND r.rolname = e.name
		WHERE e.name = $1 AND e.reader IS NOT NULL`, role).Scan(&login.User, &login.Password)
	if errors.Is(err, pgx.ErrNoRows) {
		return login, false, nil
	}
	if err != nil {
		return login, false, fmt.Errorf("catalog: read reader login: %w", err)
	}
	return login, true, nil
}

// ImmutableInCatalog reports whether each name is a function of pg_catalog and
// all functions of that name there are immutable.
func (s *Store) ImmutableInCatalog(ctx context.Context, names []string) (bool, error) {
	var ok bool
	err := s.pool.QueryRow(ctx, `
		SELECT coalesce(pg_catalog.bool_and(EXISTS (SELECT FROM pg_catalog.pg_proc AS p
				WHERE p.proname = n AND p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace)
			AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc AS p
				WHERE p.proname = n AND p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND p.provolatile <> 'i')), true)
		FROM pg_catalog.unnest($1::text[]) AS n`, names).Scan(&ok)
	if err != nil {
		return false, fmt.Errorf("catalog: look up functions: %w", err)
	}
	return ok, nil
}
