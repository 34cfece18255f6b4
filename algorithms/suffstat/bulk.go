package suffstat

import (
	"context"
	"fmt"
	"math"

	"github.com/millrace/millrace/exact"
)

// Add adds the rows of b with that many workers (0 means GOMAXPROCS). It panics
// unless b has k columns of one length without NaN and infinities.
//
// Errors: [ErrRange]; the context's, if it ends first. After an error c is as
// before.
//
// Cost: see [Cross]; each worker has a state of its own while it runs.
func (c *Cross) Add(ctx context.Context, b Block, workers int) error {
	return c.bulk(ctx, b, bulkMode{workers: workers, sign: 1})
}

// Remove undoes Add of the same rows, in whatever blocks they were added.
func (c *Cross) Remove(ctx context.Context, b Block, workers int) error {
	return c.bulk(ctx, b, bulkMode{workers: workers, sign: -1})
}

// bulkMode says how many workers add (sign 1) or remove (sign -1) rows.
type bulkMode struct {
	workers int
	sign    float64
}

func (c *Cross) bulk(ctx context.Context, b Block, mode bulkMode) error {
	c.mustMatch(len(b.Columns))
	n := b.rows()
	parts := make([]*shard, Workers(n, mode.workers))
	err := Blocks(ctx, Split{Rows: n, Workers: mode.workers}, func(worker, from, to int) error {
		if parts[worker] == nil {
			parts[worker] = newShard(c.k, n, mode, b.Weights != nil)
		}
		return parts[worker].add(b.slice(from, to), from)
	})
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p != nil {
			c.Merge(p.cross)
		}
	}
	return nil
}

// shard is one worker's part of a Cross, with its scratch columns.
type shard struct {
	cross     *Cross
	sign      float64
	high, low []float64 // w·z[i] and its rounding error; nil if all weights are 1
}

// newShard returns a worker's part with scratch for blocks of up to n rows.
func newShard(k, n int, mode bulkMode, weighted bool) *shard {
	p := &shard{cross: NewCross(k), sign: mode.sign}
	if weighted || mode.sign < 0 {
		p.high, p.low = make([]float64, min(n, BlockRows)), make([]float64, min(n, BlockRows))
	}
	return p
}

// add adds a block of at most BlockRows rows, of which first is the first.
func (p *shard) add(b Block, first int) error {
	n := b.rows()
	p.cross.rows += int64(p.sign) * int64(n)
	if b.Weights == nil && p.sign > 0 {
		p.addPlain(b)
		return nil
	}
	for i := 0; i <= p.cross.k; i++ {
		column := []float64(nil)
		if i > 0 {
			column = b.Columns[i-1]
		}
		if at := p.weigh(b.Weights, column, n); at >= 0 {
			return fmt.Errorf("suffstat: %w: %g·%g in variable %d, row %d", ErrRange, b.Weights[at], column[at], i, first+at)
		}
		p.addScaled(b, i)
	}
	return nil
}

// addPlain adds a block without weights.
func (p *shard) addPlain(b Block) {
	c := p.cross
	c.At(0, 0).Add(float64(b.rows()))
	for i, x := range b.Columns {
		c.At(0, i+1).AddAll(x)
		for j, y := range b.Columns[i:] {
			c.At(i+1, i+1+j).AddDot(x, y)
		}
	}
}

// weigh fills high and low with ±w·z; nil stands for ones. It returns the index
// of a product that overflows, or -1.
func (p *shard) weigh(w, z []float64, n int) int {
	high, low := p.high[:n], p.low[:n]
	for i := range high {
		u, v := p.sign, 1.0
		if w != nil {
			u *= w[i]
		}
		if z != nil {
			v = z[i]
		}
		high[i], low[i] = exact.TwoProd(u, v)
		if math.IsInf(high[i], 0) {
			return i
		}
	}
	return -1
}

// addScaled adds the products of variable i, weighed, with the later ones.
func (p *shard) addScaled(b Block, i int) {
	high, low := p.high[:b.rows()], p.low[:b.rows()]
	if i == 0 {
		p.cross.At(0, 0).AddAll(high)
	}
	for j := max(i, 1); j <= p.cross.k; j++ {
		s := p.cross.At(i, j)
		s.AddDot(high, b.Columns[j-1])
		if i > 0 { // 1·w has no rounding error.
			s.AddDot(low, b.Columns[j-1])
		}
	}
}
