package knn

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// kind is a distance formula.
type kind uint8

const (
	euclidean kind = iota + 1
	sqeuclidean
	manhattan
	chebyshev
	minkowski
	cosine
	angular
	innerProduct
	hamming
	jaccard
	tanimoto
	madlibAngle
	madlibCosine
	madlibTanimoto
)

// Metric is a distance between rows of equal length. Get one from [ParseMetric]
// or [ParseMADlibMetric]; the zero Metric is none.
type Metric struct {
	name string
	kind kind
	p    float64 // exponent of minkowski
}

// metrics holds the names that ParseMetric accepts.
var metrics = map[string]kind{
	"euclidean":     euclidean,
	"sqeuclidean":   sqeuclidean,
	"manhattan":     manhattan,
	"chebyshev":     chebyshev,
	"minkowski":     minkowski,
	"cosine":        cosine,
	"angular":       angular,
	"inner_product": innerProduct,
	"hamming":       hamming,
	"jaccard":       jaccard,
	"tanimoto":      tanimoto,
}

// ParseMetric returns the metric called name:
//
//	euclidean      √Σ(a−b)²
//	sqeuclidean    Σ(a−b)²
//	manhattan      Σ|a−b|
//	chebyshev      max|a−b|
//	minkowski      (Σ|a−b|ᵖ)^(1/p), p ≥ 1; p = +Inf is chebyshev
//	cosine         1 − cos, cos = a·b/√(|a|²·|b|²)
//	angular        acos(cos), radians
//	inner_product  −a·b
//	hamming        share of coordinates that are not equal
//	jaccard        1 − |a∧b|/|a∨b| on truth values (not 0); 0 for two empty rows
//	tanimoto       1 − a·b/(|a|²+|b|²−a·b); 0 for two zero rows
//
// Only minkowski uses p. [Distance] says how each is computed.
//
// Errors: [ErrUnknownMetric], which lists the names; [ErrParameter] if p is NaN
// or below 1 for minkowski.
func ParseMetric(name string, p float64) (Metric, error) {
	return parse(metrics, name, p)
}

// parse looks name up in one of the two lists of metrics.
func parse(known map[string]kind, name string, p float64) (Metric, error) {
	k, ok := known[name]
	if !ok {
		names := make([]string, 0, len(known))
		for n := range known {
			names = append(names, n)
		}
		slices.Sort(names)
		return Metric{}, fmt.Errorf("knn: %w: %q, want one of %s", ErrUnknownMetric, name, strings.Join(names, ", "))
	}
	if k != minkowski {
		return Metric{name: name, kind: k}, nil
	}
	switch {
	case !(p >= 1):
		return Metric{}, fmt.Errorf("knn: %w: p %g, want p ≥ 1", ErrParameter, p)
	case p == 1:
		k = manhattan
	case p == 2:
		k = euclidean
	case math.IsInf(p, 1):
		k = chebyshev
	}
	return Metric{name: name, kind: k, p: p}, nil
}

// String returns the name that was parsed.
func (m Metric) String() string { return m.name }
