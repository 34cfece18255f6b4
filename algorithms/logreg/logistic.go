package logreg

import "math"

// Logistic returns 1/(1 + exp(−x)) to full relative precision at both ends: it
// never overflows, and far below 0 it is exp(x) rather than 0.
func Logistic(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

// rowLoss returns, for a row with margin m = s·η, the loss log(1 + exp(−m)), its
// negative slope 1/(1 + exp(m)) and its curvature. The slope, which is the
// residual without its sign, keeps its relative precision however well the row
// is fitted.
func rowLoss(m float64) (loss, slope, curvature float64) {
	e := math.Exp(-math.Abs(m))
	loss = math.Log1p(e)
	q := 1 / (1 + e)
	curvature = e * q * q
	if m >= 0 {
		return loss, e * q, curvature
	}
	return loss - m, q, curvature
}
