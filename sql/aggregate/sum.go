package aggregate

import (
	"fmt"
	"math"
	"math/big"

	"github.com/millrace/millrace/exact"
	"github.com/millrace/millrace/sql/zset"
)

// short is an exact sum in the short form of package exact: some 20 bytes where the
// working form takes 1080, and the same bytes for the same sum.
type short []byte

// add adds x·w.
func (s *short) add(x float64, w int64) {
	if x == 0 || w == 0 {
		return
	}
	sum := s.open()
	addScaled(&sum, x, w)
	s.close(&sum)
}

// addProduct adds x·y·w.
func (s *short) addProduct(x, y float64, w int64) {
	if x == 0 || y == 0 || w == 0 {
		return
	}
	sum := s.open()
	switch w {
	case 1:
		sum.AddProduct(x, y)
	case -1:
		sum.SubProduct(x, y)
	default:
		var product exact.Sum
		product.AddProduct(x, y)
		addTimes(&sum, &product, w)
	}
	s.close(&sum)
}

// addScaled adds x·w to sum. The halves of w are exact as float64.
func addScaled(sum *exact.Sum, x float64, w int64) {
	switch w {
	case 1:
		sum.Add(x)
	case -1:
		sum.Sub(x)
	default:
		if high := w >> 32; high != 0 {
			sum.AddProduct(x, float64(high)*(1<<32))
		}
		sum.AddProduct(x, float64(w&(1<<32-1)))
	}
}

// addTimes adds t·w to sum, by doubling t, which it overwrites.
func addTimes(sum, t *exact.Sum, w int64) {
	n := uint64(w)
	if w < 0 {
		t.Neg()
		n = -n
	}
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			sum.AddSum(t)
		}
		t.AddSum(t)
	}
}

// open returns the sum in its working form.
func (s short) open() (sum exact.Sum) {
	if err := sum.UnmarshalBinary(s); err != nil {
		panic(fmt.Sprintf("aggregate: %v", err)) // load has looked at it
	}
	return sum
}

func (s *short) close(sum *exact.Sum) {
	b, err := sum.AppendBinary((*s)[:0])
	if err != nil {
		panic(fmt.Sprintf("aggregate: %v", err)) // it never returns one
	}
	*s = b
}

// load reads what Writer.Bytes wrote of a short.
func (s *short) load(r *zset.Reader) error {
	b := r.Bytes()
	if r.Err() != nil {
		return r.Err()
	}
	var sum exact.Sum
	if err := sum.UnmarshalBinary(b); err != nil {
		return err
	}
	*s = append(short(nil), b...)
	return nil
}

// dyadic is the number n·2^exp. Its operations are exact.
type dyadic struct {
	n   *big.Int
	exp int
}

// value returns the sum.
func (s short) value() dyadic {
	if len(s) == 0 {
		return dyadic{n: new(big.Int)}
	}
	sum := s.open()
	f := sum.Big()
	prec := int(f.MinPrec())
	mantissa := new(big.Float)
	exp := f.MantExp(mantissa) // in [0.5, 1)
	n, _ := mantissa.SetMantExp(mantissa, prec).Int(nil)
	return dyadic{n: n, exp: exp - prec}
}

func (a dyadic) sign() int { return a.n.Sign() }

func (a dyadic) mul(b dyadic) dyadic {
	return dyadic{n: new(big.Int).Mul(a.n, b.n), exp: a.exp + b.exp}
}

func (a dyadic) times(n int64) dyadic { return a.mul(dyadic{n: big.NewInt(n)}) }

func (a dyadic) sub(b dyadic) dyadic {
	if a.sign() == 0 {
		return dyadic{n: new(big.Int).Neg(b.n), exp: b.exp}
	}
	if b.sign() == 0 {
		return a
	}
	exp := min(a.exp, b.exp)
	x := new(big.Int).Lsh(a.n, uint(a.exp-exp))
	y := new(big.Int).Lsh(b.n, uint(b.exp-exp))
	return dyadic{n: x.Sub(x, y), exp: exp}
}

// guardBits is more than a float64 has: with a last bit that says whether anything
// follows, rounding such a number is rounding the number itself.
const guardBits = 66

// over returns a/b as a number that rounds as the quotient does. b is positive.
func (a dyadic) over(b dyadic) *big.Float {
	q, exp, more := quotient(a, b, guardBits)
	if more {
		q.SetBit(q, 0, 1)
	}
	return float(q, exp, a.sign())
}

// rootOver returns sign·√(a/b) as a number that rounds as it does. a is not negative,
// b is positive.
func rootOver(a, b dyadic, sign int) *big.Float {
	q, exp, more := quotient(a, b, 2*guardBits)
	root := new(big.Int).Sqrt(q)
	if more || new(big.Int).Mul(root, root).Cmp(q) != 0 {
		root.SetBit(root, 0, 1)
	}
	return float(root, exp/2, sign)
}

// quotient returns |a/b| as q·2^exp with at least that many bits and an even exp, and
// whether the division goes on behind them.
func quotient(a, b dyadic, bits int) (q *big.Int, exp int, more bool) {
	x := new(big.Int).Abs(a.n)
	shift := max(bits+b.n.BitLen()-x.BitLen()+1, 0)
	shift += (a.exp - b.exp - shift) & 1
	x.Lsh(x, uint(shift))
	rest := new(big.Int)
	q, rest = x.QuoRem(x, b.n, rest)
	return q, a.exp - b.exp - shift, rest.Sign() != 0
}

// float returns sign·n·2^exp.
func float(n *big.Int, exp, sign int) *big.Float {
	f := new(big.Float).SetPrec(uint(max(n.BitLen(), 64))).SetInt(n)
	f.SetMantExp(f, exp)
	if sign < 0 {
		f.Neg(f)
	}
	return f
}

// finite returns f rounded to a float64, and to a float4 first if narrow.
//
// Errors: [ErrOverflow].
func finite(f *big.Float, narrow bool) (float64, error) {
	var x float64
	if narrow {
		y, _ := f.Float32()
		x = float64(y)
	} else {
		x, _ = f.Float64()
	}
	if math.IsInf(x, 0) {
		return 0, ErrOverflow
	}
	return x, nil
}
