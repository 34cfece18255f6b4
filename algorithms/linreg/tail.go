package linreg

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// manyDF is the number of degrees of freedom from which Student's t is found from
// the normal distribution: the incomplete beta function loses digits there, while
// the error of the expansion is below 1e-20.
const manyDF = 1e5

// tTwoSided returns P(|T| ≥ |t|) for Student's t with df degrees of freedom, to
// about 12 digits far into the tails.
func tTwoSided(t, df float64) float64 {
	switch {
	case math.IsNaN(t) || !(df > 0):
		return math.NaN()
	case df > manyDF:
		return math.Erfc(tToNormal(t, df) / math.Sqrt2)
	}
	return mathext.RegIncBeta(df/2, 0.5, df/(df+t*t))
}

// tCentral returns P(|T| ≤ |t|), to full accuracy where that is small.
func tCentral(t, df float64) float64 {
	if df > manyDF {
		return math.Erf(tToNormal(t, df) / math.Sqrt2)
	}
	return mathext.RegIncBeta(0.5, df/2, t*t/(df+t*t))
}

// tToNormal returns the normal deviate with the tail of |t|.
//
// Source: Hill, Algorithm 395: Student's t-Distribution, Communications of the
// ACM 13(10), 1970.
func tToNormal(t, df float64) float64 {
	a := df - 0.5
	b := 48 * a * a
	q := a * math.Log1p(t*t/df)
	z := math.Sqrt(q)
	return z + z*(q+3)/b - z*(((4*q+33)*q+240)*q+855)/(10*b*(b+0.8*q*q+100))
}

// tQuantile returns the t with P(|T| ≤ t) = confidence.
func tQuantile(confidence, df float64) float64 {
	if !(df > 0) {
		return math.NaN()
	}
	d := distuv.StudentsT{Sigma: 1, Nu: df}
	t := distuv.UnitNormal.Quantile((1 + confidence) / 2)
	if df <= manyDF && confidence > 0.5 {
		t = d.Quantile((1 + confidence) / 2)
	}
	for range 6 { // Newton steps remove the error of the library's inverse.
		miss := confidence - tCentral(t, df)
		if confidence > 0.5 {
			miss = tTwoSided(t, df) - (1 - confidence)
		}
		step := miss / (2 * d.Prob(t))
		if !(math.Abs(step) < 0.5*t) {
			break
		}
		t += step
		if math.Abs(step) < 1e-15*t {
			break
		}
	}
	return t
}

// fUpper returns P(F ≥ f) with d1 and d2 degrees of freedom. One tested term is
// left to t, which is good for any d2.
func fUpper(f, d1, d2 float64) float64 {
	if d1 == 1 {
		return tTwoSided(math.Sqrt(f), d2)
	}
	return mathext.RegIncBeta(d2/2, d1/2, d2/(d2+d1*f))
}

// chiSquaredUpper returns P(χ² ≥ x) with df degrees of freedom.
func chiSquaredUpper(x, df float64) float64 {
	return mathext.GammaIncRegComp(df/2, x/2)
}
