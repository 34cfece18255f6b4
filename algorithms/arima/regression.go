package arima

import "math"

// basis is an upper triangular matrix R with X = Q·R, Q orthonormal: a
// regression on Q has the coefficients b = R·beta.
type basis struct{ r [][]float64 } // r[j] is column j, length j+1

// newBasis orthonormalises columns in place by modified Gram-Schmidt, twice
// over. It returns the index of the first column that depends on those before
// it, or −1. Cost: O(n·k²).
func newBasis(columns [][]float64) (basis, int) {
	var b basis
	for j, c := range columns {
		r := make([]float64, j+1)
		whole := norm(c)
		for range 2 {
			for i := range j {
				v := dot(columns[i], c)
				r[i] += v
				axpy(c, -v, columns[i])
			}
		}
		r[j] = norm(c)
		if !(r[j] > 1e-9*whole) {
			return b, j
		}
		for t := range c {
			c[t] /= r[j]
		}
		b.r = append(b.r, r)
	}
	return b, -1
}

// orthonormal returns columns times R⁻¹.
func (b basis) orthonormal(columns [][]float64) [][]float64 {
	out := make([][]float64, len(columns))
	for j, c := range columns {
		q := append([]float64(nil), c...)
		for i := range j {
			axpy(q, -b.r[j][i], out[i])
		}
		for t := range q {
			q[t] /= b.r[j][j]
		}
		out[j] = q
	}
	return out
}

// solve returns R⁻¹·v, the coefficients of the real regressors.
func (b basis) solve(v []float64) []float64 {
	out := append([]float64(nil), v...)
	for j := len(b.r) - 1; j >= 0; j-- {
		out[j] /= b.r[j][j]
		for i := range j {
			out[i] -= b.r[j][i] * out[j]
		}
	}
	return out
}

// projection is a least squares fit of the last of several columns on the
// others.
type projection struct {
	coef []float64   // of the columns before the last
	r    [][]float64 // triangular factor, column by column
	rss  float64
	// logStart is log det of the cross-products of the leading columns.
	logStart float64
}

// vanished is the share of its length below which what is left of a column is
// rounding.
const vanished = 1e-11

// project regresses the last column on the others, overwriting all of them
// with what the columns before them leave. Columns that vanish get the
// coefficient 0, and make logStart −Inf if they are among the leading ones,
// which it covers. Cost: O(n·k²).
func project(columns [][]float64, leading int) projection {
	k := len(columns) - 1
	p := projection{coef: make([]float64, k), r: make([][]float64, k+1)}
	whole := make([]float64, k)
	for j := range p.r {
		p.r[j] = make([]float64, j+1)
		if j < k {
			whole[j] = norm(columns[j])
		}
	}
	for j := range k {
		size := norm(columns[j])
		if size <= vanished*whole[j] {
			size = 0
		}
		p.r[j][j] = size
		if j < leading {
			p.logStart += 2 * math.Log(size)
		}
		if size == 0 {
			continue
		}
		for t := range columns[j] {
			columns[j][t] /= size
		}
		for l := j + 1; l <= k; l++ {
			v := dot(columns[j], columns[l])
			p.r[l][j] = v
			axpy(columns[l], -v, columns[j])
		}
	}
	p.rss = dot(columns[k], columns[k])
	copy(p.coef, p.r[k][:k])
	for j := k - 1; j >= 0; j-- {
		if p.r[j][j] == 0 {
			p.coef[j] = 0
			continue
		}
		p.coef[j] /= p.r[j][j]
		for i := range j {
			p.coef[i] -= p.r[j][i] * p.coef[j]
		}
	}
	return p
}

// inverse returns the inverse of the cross-products of the leading columns.
func (p projection) inverse(leading int) [][]float64 {
	out := make([][]float64, leading)
	var half [][]float64 // columns of the inverse of the triangular factor
	for j := range leading {
		v := make([]float64, leading)
		v[j] = 1
		half = append(half, basis{r: p.r[:leading]}.solve(v))
	}
	for i := range out {
		out[i] = make([]float64, leading)
		for j := range out[i] {
			for l := range leading {
				out[i][j] += half[l][i] * half[l][j]
			}
		}
	}
	return out
}

// dot returns the inner product.
func dot(a, b []float64) float64 {
	sum := 0.0
	b = b[:len(a)]
	for t, v := range a {
		sum += v * b[t]
	}
	return sum
}

// norm returns the Euclidean length.
func norm(a []float64) float64 { return math.Sqrt(dot(a, a)) }

// axpy adds f·b to a.
func axpy(a []float64, f float64, b []float64) {
	if f == 0 {
		return
	}
	b = b[:len(a)]
	for t, v := range b {
		a[t] += f * v
	}
}
