package arima

import (
	"context"
	"math"
)

// objective is a function to minimise; it returns +Inf where it is not
// defined.
type objective func(x []float64) float64

// minimum is where a search ended.
type minimum struct {
	x          []float64
	f          float64
	iterations int
	converged  bool
}

// search holds the settings of minimise.
type search struct {
	maxIterations int
	tolerance     float64 // of the gradient, in units of f per unit of x
}

// gradientStep is the half-width of the central differences: the error is
// about 1e-9 of curvature and 1e-13/3e-5 of rounding.
const gradientStep = 3e-5

// minimise descends from x by the quasi-Newton method of Broyden, Fletcher,
// Goldfarb and Shanno with central differences and a backtracking line search.
// It stops when the gradient falls below the tolerance, or when the function
// no longer falls beyond rounding.
//
// Source: Nocedal and Wright, Numerical Optimization, 2nd ed., 2006, chapter 6.
func (s search) minimise(ctx context.Context, f objective, start []float64) (minimum, error) {
	m := minimum{x: append([]float64(nil), start...)}
	m.f = f(m.x)
	if len(start) == 0 || math.IsInf(m.f, 1) {
		m.converged = len(start) == 0
		return m, ctx.Err()
	}
	g := gradient(f, m.x)
	h, fresh, stalls := identity(len(start)), true, 0
	for ; m.iterations < s.maxIterations; m.iterations++ {
		if err := ctx.Err(); err != nil {
			return m, err
		}
		if m.converged = largest(g) < s.tolerance || stalls == 3; m.converged {
			return m, nil
		}
		x, fx, ok := lineSearch(f, m, g, direction(h, g))
		if !ok && fresh {
			// Not even along the gradient: the rest is rounding.
			m.converged = largest(g) < 1e3*s.tolerance
			return m, nil
		}
		if !ok {
			h, fresh = identity(len(start)), true
			continue
		}
		gx := gradient(f, x)
		update(h, minus(x, m.x), minus(gx, g), fresh)
		fresh = false
		stalls++
		if m.f-fx > 1e-12*(1+math.Abs(fx)) {
			stalls = 0
		}
		m.x, m.f, g = x, fx, gx
	}
	return m, nil
}

// lineSearch looks for a point with a sufficient decrease along dir, at most 2
// away from the start: far jumps end where tanh is flat.
func lineSearch(f objective, m minimum, g, dir []float64) ([]float64, float64, bool) {
	slope := dot(g, dir)
	if !(slope < 0) {
		return nil, 0, false
	}
	step := math.Min(1, 2/norm(dir))
	x := make([]float64, len(dir))
	for range 40 {
		for i := range x {
			x[i] = math.Max(-maxFree, math.Min(maxFree, m.x[i]+step*dir[i]))
		}
		if fx := f(x); fx <= m.f+1e-4*step*slope && fx < m.f {
			return x, fx, true
		}
		step *= 0.4
	}
	return nil, 0, false
}

// gradient returns central differences; one-sided ones where a side is not
// defined.
func gradient(f objective, x []float64) []float64 {
	g := make([]float64, len(x))
	at := append([]float64(nil), x...)
	for i := range x {
		h := gradientStep * math.Max(1, math.Abs(x[i]))
		at[i] = x[i] + h
		up := f(at)
		at[i] = x[i] - h
		down := f(at)
		at[i] = x[i]
		switch {
		case math.IsInf(up, 1) && math.IsInf(down, 1):
			g[i] = 0
		case math.IsInf(up, 1):
			g[i] = (f(x) - down) / h
		case math.IsInf(down, 1):
			g[i] = (up - f(x)) / h
		default:
			g[i] = (up - down) / (2 * h)
		}
	}
	return g
}

// identity returns the k×k identity.
func identity(k int) [][]float64 {
	h := make([][]float64, k)
	for i := range h {
		h[i] = make([]float64, k)
		h[i][i] = 1
	}
	return h
}

// direction returns −h·g.
func direction(h [][]float64, g []float64) []float64 {
	d := make([]float64, len(g))
	for i := range d {
		d[i] = -dot(h[i], g)
	}
	return d
}

// update improves the inverse Hessian h by a step s with the change y of the
// gradient; a first step sets its scale.
func update(h [][]float64, s, y []float64, first bool) {
	sy := dot(s, y)
	if sy <= 1e-12*norm(s)*norm(y) {
		return
	}
	if first {
		scale := sy / dot(y, y)
		for i := range h {
			h[i][i] = scale
		}
	}
	hy := make([]float64, len(s))
	for i := range hy {
		hy[i] = dot(h[i], y)
	}
	c := (1 + dot(y, hy)/sy) / sy
	for i := range h {
		for j := range h[i] {
			h[i][j] += c*s[i]*s[j] - (hy[i]*s[j]+s[i]*hy[j])/sy
		}
	}
}

// minus returns a − b.
func minus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range out {
		out[i] = a[i] - b[i]
	}
	return out
}

// largest returns the largest absolute value.
func largest(v []float64) float64 {
	out := 0.0
	for _, x := range v {
		out = math.Max(out, math.Abs(x))
	}
	return out
}
