package function

import "math"

// tTwoSided returns P(|T| ≥ |t|) for Student's t with df degrees of freedom, to
// about 12 digits. It serves tests whose degrees of freedom are MADlib's and not
// those of the fit behind them.
//
// From 10⁴ degrees of freedom t is mapped to the normal deviate with its tail;
// the error of that expansion is below 1e-16 there.
//
// Source: Hill, Algorithm 395: Student's t-Distribution, Communications of the
// ACM 13(10), 1970.
func tTwoSided(t, df float64) float64 {
	switch {
	case math.IsNaN(t) || !(df > 0):
		return math.NaN()
	case math.IsInf(t, 0):
		return 0
	case t == 0:
		return 1
	case df <= 1e4:
		return betaRegularized(df/2, 0.5, t*t/df)
	}
	a := df - 0.5
	b := 48 * a * a
	q := a * math.Log1p(t*t/df)
	z := math.Sqrt(q)
	z += z*(q+3)/b - z*(((4*q+33)*q+240)*q+855)/(10*b*(b+0.8*q*q+100))
	return math.Erfc(z / math.Sqrt2)
}

// betaRegularized returns the regularised incomplete beta function I(a, b) at
// x = 1/(1+r). With r and not x, digits survive where x is close to 1.
//
// Source: NIST Digital Library of Mathematical Functions, 8.17.4 and 8.17.22.
func betaRegularized(a, b, r float64) float64 {
	x, y := 1/(1+r), r/(1+r)
	if math.IsInf(r, 1) {
		y = 1
	}
	logFront := logGamma(a+b) - logGamma(a) - logGamma(b) - a*math.Log1p(r) + b*math.Log(y)
	if x <= (a+1)/(a+b+2) {
		return math.Exp(logFront) / a / betaFraction(a, b, x)
	}
	return 1 - math.Exp(logFront)/b/betaFraction(b, a, y)
}

// betaFraction evaluates 1 + d₁x/(1 + d₂x/(1 + …)) of DLMF 8.17.22.
func betaFraction(a, b, x float64) float64 {
	return lentz(1, func(k int) (numerator, denominator float64) {
		m := float64(k / 2)
		if k%2 == 0 {
			return m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m)), 1
		}
		return -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1)), 1
	})
}

// lentz evaluates b₀ + a₁/(b₁ + a₂/(b₂ + …)).
//
// Source: Thompson and Barnett, Coulomb and Bessel Functions of Complex Arguments
// and Order, Journal of Computational Physics 64, 1986 (modified Lentz method).
func lentz(b0 float64, term func(k int) (a, b float64)) float64 {
	const tiny = 1e-300
	f := b0
	if f == 0 {
		f = tiny
	}
	c, d := f, 0.0
	for k := 1; k < 10000; k++ {
		a, b := term(k)
		d = b + a*d
		if d == 0 {
			d = tiny
		}
		c = b + a/c
		if c == 0 {
			c = tiny
		}
		d = 1 / d
		f *= c * d
		if math.Abs(c*d-1) < 1e-16 {
			break
		}
	}
	return f
}

// chiSquaredUpper returns P(X ≥ x) for χ² with df degrees of freedom, the
// regularised incomplete gamma function Q(df/2, x/2).
//
// Source: NIST Digital Library of Mathematical Functions, 8.7.1 (series) and 8.9.2
// (continued fraction).
func chiSquaredUpper(x, df float64) float64 {
	switch {
	case math.IsNaN(x) || !(df > 0):
		return math.NaN()
	case x <= 0:
		return 1
	}
	a, z := df/2, x/2
	front := math.Exp(a*math.Log(z) - z - logGamma(a))
	if z < a+1 {
		term := 1 / a
		sum := term
		for k := 1.0; k < 10000 && term > sum*1e-17; k++ {
			term *= z / (a + k)
			sum += term
		}
		return 1 - front*sum
	}
	return front / lentz(z+1-a, func(k int) (float64, float64) {
		m := float64(k)
		return -m * (m - a), z + 1 - a + 2*m
	})
}

func logGamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}
