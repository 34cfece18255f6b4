package numeric

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// operations pairs our functions with PostgreSQL's expressions.
var operations = []struct {
	expression string
	do         func(x, y Decimal) (Decimal, error)
}{
	{"x + y", Decimal.Add},
	{"x - y", Decimal.Sub},
	{"x * y", Decimal.Mul},
	{"x / y", Decimal.Div},
	{"x % y", Decimal.Mod},
	{"div(x, y)", Decimal.DivTrunc},
	{"-x", func(x, _ Decimal) (Decimal, error) { return x.Neg(), nil }},
	{"abs(x)", func(x, _ Decimal) (Decimal, error) { return x.Abs(), nil }},
	{"ceil(x)", func(x, _ Decimal) (Decimal, error) { return x.Ceil() }},
	{"floor(x)", func(x, _ Decimal) (Decimal, error) { return x.Floor() }},
	{"trim_scale(x)", func(x, _ Decimal) (Decimal, error) { return x.TrimScale(), nil }},
	{"round(x)", func(x, _ Decimal) (Decimal, error) { return x.Round(0) }},
	{"round(x, 3)", func(x, _ Decimal) (Decimal, error) { return x.Round(3) }},
	{"round(x, 25)", func(x, _ Decimal) (Decimal, error) { return x.Round(25) }},
	{"round(x, -2)", func(x, _ Decimal) (Decimal, error) { return x.Round(-2) }},
	{"round(x, -2000)", func(x, _ Decimal) (Decimal, error) { return x.Round(-2000) }},
	{"trunc(x, 1)", func(x, _ Decimal) (Decimal, error) { return x.Trunc(1) }},
	{"trunc(x, -3)", func(x, _ Decimal) (Decimal, error) { return x.Trunc(-3) }},
	{"trunc(x, 30)", func(x, _ Decimal) (Decimal, error) { return x.Trunc(30) }},
	{"(x < y)::int::numeric", func(x, y Decimal) (Decimal, error) { return is(x.Cmp(y) < 0), nil }},
	{"(x = y)::int::numeric", func(x, y Decimal) (Decimal, error) { return is(x.Equal(y)), nil }},
	{"sign(x)", func(x, _ Decimal) (Decimal, error) {
		if x.IsNaN() {
			return NaN, nil
		}
		return FromInt64(int64(x.Sign())), nil
	}},
}

func is(b bool) Decimal {
	if b {
		return FromInt64(1)
	}
	return FromInt64(0)
}

func TestOperationsAsPostgreSQL(t *testing.T) {
	conn := oracle(t)
	const seed = 11
	pairs := randomPairs(rand.New(rand.NewPCG(seed, 0)), 400)
	for _, a := range corners {
		pairs = append(pairs, [2]string{a, "-2.5"}, [2]string{a, "0"}, [2]string{a, "Infinity"}, [2]string{"10000", a}, [2]string{a, a})
	}
	for _, op := range operations {
		for i, want := range ask(t, conn, op.expression, pairs) {
			x, y := decimal(t, pairs[i][0]), decimal(t, pairs[i][1])
			d, err := op.do(x, y)
			if got := outcome(d, err); got != want {
				t.Errorf("seed %d: %s for x = %s, y = %s: %s (%s), want %s", seed, op.expression, pairs[i][0], pairs[i][1], got, d, want)
			}
		}
	}
}

// The limits of the type itself: a carry over the last digit, the largest scale,
// scales whose sum is beyond it.
func TestLimitsAsPostgreSQL(t *testing.T) {
	conn := oracle(t)
	nines := strings.Repeat("9", 131072)
	pairs := [][2]string{
		{nines, "1"}, {nines, "0.5"}, {nines, nines}, {nines + ".5", "1e-10000"}, {"1e131071", "10"}, {"1e131071", "0.1"}, {"1e-16383", "1e-1"}, {"1e-16383", "1"},
		{"1.5e-16382", "0.1"}, {"1e-8192", "5e-8192"}, {"1e-8192", "4.9e-8191"}, {"-1e131071", "1e131071"}, {"1e-16383", nines}, {nines, "1e-16383"},
	}
	for _, op := range operations {
		if strings.Contains(op.expression, "trim_scale") {
			continue // it works digit by digit, and the other pairs test it
		}
		for i, want := range ask(t, conn, op.expression, pairs) {
			d, err := op.do(decimal(t, pairs[i][0]), decimal(t, pairs[i][1]))
			if got := outcome(d, err); got != want {
				t.Errorf("%s for pair %d: %.100s, want %.100s", op.expression, i, got, want)
			}
		}
	}
}

func TestTextAsPostgreSQL(t *testing.T) {
	conn := oracle(t)
	texts := append([]string{
		"1.", ".5", "-.5e3", "+1e-3", "  12  ", "1e5", "1.50e1", "0e-5", "0e5", "-0", "-0.00", "1e131072", "1e-16384", "0e-16384", "1e999999999", "1e2147483648", "1e-2147483648", "0e2000000000",
		"", " ", ".", "e5", "1e", "1e+", "1e5.", "1 2", "--1", "+-1", "1x", "nan", "NAN", "inf", "+inf", "-INFINITY", "infinit", "+nan", "1e+-5",
	}, corners...)
	for _, text := range texts {
		var want string
		if err := conn.QueryRow(t.Context(), "SELECT try($1, NULL, NULL)", "'"+text+"'::numeric").Scan(&want); err != nil {
			t.Fatal(err)
		}
		if got := outcome(FromString(text)); got != want {
			t.Errorf("FromString(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestBinaryAndTextRoundTrip(t *testing.T) {
	conn := oracle(t)
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		text := random(r)
		var want []byte
		var printed string
		if err := conn.QueryRow(t.Context(), "SELECT numeric_send($1::text::numeric), $1::text::numeric::text", text).Scan(&want, &printed); err != nil {
			t.Fatal(err)
		}
		d, err := Parse(want)
		if err != nil {
			t.Fatalf("seed %d: Parse(%x): %v", seed, want, err)
		}
		if got := d.Binary(); !bytes.Equal(got, want) || d.String() != printed {
			t.Errorf("seed %d: %s is read as %s with bytes %x, want %s with %x", seed, text, d, got, printed, want)
		}
	}
}

func TestCoerceAsPostgreSQL(t *testing.T) {
	conn := oracle(t)
	const seed = 21
	pairs := randomPairs(rand.New(rand.NewPCG(seed, 0)), 200)
	for _, c := range corners {
		pairs = append(pairs, [2]string{c, "0"})
	}
	for _, tt := range []struct{ precision, scale int }{{1, 0}, {5, 2}, {4, 4}, {38, 10}, {1000, 1000}, {12, 0}} {
		mod := int32(tt.precision<<16 | tt.scale + 4)
		expression := "x::numeric(" + FromInt64(int64(tt.precision)).String() + "," + FromInt64(int64(tt.scale)).String() + ")"
		for i, want := range ask(t, conn, expression, pairs) {
			d, err := decimal(t, pairs[i][0]).Coerce(mod)
			if got := outcome(d, err); got != want {
				t.Errorf("seed %d: %s::numeric(%d,%d) = %s, want %s", seed, pairs[i][0], tt.precision, tt.scale, got, want)
			}
		}
	}
}

func TestFloatsAsPostgreSQL(t *testing.T) {
	conn := oracle(t)
	const seed = 31
	r := rand.New(rand.NewPCG(seed, 0))
	floats := []float64{0, 1, -1, 1e20, 1.5e-7, 123456, 0.1, 1e308, 5e-324, math.Inf(1), math.Inf(-1), math.NaN(), 1e15, 999999999999999.5, 123456789012345678}
	for range 200 {
		floats = append(floats, math.Ldexp(r.Float64()-0.5, r.IntN(200)-100))
	}
	for _, x := range floats {
		var wide, narrow []byte
		var back float64
		const query = "SELECT numeric_send($1::float8::numeric), numeric_send($2::float4::numeric), $1::float8::numeric::float8"
		if err := conn.QueryRow(t.Context(), query, x, float32(x)).Scan(&wide, &narrow, &back); err != nil {
			t.Fatal(err)
		}
		d, err := FromFloat64(x)
		if err != nil || !bytes.Equal(d.Binary(), wide) {
			t.Errorf("seed %d: FromFloat64(%g) = %s, %v, want %x", seed, x, d, err, wide)
		}
		if got, ok := d.Float64(); !ok && !math.IsInf(x, 0) && !math.IsNaN(x) || got != back && back == back {
			t.Errorf("seed %d: %s as float8 = %g, want %g", seed, d, got, back)
		}
		if d, err := FromFloat32(float32(x)); err != nil || !bytes.Equal(d.Binary(), narrow) {
			t.Errorf("seed %d: FromFloat32(%g) = %s, %v, want %x", seed, x, d, err, narrow)
		}
	}
}

func TestFloatOutOfRange(t *testing.T) {
	for text, want := range map[string]bool{"1e308": true, "1e309": false, "1e-323": true, "1e-400": false, "0.000": true} {
		if _, ok := decimal(t, text).Float64(); ok != want {
			t.Errorf("%s fits float8: %v, want %v", text, ok, want)
		}
	}
	if _, ok := decimal(t, "1e39").Float32(); ok {
		t.Error("1e39 fits float4")
	}
}

func TestInt64(t *testing.T) {
	for text, want := range map[string]int64{
		"0.5": 1, "-0.5": -1, "0.49": 0, "9223372036854775807.4": math.MaxInt64, "-9223372036854775808.4": math.MinInt64, "123.500": 124, "1e18": 1e18,
	} {
		if got, ok := decimal(t, text).Int64(); !ok || got != want {
			t.Errorf("Int64(%s) = %d, %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"9223372036854775807.5", "-9223372036854775808.5", "1e30", "NaN", "Infinity", "-Infinity"} {
		if got, ok := decimal(t, text).Int64(); ok {
			t.Errorf("Int64(%s) = %d, want none", text, got)
		}
	}
}

func TestParseRefusesOtherBytes(t *testing.T) {
	for _, text := range []string{"", "0001", "0001000000000000", "000100000000000027100000", "00010000000000002710", "00010000000040000001", "00010000800000000001"} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := Parse(b); !errors.Is(err, ErrFormat) {
			t.Errorf("Parse(%s) = %s, %v, want %v", text, d, err, ErrFormat)
		}
	}
}

// A value whose bytes hold more than its scale shows is cut to it, also if it is
// long.
func TestParseCutsHiddenDigits(t *testing.T) {
	for text, want := range map[string]string{
		"0002000000000001" + "0001" + "1388": "1.5", "0001ffff00000001" + "0001": "0.0", "0006000000000001" + "0001" + "138800010001000100ff": "1.5",
	} {
		b, _ := hex.DecodeString(text)
		if d, err := Parse(b); err != nil || d.String() != want {
			t.Errorf("Parse(%s) = %s, %v, want %s", text, d, err, want)
		}
	}
}

func TestRoundRefusesScales(t *testing.T) {
	one := FromInt64(1)
	if _, err := one.Round(2001); !errors.Is(err, ErrScale) {
		t.Errorf("Round(2001) error = %v", err)
	}
	if _, err := one.Trunc(-2001); !errors.Is(err, ErrScale) {
		t.Errorf("Trunc(-2001) error = %v", err)
	}
}

func TestFromBig(t *testing.T) {
	n := big.NewInt(12345)
	d, err := FromBig(n, 2)
	n.SetInt64(0)
	if err != nil || d.String() != "123.45" {
		t.Errorf("FromBig(12345, 2) = %s, %v", d, err)
	}
	if _, err := FromBig(big.NewInt(1), 16384); !errors.Is(err, ErrOverflow) {
		t.Errorf("FromBig of scale 16384: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range corners {
		d, err := FromString(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(d.Binary())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err != nil {
			return
		}
		again, err := Parse(d.Binary())
		if err != nil || !again.Equal(d) || again.Scale() != d.Scale() {
			t.Errorf("%x is %s and comes back as %s, %v", b, d, again, err)
		}
	})
}

// Numbers that fit 64 bits are computed with on a path of their own: it gives what
// the other one gives, up to the last bit before an overflow.
func TestSmallAsBig(t *testing.T) {
	const seed = 77
	r := rand.New(rand.NewPCG(seed, 0))
	edges := []int64{0, 1, -1, 9, 10, 9999, 10000, math.MaxInt64, math.MinInt64, math.MaxInt32, math.MinInt32, 5e17, -5e18, 1e18}
	draw := func() (small, wide Decimal) {
		n := edges[r.IntN(len(edges))] + r.Int64N(3) - 1 // may wrap around
		if r.IntN(2) == 0 {
			n = int64(r.Uint64()) >> r.IntN(64)
		}
		scale := int32(r.IntN(24))
		return Decimal{small: n, scale: scale}, Decimal{big: big.NewInt(n), scale: scale}
	}
	for range 5000 {
		x, wideX := draw()
		y, wideY := draw()
		for _, op := range operations {
			d, err := op.do(x, y)
			e, wideErr := op.do(wideX, wideY)
			if outcome(d, err) != outcome(e, wideErr) {
				t.Errorf("seed %d: %s for x = %s, y = %s: %s, %v, with big numbers %s, %v", seed, op.expression, x, y, d, err, e, wideErr)
			}
		}
		a, okA := x.Int64()
		b, okB := wideX.Int64()
		if a != b || okA != okB || !bytes.Equal(x.Binary(), wideX.Binary()) {
			t.Errorf("seed %d: %s and its big form differ: %d, %d", seed, x, a, b)
		}
	}
}
