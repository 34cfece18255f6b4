package linreg

import (
	"context"
	"errors"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// levels returns n rows of p+1 levels in turn, as dummies of all but the first.
// Targets of level k are k mod 7 on average if p+1 is a multiple of 7 and n an even
// multiple of p+1.
func levels(n, p int) Data {
	d := Data{X: make([][]float64, p), Y: make([]float64, n)}
	for j := range d.X {
		d.X[j] = make([]float64, n)
	}
	for i := range n {
		d.Y[i] = float64(i%7) + float64(1-2*(i/(p+1)%2)) // The last part is 0 on average.
		if level := i % (p + 1); level > 0 {
			d.X[level-1][i] = 1
		}
	}
	return d
}

// Too many terms are refused at once, before anything of their square is made.
func TestTooManyTerms(t *testing.T) {
	t.Parallel()
	column := []float64{1, 2}
	d := Data{X: slices.Repeat([][]float64{column}, MaxTerms), Y: column}
	var many *TooManyTermsError
	if _, err := (Regression{Intercept: true}).Fit(t.Context(), d); !errors.As(err, &many) || !errors.Is(err, ErrTooManyTerms) ||
		many.Terms != MaxTerms+1 || many.Max != MaxTerms {
		t.Errorf("Fit error = %v, want ErrTooManyTerms with %d", err, MaxTerms+1)
	}
}

// Memory must be at least what a fit is seen to allocate and keep at its peak,
// within a small factor.
func TestMemory(t *testing.T) {
	const n, p = 2000, 120
	d := gaussian(n, p)
	for _, r := range []Regression{{Intercept: true, Workers: 1}, {Intercept: true, Workers: 2, Covariance: HC3}} {
		estimate := r.Memory(p, n)
		least := int64(r.Workers+1) * 540 * p * p
		if estimate < least || estimate > 3*least {
			t.Errorf("%v: Memory = %d, want %d to thrice that", r.Covariance, estimate, least)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		stop := debug.SetGCPercent(-1) // Nothing is freed: all that is allocated is seen.
		f := mustFit(t, r, d)
		runtime.ReadMemStats(&after)
		debug.SetGCPercent(stop)
		runtime.KeepAlive(f)
		if used := int64(after.HeapAlloc - before.HeapAlloc); used < estimate/4 || used > 5*estimate/2 {
			t.Errorf("%v: allocated %d bytes in all, Memory = %d", r.Covariance, used, estimate)
		}
	}
}

// ending is a context that ends when it has been asked left times.
type ending struct {
	context.Context
	left  atomic.Int64
	ended time.Time
}

func (c *ending) Err() error {
	switch left := c.left.Add(-1); {
	case left > 0:
		return nil
	case left == 0:
		c.ended = time.Now()
	}
	return context.Canceled
}

// A system that takes long stops soon after its context.
func TestStop(t *testing.T) {
	t.Parallel()
	const p = 250
	d := levels(2*p+2, p)
	summary := NewSummary(p)
	if err := summary.Add(t.Context(), d, 0); err != nil {
		t.Fatal(err)
	}
	r := Regression{Intercept: true}.withDefaults()
	e, err := r.extract(summary)
	if err != nil {
		t.Fatal(err)
	}
	for _, asked := range []int64{1, 1000, 20_000, 45_000, 80_000} { // at the start, in the factor, in both inverses
		ctx := &ending{Context: t.Context()}
		ctx.left.Store(asked)
		if _, err := r.solve(ctx, e); !errors.Is(err, context.Canceled) {
			t.Fatalf("asked %d times: solve error = %v, want context.Canceled", asked, err)
		}
		if took := time.Since(ctx.ended); took > 10*time.Second {
			t.Errorf("asked %d times: stopped after %v", asked, took)
		}
	}
}

// Estimates of dummies are differences of means, to the last bit for any crew.
func TestManyLevels(t *testing.T) {
	t.Parallel()
	const p = 83
	d := levels(14*(p+1), p)
	one := mustFit(t, Regression{Intercept: true, Workers: 1}, d)
	for _, workers := range []int{2, 3, 8} {
		many := mustFit(t, Regression{Intercept: true, Workers: workers}, d)
		if !slices.EqualFunc(one.VCov, many.VCov, slices.Equal) || !slices.Equal(one.Terms[1:], many.Terms[1:]) {
			t.Errorf("%d workers: other bits than with 1", workers)
		}
	}
	for k, term := range one.Terms[1:] {
		if want := float64((k + 1) % 7); math.Abs(term.Estimate-want) > 1e-50 {
			t.Errorf("level %d: estimate %g, want %g", k+1, term.Estimate, want)
		}
	}
}
