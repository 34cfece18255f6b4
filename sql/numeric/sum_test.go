package numeric

import (
	"bytes"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// aggregates pairs what a sum answers with PostgreSQL's aggregates.
var aggregates = []struct {
	expression string
	of         func(s *Sum, m *Moments) (Decimal, error)
}{
	{"sum(v)", func(s *Sum, _ *Moments) (Decimal, error) { return s.Total() }},
	{"avg(v)", func(s *Sum, _ *Moments) (Decimal, error) { return s.Avg() }},
	{"var_pop(v)", func(_ *Sum, m *Moments) (Decimal, error) { return m.Variance(false) }},
	{"var_samp(v)", func(_ *Sum, m *Moments) (Decimal, error) { return m.Variance(true) }},
	{"stddev_pop(v)", func(_ *Sum, m *Moments) (Decimal, error) { return m.StdDev(false) }},
	{"stddev_samp(v)", func(_ *Sum, m *Moments) (Decimal, error) { return m.StdDev(true) }},
}

// Sums over random values, half of them taken out again, are the same bytes as sums
// over the rest, and answer as PostgreSQL does.
func TestSumAsPostgreSQL(t *testing.T) {
	conn := oracle(t)
	const seed = 3
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 60 {
		var stay, leave []string
		for range 2 + r.IntN(12) {
			stay, leave = append(stay, operand(r, round)), append(leave, operand(r, round+1))
		}
		var s, fresh Sum
		var m, freshM Moments
		for i := range stay {
			s.Add(decimal(t, leave[i]), 2)
			s.Add(decimal(t, stay[i]), 1)
			m.Add(decimal(t, leave[i]), 1)
			m.Add(decimal(t, stay[i]), 1)
			fresh.Add(decimal(t, stay[i]), 1)
			freshM.Add(decimal(t, stay[i]), 1)
		}
		for i := range leave {
			s.Add(decimal(t, leave[i]), -2)
			m.Add(decimal(t, leave[i]), -1)
		}
		if !bytes.Equal(s.Append(nil), fresh.Append(nil)) || !bytes.Equal(m.Append(nil), freshM.Append(nil)) {
			t.Errorf("seed %d: taking %q out of %q left something", seed, leave, stay)
		}
		for _, a := range aggregates {
			var want string
			row := conn.QueryRow(t.Context(), "SELECT encode(numeric_send("+a.expression+"), 'hex') FROM unnest($1::text[]::numeric[]) v", stay)
			if err := row.Scan(&want); err != nil {
				t.Fatal(err)
			}
			d, err := a.of(&s, &m)
			if got := outcome(d, err); got != want {
				t.Errorf("seed %d: %s over %q = %s (%s), want %s", seed, a.expression, stay, got, d, want)
			}
		}
	}
}

// operand is random; in most rounds it is finite, in some all have one scale.
func operand(r *rand.Rand, round int) string {
	if round%4 == 0 {
		return big.NewInt(r.Int64N(2e6)-1e6).String() + ".25"
	}
	for {
		s := random(r)
		if d, _ := FromString(s); d.IsFinite() || round%5 == 0 {
			return s
		}
	}
}

// 128 bits are not enough, and become enough again.
func TestIntLeavesAndReturns(t *testing.T) {
	const seed = 9
	r := rand.New(rand.NewPCG(seed, 0))
	edges := []int64{math.MinInt64, math.MaxInt64, -1, 0, 1}
	var n Int
	want := new(big.Int)
	var terms [][2]int64
	add := func(x, w int64) {
		n.AddMul(x, w)
		want.Add(want, new(big.Int).Mul(big.NewInt(x), big.NewInt(w)))
		if n.Big().Cmp(want) != 0 {
			t.Fatalf("seed %d: sum = %s, want %s", seed, n.Big(), want)
		}
		var fresh Int
		fresh.AddBig(want, 1)
		if !bytes.Equal(fresh.Append(nil), n.Append(nil)) {
			t.Fatalf("seed %d: the form of %s depends on the way to it", seed, want)
		}
		var loaded Int
		if rest, err := loaded.Consume(append(n.Append(nil), 7)); err != nil || len(rest) != 1 || loaded.Big().Cmp(want) != 0 {
			t.Fatalf("seed %d: %s loads as %s, %v", seed, want, loaded.Big(), err)
		}
	}
	for range 400 {
		x, w := int64(r.Uint64()), int64(r.Uint64())
		if r.IntN(2) == 0 {
			x, w = edges[r.IntN(len(edges))], edges[r.IntN(len(edges))]
		}
		terms = append(terms, [2]int64{x, w})
		add(x, w)
	}
	for _, term := range terms {
		if term[1] != math.MinInt64 {
			add(term[0], -term[1])
			continue
		}
		add(term[0], math.MaxInt64)
		add(term[0], 1)
	}
	if !n.IsZero() {
		t.Errorf("seed %d: %s is left", seed, n.Big())
	}
}

func TestStateRoundTrip(t *testing.T) {
	var m Moments
	for _, c := range corners {
		m.Add(decimal(t, c), 3)
	}
	state := m.Append(nil)
	var loaded Moments
	rest, err := loaded.Consume(append(bytes.Clone(state), 1, 2))
	if err != nil || !bytes.Equal(rest, []byte{1, 2}) || !bytes.Equal(loaded.Append(nil), state) {
		t.Errorf("state comes back as %x with rest %x, %v", loaded.Append(nil), rest, err)
	}
	for n := range state {
		if _, err := new(Moments).Consume(state[:n]); !errors.Is(err, ErrState) {
			t.Fatalf("%d of %d bytes: %v, want %v", n, len(state), err, ErrState)
		}
	}
}

// The sum of two numbers in range may be out of it, and comes back.
func TestSumOverflow(t *testing.T) {
	var s Sum
	large := decimal(t, "9e131071")
	s.Add(large, 2)
	if _, err := s.Total(); !errors.Is(err, ErrOverflow) {
		t.Errorf("Total error = %v, want %v", err, ErrOverflow)
	}
	if _, err := s.Avg(); !errors.Is(err, ErrOverflow) {
		t.Errorf("Avg error = %v, want %v", err, ErrOverflow)
	}
	s.Add(large, -1)
	if d, err := s.Total(); err != nil || !d.Equal(large) {
		t.Errorf("Total error = %v after the overflow went", err)
	}
}
