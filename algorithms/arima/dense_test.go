package arima

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// denseAutocovariances solves the Yule–Walker equations of an ARMA process
// with unit innovations: another way than the package's.
func denseAutocovariances(a arma, lags int) []float64 {
	p, q := len(a.phi), len(a.theta)
	psi := make([]float64, q+1)
	for j := range psi {
		psi[j] = a.weight(j - 1)
		for i := range min(j, p) {
			psi[j] += a.phi[i] * psi[j-1-i]
		}
	}
	right := func(k int) float64 {
		sum := 0.0
		for j := k; j <= q; j++ {
			sum += a.weight(j-1) * psi[j-k]
		}
		return sum
	}
	system, rhs := mat.NewDense(p+1, p+1, nil), mat.NewVecDense(p+1, nil)
	for k := range p + 1 {
		system.Set(k, k, system.At(k, k)+1)
		for j, c := range a.phi {
			at := abs(k - 1 - j)
			system.Set(k, at, system.At(k, at)-c)
		}
		rhs.SetVec(k, right(k))
	}
	var first mat.VecDense
	if err := first.SolveVec(system, rhs); err != nil {
		panic(err)
	}
	out := make([]float64, lags+1)
	for k := range out {
		if k <= p {
			out[k] = first.AtVec(k)
			continue
		}
		out[k] = right(k)
		for j, c := range a.phi {
			out[k] += c * out[k-1-j]
		}
	}
	return out
}

// denseLogLik is the log likelihood by the Cholesky factor of the n×n
// covariance matrix, for a series without gaps.
func denseLogLik(data Data, s Spec, coef []float64) float64 {
	lags := s.lags()
	y := apply(lags, data.Y)
	n := len(y)
	gamma := denseAutocovariances(s.expand(coef), n)
	cov := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			cov.SetSym(i, j, gamma[j-i])
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(cov) {
		return math.NaN()
	}
	_, columns := design(data, s)
	rss := quadratic(&chol, y, y)
	if k := len(columns); k > 0 {
		cross, right := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil)
		for i := range columns {
			columns[i] = apply(lags, columns[i])
			for j := range i + 1 {
				cross.SetSym(i, j, quadratic(&chol, columns[i], columns[j]))
			}
			right.SetVec(i, quadratic(&chol, columns[i], y))
		}
		var beta mat.VecDense
		if err := beta.SolveVec(cross, right); err != nil {
			return math.NaN()
		}
		rss -= mat.Dot(&beta, right)
	}
	return -0.5 * (float64(n)*(math.Log(2*math.Pi*rss/float64(n))+1) + chol.LogDet())
}

// quadratic returns aᵀ·V⁻¹·b.
func quadratic(chol *mat.Cholesky, a, b []float64) float64 {
	var x mat.VecDense
	if err := chol.SolveVecTo(&x, mat.NewVecDense(len(b), b)); err != nil {
		panic(err)
	}
	return mat.Dot(mat.NewVecDense(len(a), a), &x)
}

// TestBetterThanReference confirms with the dense likelihood that the optima in
// better are no artefact of the fast one.
func TestBetterThanReference(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, data Data, s Spec, want float64) {
		t.Helper()
		m, err := Fit(t.Context(), data, s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		dense := denseLogLik(data, s, m.State.Coef)
		if math.Abs(dense-m.LogLik) > 1e-5 {
			t.Errorf("dense log likelihood = %.8f, fast %.8f", dense, m.LogLik)
		}
		if dense < want {
			t.Errorf("dense log likelihood = %.6f, want at least %.6f", dense, want)
		}
	}
	confirmed := 0
	cases, series := loadBest(t)
	for _, c := range cases {
		if gain := better[c.Data+" "+c.Model]; gain > 0 {
			confirmed++
			t.Run(c.Data+"/"+c.Model, func(t *testing.T) {
				t.Parallel()
				check(t, Data{Y: series[c.Data]}, spec(c.Order, c.Seasonal, c.Period), c.LogLik+0.98*gain)
			})
		}
	}
	for _, c := range loadModels(t) {
		if gain := better[c.Name]; gain > 0 {
			confirmed++
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				data, _ := c.load(t)
				s := spec(c.Order, c.Seasonal, c.Period)
				s.Mean = c.Mean
				check(t, data, s, c.Fit.LogLik+0.98*gain)
			})
		}
	}
	if confirmed != len(better) {
		t.Errorf("%d optima confirmed, want %d", confirmed, len(better))
	}
}

// randomSpec draws orders, and randomCase a model with data and coefficients
// well inside the region.
func randomSpec(r *rand.Rand) Spec {
	s := Spec{P: r.IntN(4), D: r.IntN(3), Q: r.IntN(4), Period: 1, Method: ML}
	if r.IntN(2) == 0 {
		s.SP, s.SD, s.SQ, s.Period = r.IntN(3), r.IntN(2), r.IntN(3), 2+r.IntN(5)
	}
	s.Mean = s.D+s.SD == 0 && r.IntN(2) == 0
	s.Drift = s.D+s.SD <= 1 && r.IntN(2) == 0
	return s
}

func randomCase(r *rand.Rand) (Data, Spec, []float64) {
	s := randomSpec(r)
	n := 50 + r.IntN(40)
	data := Data{Y: make([]float64, n)}
	for t := range data.Y {
		data.Y[t] = 10 + r.NormFloat64()
		if t > 0 {
			data.Y[t] += 0.7 * (data.Y[t-1] - 10)
		}
	}
	for range r.IntN(3) {
		x := make([]float64, n)
		for t := range x {
			x[t] = 100 * r.NormFloat64()
		}
		data.X = append(data.X, x)
	}
	free := make([]float64, s.coefficients())
	for i := range free {
		free[i] = 0.8 * r.NormFloat64()
	}
	return data, s, s.coefficientsFrom(free)
}

// TestLikelihoodIsDense is the law that the fast likelihood, the Kalman filter
// and the dense likelihood are one function.
func TestLikelihoodIsDense(t *testing.T) {
	t.Parallel()
	const seed = 7
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 200 {
		data, s, coef := randomCase(r)
		p, err := newProblem(data, s)
		if err != nil {
			t.Fatalf("seed %d, case %d, %s: %v", seed, i, s, err)
		}
		fast, ok := newEvaluator(p).logLik(coef)
		want := denseLogLik(data, s, coef)
		if !ok || math.Abs(fast.logLik-want) > 1e-8*math.Abs(want) {
			t.Errorf("seed %d, case %d, %s: log likelihood = %.10f, want %.10f", seed, i, s, fast.logLik, want)
		}
		filtered := asFiltered(p)
		slow, ok := newEvaluator(filtered).logLik(coef)
		if !ok || math.Abs(slow.logLik-want) > 1e-8*math.Abs(want) {
			t.Errorf("seed %d, case %d, %s: filtered log likelihood = %.10f, want %.10f", seed, i, s, slow.logLik, want)
		}
	}
}

// asFiltered lays a problem out for the Kalman filter.
func asFiltered(p *problem) *problem {
	q := *p
	q.filtered = true
	q.missing, q.columns = nil, nil
	y := append([]float64(nil), p.data.Y...)
	for _, at := range p.missing[:p.initial] {
		q.missing = append(q.missing, at)
		q.columns = append(q.columns, pulse(len(y), at))
		y[at] = 0
	}
	q.columns = append(append(q.columns, p.basis.orthonormal(p.design)...), y)
	return &q
}

// TestMissingTwoWays is the law that integrating missing values out as pulses
// and skipping them in the filter give the same likelihood, regression and
// forecasts, also where the first values are missing.
func TestMissingTwoWays(t *testing.T) {
	t.Parallel()
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 0))
	initial, compared := 0, 0
	for i := range 200 {
		data, s, coef := randomCase(r)
		for range 1 + r.IntN(6) {
			data.Y[r.IntN(len(data.Y))] = math.NaN()
		}
		if r.IntN(2) == 0 {
			data.Y[r.IntN(2)] = math.NaN()
		}
		name := fmt.Sprintf("seed %d, case %d, %s", seed, i, s)
		p, err := newProblem(data, s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if p.filtered {
			continue // few lags: the filter is the cheaper way
		}
		initial += p.initial
		compared++
		a, okA := newEvaluator(p).logLik(coef)
		b, okB := newEvaluator(asFiltered(p)).logLik(coef)
		if !okA || !okB || math.Abs(a.logLik-b.logLik) > 1e-7*math.Abs(a.logLik) {
			t.Fatalf("%s: log likelihood = %.10f and %.10f", name, a.logLik, b.logLik)
		}
		one, errOne := p.evaluate(coef)
		two, errTwo := asFiltered(p).evaluate(coef)
		if errOne != nil || errTwo != nil {
			t.Fatalf("%s: %v, %v", name, errOne, errTwo)
		}
		compareForecasts(t, name, one, two)
	}
	if initial < 20 || compared < 100 {
		t.Errorf("%d cases with %d initial missing values, want 100 and 20 or more", compared, initial)
	}
}

// compareForecasts checks that two models predict the same.
func compareForecasts(t *testing.T, name string, one, two *Model) {
	t.Helper()
	future := make([][]float64, len(one.State.Beta))
	for i := range future {
		future[i] = trend(8, 0.3, float64(i))
	}
	if one.Spec.Mean {
		future = future[1:]
	}
	if one.Spec.Drift {
		future = future[1:]
	}
	f, errF := one.Forecast(t.Context(), 8, future)
	g, errG := two.Forecast(t.Context(), 8, future)
	if errF != nil || errG != nil {
		t.Fatalf("%s: %v, %v", name, errF, errG)
	}
	for h := range f.Mean {
		if math.Abs(f.Mean[h]-g.Mean[h]) > 1e-6*f.StdErr[h] || math.Abs(f.StdErr[h]/g.StdErr[h]-1) > 1e-6 {
			t.Errorf("%s: step %d = %.9g ± %.9g and %.9g ± %.9g", name, h+1, f.Mean[h], f.StdErr[h], g.Mean[h], g.StdErr[h])
		}
	}
}

// TestMissingStartIsDiffuse compares the treatment of a missing first value
// with a filter whose prior for it is wide.
func TestMissingStartIsDiffuse(t *testing.T) {
	t.Parallel()
	y := []float64{math.NaN(), 4, 6, 5, 7, 9, math.NaN(), 8, 9, 12, 11, 13}
	s := Spec{P: 1, D: 2, Period: 1, Method: ML}
	coef := []float64{0.4}
	p, err := newProblem(Data{Y: y}, s)
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.evaluate(coef)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := newFilter(s.expand(coef), s.lags())
	const wide = 1e7
	f.cov[(f.m-1)*f.m+f.m-1] = wide // the older of the two recalled values
	u := append([]float64(nil), y...)
	u[0] = 0
	states, ok := f.run([][]float64{u}, func(passage) {})
	if !ok {
		t.Fatal("the filter failed")
	}
	got, err := m.Forecast(t.Context(), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := f.expect(states[0]); math.Abs(got.Mean[0]-want) > 1e-5 {
		t.Errorf("mean = %.9g, want %.9g", got.Mean[0], want)
	}
	if want := math.Sqrt(m.Sigma2 * f.variance()); math.Abs(got.StdErr[0]/want-1) > 1e-5 {
		t.Errorf("standard error = %.9g, want %.9g", got.StdErr[0], want)
	}
}
