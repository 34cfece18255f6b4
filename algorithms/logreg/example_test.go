package logreg_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrace/millrace/algorithms/logreg"
)

// Hours of study of 20 students, and who passed.
var (
	hours = []float64{
		0.50, 0.75, 1.00, 1.25, 1.50, 1.75, 1.75, 2.00, 2.25, 2.50,
		2.75, 3.00, 3.25, 3.50, 4.00, 4.25, 4.50, 4.75, 5.00, 5.50,
	}
	passed = []bool{
		false, false, false, false, false, false, true, false, true, false,
		true, false, true, false, true, true, true, true, true, true,
	}
)

func ExampleConfig_Fit() {
	m, err := logreg.Config{Intercept: true}.Fit(context.Background(), logreg.Data{X: [][]float64{hours}, Y: passed})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range m.Terms {
		fmt.Printf("%2d %8.4f ± %.4f, p %.4f, odds ratio %.3f\n", t.Column, t.Estimate, t.StdError, t.PValue, t.OddsRatio)
	}
	p, err := m.Predictor().Predict([]float64{3})
	fmt.Printf("three hours: %.3f (%.3f to %.3f) %v\n", p.Probability, p.ConfLow, p.ConfHigh, err)
	// Output:
	// -1  -4.0777 ± 1.7610, p 0.0206, odds ratio 0.017
	//  0   1.5046 ± 0.6287, p 0.0167, odds ratio 4.503
	// three hours: 0.607 (0.293 to 0.852) <nil>
}

func ExampleSeparationError() {
	d := logreg.Data{X: [][]float64{{1.2, 1.9, 3.0, 4.1}}, Y: []bool{false, false, true, true}}
	_, err := logreg.Config{Intercept: true}.Fit(context.Background(), d)
	var separation *logreg.SeparationError
	fmt.Println(errors.As(err, &separation), separation.Complete, separation.Columns)
	fmt.Println(err)
	// Output:
	// true true [0]
	// logreg: separation: complete, 4 of 4 rows predicted without error, no finite estimate for the intercept, column 0; column 0 alone separates: false rows ≤ 1.9, true rows ≥ 3
}
