// Package logreg fits binary logistic regression: the log odds of a target
// being true as a linear function of p features.
//
// [Config.Fit] minimises, over the intercept b0 and the coefficients b,
//
//	Σ w·log(1 + exp(−s·η)) + L1·Σ|b| + (L2/2)·Σ b²,   η = b0 + x·b,  s = ±1
//
// The penalties leave the intercept free, do not standardise the features and
// are not divided by n. The method is Newton's (the same as iteratively
// reweighted least squares) with step halving; with L1 > 0 it is proximal
// Newton, whose inner problem is solved by coordinate descent and then exactly.
//
// Three laws hold for every input:
//
//   - the result is the same bits for any order of the rows and any number of
//     workers: every sum over rows is an [exact.Sum];
//   - an estimate is returned only where a finite one exists. Without penalty
//     this is proved for each fit, by a bound on Newton's decrement or, where
//     that is too weak, by an exact search for a separating direction;
//   - errors, p values and limits are those of the final estimate.
//
// Sources: McCullagh and Nelder, Generalized Linear Models, 2nd ed., chapters 2
// and 4; Albert and Anderson, On the existence of maximum likelihood estimates
// in logistic regression models, Biometrika 71, 1984; Lee, Sun and Saunders,
// Proximal Newton-type methods, SIAM J. Optim. 24, 2014; Bach, Self-concordant
// analysis for logistic regression, Electron. J. Stat. 4, 2010.
package logreg
