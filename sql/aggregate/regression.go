package aggregate

// The results of the aggregates over pairs, by the sums that they are made of:
//
//	A = n·Σxy − Σx·Σy,   B = n·Σx² − (Σx)²,   C = n·Σy² − (Σy)²
//
// A value that is not finite makes NaN what it is part of. It does not hide that the
// other variable is constant, which is looked at first.

// centredX returns B, and whether it is NaN.
func (m *moments) centredX() (dyadic, bool, error) {
	if m.sx.any() {
		return dyadic{}, true, nil
	}
	b, err := m.centred(m.xx, m.x, m.x)
	return b, false, err
}

// centredY returns C, and whether it is NaN.
func (m *moments) centredY() (dyadic, bool, error) {
	if m.sy.any() {
		return dyadic{}, true, nil
	}
	c, err := m.centred(m.yy, m.y, m.y)
	return c, false, err
}

// centredXY returns A, and whether it is NaN.
func (m *moments) centredXY() (dyadic, bool, error) {
	if m.sx.any() || m.sy.any() {
		return dyadic{}, true, nil
	}
	a, err := m.centred(m.xy, m.x, m.y)
	return a, false, err
}

// divided returns the result of dividing one of the three by a number.
func (m *moments) divided(c dyadic, isNaN bool, err error, by dyadic) (float64, bool, error) {
	if err != nil || isNaN {
		return nan, false, err
	}
	x, err := finite(c.over(by), false)
	return x, false, err
}

// sumOfSquaresX is regr_sxx: B/n.
func sumOfSquaresX(m *moments) (float64, bool, error) {
	b, isNaN, err := m.centredX()
	return m.divided(b, isNaN, err, m.count())
}

// sumOfSquaresY is regr_syy: C/n.
func sumOfSquaresY(m *moments) (float64, bool, error) {
	c, isNaN, err := m.centredY()
	return m.divided(c, isNaN, err, m.count())
}

// sumOfProducts is regr_sxy: A/n.
func sumOfProducts(m *moments) (float64, bool, error) {
	a, isNaN, err := m.centredXY()
	return m.divided(a, isNaN, err, m.count())
}

// covariance is covar_pop, A/n², and covar_samp, A/(n·(n−1)).
func covariance(less int64) func(m *moments) (float64, bool, error) {
	return func(m *moments) (float64, bool, error) {
		a, isNaN, err := m.centredXY()
		return m.divided(a, isNaN, err, m.count().times(m.n-less))
	}
}

// averageX is regr_avgx.
func averageX(m *moments) (float64, bool, error) { return m.average(&m.sx, m.x) }

// averageY is regr_avgy.
func averageY(m *moments) (float64, bool, error) { return m.average(&m.sy, m.y) }

func (m *moments) average(special *specials, s short) (float64, bool, error) {
	if special.any() {
		return special.sum(), false, nil
	}
	sum := s.value()
	if _, err := finite(float(sum.n, sum.exp, 1), false); err != nil {
		return 0, false, err
	}
	return m.divided(sum, false, nil, m.count())
}

// determination is regr_r2: A²/(B·C), 1 if y is constant, NULL if x is.
func determination(m *moments) (float64, bool, error) {
	b, nanB, err := m.centredX()
	if err != nil || !nanB && b.sign() == 0 {
		return 0, true, err
	}
	c, nanC, err := m.centredY()
	switch {
	case err != nil:
		return 0, false, err
	case !nanC && c.sign() == 0:
		return 1, false, nil
	case nanB || nanC:
		return nan, false, nil
	}
	a, _, err := m.centredXY()
	if err != nil {
		return 0, false, err
	}
	return m.divided(a.mul(a), false, nil, b.mul(c))
}

// correlation is corr: A/√(B·C), NULL if one of the two is constant.
func correlation(m *moments) (float64, bool, error) {
	b, nanB, err := m.centredX()
	if err != nil || !nanB && b.sign() == 0 {
		return 0, true, err
	}
	c, nanC, err := m.centredY()
	if err != nil || !nanC && c.sign() == 0 {
		return 0, true, err
	}
	if nanB || nanC {
		return nan, false, nil
	}
	a, _, err := m.centredXY()
	if err != nil {
		return 0, false, err
	}
	x, err := finite(rootOver(a.mul(a), b.mul(c), a.sign()), false)
	return x, false, err
}

// slope is regr_slope: A/B, NULL if x is constant. Out of range it is an infinity,
// as in PostgreSQL.
func slope(m *moments) (float64, bool, error) {
	a, b, null, isNaN, err := m.line()
	if err != nil || null || isNaN {
		return nan, null, err
	}
	x, _ := a.over(b).Float64()
	return x, false, nil
}

// intercept is regr_intercept: (Σy·B − Σx·A)/(n·B), NULL if x is constant. Out of
// range it is an infinity, as in PostgreSQL.
func intercept(m *moments) (float64, bool, error) {
	a, b, null, isNaN, err := m.line()
	if err != nil || null || isNaN {
		return nan, null, err
	}
	numerator := m.y.value().mul(b).sub(m.x.value().mul(a))
	x, _ := numerator.over(b.times(m.n)).Float64()
	return x, false, nil
}

// line returns A and B, or that the result is NULL or NaN.
func (m *moments) line() (a, b dyadic, null, isNaN bool, err error) {
	b, isNaN, err = m.centredX()
	if err != nil || !isNaN && b.sign() == 0 {
		return a, b, true, false, err
	}
	a, isNaN, err = m.centredXY()
	return a, b, false, isNaN, err
}
