// Package arima fits seasonal autoregressive integrated moving average models
// with regressors, forecasts from them, and selects their orders.
//
// A series y of n values follows a regression with ARIMA errors:
//
//	y[t] = mean + drift·t + Σ beta[j]·x[j][t] + u[t],   t = 1 … n
//	(1−B)^d (1−B^s)^D u[t] = w[t]
//	φ(B)Φ(B^s) w[t] = θ(B)Θ(B^s) e[t],   e ~ N(0, sigma2)
//
// with B the shift by one step, s the period, and the signs
//
//	φ(z) = 1 − Σ ar[i] z^i,   θ(z) = 1 + Σ ma[i] z^i
//
// and the same for the seasonal polynomials. A missing value is NaN: it takes
// part in nothing but the passage of time.
//
// [Fit] estimates by exact maximum likelihood or by conditional least squares,
// [Select] chooses the orders first, [Model.Forecast] and [State.Forecast]
// predict. Every result depends on its arguments only: there is no random
// number, and the number of processors changes the speed alone.
//
// Sources: Box, Jenkins, Reinsel and Ljung, Time Series Analysis, 5th ed.,
// 2015; Durbin and Koopman, Time Series Analysis by State Space Methods, 2nd
// ed., 2012; Hyndman and Khandakar, Automatic Time Series Forecasting: The
// forecast Package for R, J. Stat. Softw. 27(3), 2008.
package arima
