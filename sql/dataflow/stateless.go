package dataflow

import "github.com/millrace/millrace/sql/zset"

// stateless is what operators without state have in common.
type stateless struct{}

// Save implements [Operator].
func (stateless) Save(*zset.Writer) {}

// Load implements [Operator].
func (stateless) Load(*zset.Reader) error { return nil }

// Size implements [Operator].
func (stateless) Size() (rows, bytes int64) { return 0, 0 }
