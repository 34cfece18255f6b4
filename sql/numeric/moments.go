package numeric

import "math/big"

// Moments keeps the exact sum of numerics and of their squares, for variance and
// standard deviation. The zero Moments is empty. It must not be copied once it is in
// use.
type Moments struct {
	sum     Sum
	squares Sum // counts what is not finite as sum does
}

// Add adds d, w times: a negative w takes it out.
func (m *Moments) Add(d Decimal, w int64) {
	m.sum.Add(d, w)
	m.squares.addSquare(d, w)
}

// Count is the number of values.
func (m *Moments) Count() int64 { return m.sum.Count() }

// Variance returns what var_samp(numeric), or var_pop, returns for the values:
//
//	(n·Σx² − (Σx)²) / (n·(n−1)),   the population's: / n²
//
// divided as [Decimal.Div] does. There must be a value, and two for the sample's. It
// is NaN if a value is not finite.
//
// Errors: [ErrOverflow].
func (m *Moments) Variance(sample bool) (Decimal, error) {
	d, _, err := m.variance(sample)
	return d, err
}

// StdDev returns what stddev_samp(numeric), or stddev_pop, returns: the square root
// of the variance, rounded to the variance's scale.
//
// Errors: [ErrOverflow].
func (m *Moments) StdDev(sample bool) (Decimal, error) {
	d, scale, err := m.variance(sample)
	if err != nil || !d.IsFinite() || d.Sign() == 0 {
		return d, err
	}
	return d.sqrt(scale), nil
}

func (m *Moments) variance(sample bool) (Decimal, int32, error) {
	if _, special := m.sum.notFinite(); special {
		return NaN, 0, nil
	}
	n := big.NewInt(m.Count())
	sum, scale := m.sum.total()
	squares, twice := m.squares.total()
	sum.Mul(sum, sum)
	squares.Mul(squares, n)
	if by := 2*scale - twice; by > 0 {
		squares.Mul(squares, pow10(int(by)))
	}
	squares.Sub(squares, sum)
	if squares.Sign() <= 0 {
		return Decimal{}, 0, nil
	}
	divisor := new(big.Int).Set(n)
	if sample {
		divisor.Sub(divisor, big.NewInt(1))
	}
	numerator, denominator := number(squares, 2*scale), number(divisor.Mul(divisor, n), 0)
	rscale := divScale(numerator, denominator)
	d, err := numerator.quotient(denominator, rscale)
	return d, rscale, err
}

// sqrt returns the square root of a positive d, rounded half away from zero.
func (d Decimal) sqrt(scale int32) Decimal {
	// With one more digit, whether the rest is a half or more shows in it alone.
	n := d.Unscaled()
	if by := 2*(scale+1) - d.scale; by >= 0 {
		n.Mul(n, pow10(int(by)))
	} else {
		n.Quo(n, pow10(int(-by)))
	}
	return number(quoRound(n.Sqrt(n), big.NewInt(10)), scale)
}

// Bytes is the memory beyond the struct itself.
func (m *Moments) Bytes() int64 { return m.sum.Bytes() + m.squares.Bytes() }

// Append appends the state. Moments of the same values have the same bytes.
func (m *Moments) Append(dst []byte) []byte { return m.squares.Append(m.sum.Append(dst)) }

// Consume sets m to the state at the start of b, written by Append, and returns the
// bytes after it.
func (m *Moments) Consume(b []byte) ([]byte, error) {
	b, err := m.sum.Consume(b)
	if err != nil {
		return nil, err
	}
	return m.squares.Consume(b)
}
