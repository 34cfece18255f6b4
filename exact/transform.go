package exact

import "math"

// TwoSum returns the rounded sum of a and b and its rounding error:
// sum + rest == a + b exactly, unless the sum overflows.
//
// Source: Knuth, The Art of Computer Programming, vol. 2, 3rd ed., 4.2.2.
func TwoSum(a, b float64) (sum, rest float64) {
	sum = a + b
	t := sum - a
	return sum, (a - (sum - t)) + (b - t)
}

// FastTwoSum is [TwoSum] for |a| ≥ |b| or a == 0, at half the cost.
//
// Source: Dekker, A Floating-Point Technique for Extending the Available
// Precision, Numerische Mathematik 18, 1971.
func FastTwoSum(a, b float64) (sum, rest float64) {
	sum = a + b
	return sum, b - (sum - a)
}

// TwoProd returns the rounded product of a and b and its rounding error:
// product + rest == a·b exactly, unless the product overflows or |a·b| is below
// 2^-968, where the error itself underflows.
func TwoProd(a, b float64) (product, rest float64) {
	product = float64(a * b)
	return product, math.FMA(a, b, -product)
}
