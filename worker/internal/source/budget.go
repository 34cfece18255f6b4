// Package source brings rows from PostgreSQL into Arrow columns, by either path:
// readers that import the caller's snapshot and COPY page ranges in parallel, or
// rows that the caller's own backend ships.
//
// Both decode the same binary values with the same code, so a call computes on
// the same bits whichever path its rows took.
package source

import (
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Budget counts the bytes of Arrow buffers against a limit; parents count too.
// It is safe for concurrent use.
type Budget struct {
	Name   string // the limit's name in the configuration
	Limit  int64  // bytes; 0 for no limit
	Parent *Budget
	used   atomic.Int64
}

// Used returns the bytes in use.
func (b *Budget) Used() int64 { return b.used.Load() }

// Add counts n more bytes, or fewer if n is negative.
func (b *Budget) Add(n int64) {
	for ; b != nil; b = b.Parent {
		b.used.Add(n)
	}
}

// Exceeded returns the limit that is exceeded, or nil.
func (b *Budget) Exceeded() *Budget { return b.WouldExceed(0) }

// WouldExceed returns the limit that n more bytes would exceed, or nil.
func (b *Budget) WouldExceed(n int64) *Budget {
	for ; b != nil; b = b.Parent {
		if b.Limit > 0 && b.used.Load()+n > b.Limit {
			return b
		}
	}
	return nil
}

// allocator counts what Arrow allocates. The buffers are Go memory.
type allocator struct{ budget *Budget }

var _ memory.Allocator = allocator{}

func (a allocator) Allocate(size int) []byte {
	a.budget.Add(int64(size))
	return memory.DefaultAllocator.Allocate(size)
}

func (a allocator) Reallocate(size int, b []byte) []byte {
	a.budget.Add(int64(size - len(b)))
	return memory.DefaultAllocator.Reallocate(size, b)
}

func (a allocator) Free(b []byte) {
	a.budget.Add(int64(-len(b)))
	memory.DefaultAllocator.Free(b)
}
