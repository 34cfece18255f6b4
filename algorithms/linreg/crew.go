package linreg

import (
	"context"
	"math/big"
	"runtime"
	"sync/atomic"

	"github.com/millrace/millrace/algorithms/parallel"
)

// crew is the goroutines that solve a system, and the context that stops them.
type crew struct {
	ctx     context.Context
	workers int
}

// crew returns the goroutines of r.
func (r Regression) crew(ctx context.Context) crew {
	c := crew{ctx: ctx, workers: r.Workers}
	if c.workers <= 0 {
		c.workers = runtime.GOMAXPROCS(0)
	}
	return c
}

// alone is the order below which a step takes less time than to share it.
const alone = 24

// each calls f for 0 … n−1 with numbers of prec bits to compute with, each call
// on some goroutine, and waits. No result may depend on another's of the same
// each. It starts no call after the context's end, and returns its error.
func (c crew) each(n int, prec uint, f func(i int, m *multiplier)) error {
	var next atomic.Int64
	work := func() {
		m := newMultiplier(prec)
		for i := int(next.Add(1)) - 1; i < n && c.ctx.Err() == nil; i = int(next.Add(1)) - 1 {
			f(i, m)
		}
	}
	if n < alone || c.workers == 1 {
		work()
		return c.ctx.Err()
	}
	var group parallel.Group
	for range min(n, c.workers) {
		group.Go(work)
	}
	group.Wait()
	return c.ctx.Err()
}

// multiplier adds products to sums. It trades its spare number for the sum that
// it is given: in place, big.Float would allocate at each step.
type multiplier struct {
	product, spare *big.Float
}

func newMultiplier(prec uint) *multiplier {
	return &multiplier{product: new(big.Float).SetPrec(prec), spare: new(big.Float).SetPrec(prec)}
}

// plus returns sum + x·y, each rounded; sum must not be used any more.
func (m *multiplier) plus(sum, x, y *big.Float) *big.Float {
	if x.Sign() == 0 || y.Sign() == 0 {
		return sum
	}
	out := m.spare.Add(sum, m.product.Mul(x, y))
	m.spare = sum
	return out
}

// minus returns sum − x·y, under the terms of plus.
func (m *multiplier) minus(sum, x, y *big.Float) *big.Float {
	if x.Sign() == 0 || y.Sign() == 0 {
		return sum
	}
	out := m.spare.Sub(sum, m.product.Mul(x, y))
	m.spare = sum
	return out
}
