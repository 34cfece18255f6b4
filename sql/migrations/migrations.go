// Package migrations holds the golang-migrate files of the catalog: the tables
// in schema ml_private that outlive an upgrade of the functions beside them.
package migrations

import "embed"

// Files holds NNNN_name.up.sql and NNNN_name.down.sql.
//
//go:embed *.sql
var Files embed.FS
