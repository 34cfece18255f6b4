package logreg

// basis is a further change of coordinates for nearly collinear columns: each
// column of z is replaced by what the earlier ones leave of it,
//
//	z[i] = Σ unit[i][j]·q[j]·size[j] + q[i]·size[i],   j < i
//
// so that the columns q are orthogonal but for rounding, and a Hessian in them
// can be inverted with all digits. size is a power of 2 that gives q unit length.
// Rows and columns of unit are the terms, the intercept included.
type basis struct {
	unit [][]float64
	size []float64
}

// orthogonalise replaces z by q. unit comes from [design.dependent] and counts
// the dropped columns too.
func (m *design) orthogonalise(unit [][]float64, dropped []bool) {
	o := m.offset()
	b := &basis{size: make([]float64, m.terms())}
	for i, row := range unit {
		if i >= o && dropped[i-o] {
			continue
		}
		var kept []float64
		for j, v := range row {
			if j < o || !dropped[j-o] {
				kept = append(kept, v)
			}
		}
		b.unit = append(b.unit, kept)
	}
	m.basis = b
	for i := range b.size {
		b.size[i] = 1
		if i >= o {
			m.subtract(i)
		}
	}
}

// subtract takes the part that the earlier terms have in term i out of it.
func (m *design) subtract(i int) {
	o, b := m.offset(), m.basis
	z := m.z[i-o]
	for j, f := range b.unit[i][:i] {
		switch {
		case j < o:
			for r := range z {
				z[r] -= f
			}
		default:
			f *= b.size[j]
			for r, v := range m.z[j-o] {
				z[r] -= f * v
			}
		}
	}
	b.size[i] = powerOfTwo(rms(z))
	for r := range z {
		z[r] /= b.size[i]
	}
}
