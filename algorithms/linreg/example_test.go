package linreg_test

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/algorithms/linreg"
)

// Fuel use of eight cars (mpg) by weight (1000 lb) and power (hp), with errors
// that allow for unequal variance, and a prediction for a ninth.
func ExampleRegression_Fit() {
	weight := []float64{2.620, 2.875, 2.320, 3.215, 3.440, 3.460, 3.570, 3.190}
	power := []float64{110, 110, 93, 110, 175, 105, 245, 62}
	mpg := []float64{21.0, 21.0, 22.8, 21.4, 18.7, 18.1, 14.3, 24.4}

	fit, err := linreg.Regression{Intercept: true, Covariance: linreg.HC3}.Fit(
		context.Background(), linreg.Data{X: [][]float64{weight, power}, Y: mpg})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range fit.Terms {
		fmt.Printf("%2d %8.4f ± %.4f  p %.4f\n", t.Column, t.Estimate, t.StdErr, t.PValue)
	}
	fmt.Printf("R² %.4f, %g degrees of freedom\n", fit.R2, fit.DFResidual)

	p, err := fit.Model().Predict([][]float64{{3}, {100}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f, a single car within %.2f … %.2f\n", p[0].Value, p[0].PredLow, p[0].PredHigh)
	// Output:
	// -1  30.2286 ± 4.1839  p 0.0008
	//  0  -1.4791 ± 2.1402  p 0.5203
	//  1  -0.0432 ± 0.0167  p 0.0492
	// R² 0.8438, 5 degrees of freedom
	// 21.47, a single car within 17.09 … 25.85
}
