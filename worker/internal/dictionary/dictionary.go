// Package dictionary reads PostgreSQL's catalog for the compiler of views: what a
// relation, function, operator, type or collation is, by OID.
//
// Names come out qualified and quoted, ready to stand in SQL. For that the
// connection's search_path must be pg_catalog alone: format_type leaves out the
// schema of what the path finds.
package dictionary

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/expr"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/sql/tree"
)

// ErrSearchPath is returned by every lookup if the connection's search_path is not
// pg_catalog: set it, and look up with a new Dictionary.
var ErrSearchPath = errors.New("search_path of the connection is not pg_catalog")

// Querier is a connection, a pool or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

var (
	_ schema.Catalog = (*Dictionary)(nil)
	_ expr.Versioned = (*Dictionary)(nil)
	_ tree.Labels    = (*Dictionary)(nil)
	_ tree.Fields    = (*Dictionary)(nil)
)

// Dictionary is a [schema.Catalog] that asks a connection once for each object and
// remembers the answer. So it is made afresh for each compilation, and it is not
// safe for concurrent use. It sees what the connection's role and snapshot see.
type Dictionary struct {
	// The context of the one compilation that the Dictionary lives for: the
	// methods of schema.Catalog take none.
	ctx  context.Context
	conn Querier

	database   *database
	relations  map[uint32]*schema.Relation
	functions  map[uint32]*schema.Function
	operators  map[uint32]*schema.Operator
	collations map[uint32]collation
	facts      map[uint32]*facts
	names      map[typeName]string
	types      map[typeUse]*row.Type
	labels     map[uint32]string
	fields     map[field]string
}

// New returns an empty Dictionary that reads through conn until ctx ends.
func New(ctx context.Context, conn Querier) *Dictionary {
	return &Dictionary{
		ctx:        ctx,
		conn:       conn,
		relations:  make(map[uint32]*schema.Relation),
		functions:  make(map[uint32]*schema.Function),
		operators:  make(map[uint32]*schema.Operator),
		collations: make(map[uint32]collation),
		facts:      make(map[uint32]*facts),
		names:      make(map[typeName]string),
		types:      make(map[typeUse]*row.Type),
		labels:     make(map[uint32]string),
		fields:     make(map[field]string),
	}
}

// database is what holds for all objects of the connection's database.
type database struct {
	byteOrder bool // the default collation orders text as its bytes
	version   int  // major, of the server
}

// open reads the database's properties before the first lookup.
func (d *Dictionary) open() error {
	if d.database != nil {
		return nil
	}
	// datlocprovider came with version 15; before, every database was of libc.
	const sql = `SELECT pg_catalog.current_schemas(false)::pg_catalog.text[] OPERATOR(pg_catalog.=) '{pg_catalog}'::pg_catalog.text[],
			coalesce(pg_catalog.to_jsonb(d) OPERATOR(pg_catalog.->>) 'datlocprovider', 'c'), d.datcollate::pg_catalog.text,
			pg_catalog.current_setting('server_version_num')::int
		FROM pg_catalog.pg_database AS d WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()`
	var qualified bool
	var provider, collate string
	var version int
	if err := d.one("database", sql, nil, &qualified, &provider, &collate, &version); err != nil {
		return err
	}
	if !qualified {
		return fmt.Errorf("dictionary: %w", ErrSearchPath)
	}
	d.database = &database{byteOrder: byteOrder(provider, collate), version: version / 10000}
	return nil
}

// Version is the server's major version, which a few functions depend on. It is 0 if
// the server could not be asked; the next lookup tells why.
func (d *Dictionary) Version() int {
	if d.open() != nil {
		return 0
	}
	return d.database.version
}

// one runs a query whose one row is scanned into targets. No row is
// [schema.ErrNotFound]; what names the object in errors.
func (d *Dictionary) one(what, sql string, args []any, targets ...any) error {
	rows, err := d.conn.Query(d.ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("dictionary: %s: %w", what, err)
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return fmt.Errorf("dictionary: %s: %w", what, err)
		}
		return fmt.Errorf("dictionary: %s: %w", what, schema.ErrNotFound)
	}
	if err := rows.Scan(targets...); err != nil {
		return fmt.Errorf("dictionary: %s: %w", what, err)
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return fmt.Errorf("dictionary: %s: %w", what, err)
	}
	return nil
}

// each runs a query and calls f after each row is scanned into targets.
func (d *Dictionary) each(what, sql string, args, targets []any, f func() error) error {
	rows, err := d.conn.Query(d.ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("dictionary: %s: %w", what, err)
	}
	if _, err := pgx.ForEachRow(rows, targets, f); err != nil {
		return fmt.Errorf("dictionary: %s: %w", what, err)
	}
	return nil
}

// first is the first byte of a "char" column's text, 0 if that is empty.
func first(s string) byte {
	if s == "" {
		return 0
	}
	return s[0]
}
