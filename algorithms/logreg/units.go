package logreg

import (
	"math"

	"github.com/millrace/millrace/exact"
)

// The scores are those of coefficients θ of the design's columns, which may be
// orthogonal, of β for the columns as scaled, and of b for x:
//
//	β = L'⁻¹·θ/size                       if there is a basis, L its unit; else θ
//	b[j] = factor[j]·β[j],   b0 = β0 − Σ β[j]·centre[j]/spread[j]
//
// So b = M·θ, the covariance is M·V·M' and the Hessian B'·H·B with B = M⁻¹.

// original returns the coefficients of x for coefficients of the design.
func (m *design) original(theta []float64) []float64 {
	out := append([]float64(nil), theta...)
	if b := m.basis; b != nil {
		for i := len(out) - 1; i >= 0; i-- {
			out[i] /= b.size[i]
			for k := i + 1; k < len(out); k++ {
				out[i] -= b.unit[k][i] * out[k]
			}
		}
	}
	o := m.offset()
	var b0 exact.Sum
	for k, s := range m.scale {
		if v := out[k+o]; m.intercept && v-v != 0 { // The caller reports it.
			out[0] = math.NaN()
		} else if m.intercept {
			b0.AddProduct(-out[k+o], s.centre/s.spread)
		}
		out[k+o] *= s.factor()
	}
	if m.intercept && out[0]-out[0] == 0 {
		b0.Add(out[0])
		out[0] = b0.Float64()
	}
	return out
}

// conditioned returns the coefficients of the design for coefficients of x.
func (m *design) conditioned(b []float64) []float64 {
	out, o := append([]float64(nil), b...), m.offset()
	for k, s := range m.scale {
		out[k+o] /= s.factor()
		if m.intercept {
			out[0] += out[k+o] * (s.centre / s.spread)
		}
	}
	if b := m.basis; b != nil {
		for i := range out {
			for k := i + 1; k < len(out); k++ {
				out[i] += b.unit[k][i] * out[k]
			}
			out[i] *= b.size[i]
		}
	}
	return out
}

// columns returns the matrix, transposed, of a linear map of q coefficients.
func columns(q int, f func([]float64) []float64) [][]float64 {
	out := square(q)
	for j := range out {
		out[j][j] = 1
		out[j] = f(out[j])
	}
	return out
}

// covariance maps the row-major covariance of θ to that of b.
func (m *design) covariance(v []float64) [][]float64 {
	transposed := columns(m.terms(), m.original)
	matrix := square(m.terms())
	for i, row := range transposed {
		for j, x := range row {
			matrix[j][i] = x
		}
	}
	return sandwich(matrix, v)
}

// originalHessian maps the row-major Hessian in θ to that in b.
func (m *design) originalHessian(h []float64) [][]float64 {
	return sandwich(columns(m.terms(), m.conditioned), h)
}

// sandwich returns m·v·m' for a row-major v.
func sandwich(m [][]float64, v []float64) [][]float64 {
	q := len(m)
	left, out := square(q), square(q)
	for i := range q {
		for j := range q {
			for k := range q {
				left[i][j] += m[i][k] * v[k*q+j]
			}
		}
	}
	for i := range q {
		for j := range i + 1 {
			out[i][j] = dot(left[i], m[j])
			out[j][i] = out[i][j]
		}
	}
	return out
}

func square(q int) [][]float64 {
	out := make([][]float64, q)
	for i := range out {
		out[i] = make([]float64, q)
	}
	return out
}
