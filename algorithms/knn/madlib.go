package knn

import "math"

// madlibMetrics holds the names that ParseMADlibMetric accepts.
var madlibMetrics = map[string]kind{
	"dist_norm1":         manhattan,
	"dist_norm2":         euclidean,
	"squared_dist_norm2": sqeuclidean,
	"dist_pnorm":         minkowski,
	"dist_inf_norm":      chebyshev,
	"dist_angle":         madlibAngle,
	"cosine_similarity":  madlibCosine,
	"dist_tanimoto":      madlibTanimoto,
}

// ParseMADlibMetric returns the distance function that Apache MADlib calls name,
// without its schema:
//
//	dist_norm1          Σ|a−b|
//	dist_norm2          √Σ(a−b)²
//	squared_dist_norm2  Σ(a−b)²
//	dist_pnorm          (Σ|a−b|ᵖ)^(1/p), p ≥ 1
//	dist_inf_norm       max|a−b|
//	dist_angle          acos(cos), radians; π if a row is zero
//	cosine_similarity   cos; −1 if a row is zero
//	dist_tanimoto       (s−2d)/(s−d), s = |a|²+|b|², d = a·b; NaN for two zero rows
//
// They differ from the metrics of [ParseMetric] where a row is zero. A search
// sorts cosine_similarity upwards like the rest, so its nearest rows are the least
// similar ones: that is what MADlib does with a function given by name. NaN is
// farther than any number, as in PostgreSQL.
//
// Errors: those of [ParseMetric].
func ParseMADlibMetric(name string, p float64) (Metric, error) {
	return parse(madlibMetrics, name, p)
}

// madlibDistance is the definition of the formulas that only MADlib has.
func madlibDistance(k kind, a, b []float64) float64 {
	if k == madlibTanimoto {
		num, den := tanimotoParts(a, b)
		return num / den
	}
	return fromCos(k, cosineOf(a, b))
}

// madlibFromCos turns a cosine, NaN if a row is zero, into the value of k.
func madlibFromCos(k kind, c float64) float64 {
	if k == madlibAngle {
		if math.IsNaN(c) {
			return math.Pi
		}
		return math.Acos(c)
	}
	if math.IsNaN(c) {
		return -1
	}
	return c
}
