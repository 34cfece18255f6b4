package linreg

import (
	"runtime"

	"github.com/millrace/millrace/algorithms/suffstat"
)

// MaxTerms is the number of terms, with the intercept, that a fit takes: one that
// large needs gigabytes and, on two cores, some minutes.
const MaxTerms = 2000

const (
	sumBytes    = 1080 // of an exact sum
	numberBytes = 140  // of a number of firstPrec bits and the pointer to it
	rowBytes    = 64   // residuals, their squares and what else is kept per row
)

// Memory estimates the bytes that [Regression.Fit] allocates for p columns and n
// rows, at its peak: exact cross-products, one set for the result and one for each
// worker, then matrices of long numbers. A system that asks for more than the
// first precision takes up to 1.7 times as much for the latter.
func (r Regression) Memory(p, n int) int64 {
	workers := r.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	terms := int64(p) + 2
	half := terms * (terms + 1) / 2
	matrices := int64(5) // the system, L, its inverse, that times D, and the inverse of the system
	if r.Covariance != Classical {
		matrices = 9 // and the sandwich
	}
	sums := half * sumBytes * int64(suffstat.Workers(n, workers)+1)
	return sums + matrices*half*numberBytes + 16*terms*terms + rowBytes*int64(n)
}
