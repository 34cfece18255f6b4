package arima_test

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/algorithms/arima"
)

// quarters is the gas consumption of the United Kingdom in millions of therms,
// 1960 to 1966: the first 28 values of R's UKgas.
var quarters = []float64{
	160.1, 129.7, 84.8, 120.1, 160.1, 124.9, 84.8, 116.9, 169.7, 140.9, 89.7, 123.3, 187.3, 144.1,
	92.9, 120.1, 176.1, 147.3, 89.7, 123.3, 185.7, 155.3, 99.3, 131.3, 200.1, 161.7, 102.5, 136.1,
}

func ExampleFit() {
	m, err := arima.Fit(context.Background(), arima.Data{Y: quarters},
		arima.Spec{D: 1, Q: 1, SD: 1, SQ: 1, Period: 4}, arima.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, term := range m.Terms {
		fmt.Printf("%s %.3f (%.3f)\n", term.Name, term.Estimate, term.StdErr)
	}
	fmt.Printf("log likelihood %.3f\n", m.LogLik)
	next, err := m.Forecast(context.Background(), 2, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	lower, upper, err := next.Limits(0.95)
	if err != nil {
		fmt.Println(err)
		return
	}
	for h, mean := range next.Mean {
		fmt.Printf("%.1f, 95 %% between %.1f and %.1f\n", mean, lower[h], upper[h])
	}
	// Output:
	// ma1 -0.475 (0.260)
	// sma1 -0.352 (0.207)
	// log likelihood -75.801
	// 202.4, 95 % between 189.8 and 215.0
	// 166.6, 95 % between 152.4 and 180.8
}

func ExampleSelect() {
	s, err := arima.Select(context.Background(), arima.Data{Y: quarters}, arima.Search{Period: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Model.Spec)
	// Output:
	// ARIMA(0,0,1)(0,1,1)[4] with drift
}
