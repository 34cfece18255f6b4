package aggregate

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/millrace/millrace/sql/row"
)

// texts makes a tuple.
func texts(values ...string) tuple {
	var t tuple
	for _, v := range values {
		t = append(t, &v)
	}
	return t
}

// NaN and the infinities, large and small values, alone and together, come and go.
func TestNotFiniteAsPostgreSQL(t *testing.T) {
	conn := server(t)
	values := map[string][]string{
		"real": {"NaN", "Infinity", "-Infinity", "1", "1.5"}, "double precision": {"NaN", "Infinity", "-Infinity", "1", "1.5"},
		"numeric": {"NaN", "Infinity", "-Infinity", "1", "1.50"},
	}
	for _, c := range calls(t, conn) {
		if len(c.types) == 0 || values[c.types[0]] == nil {
			continue
		}
		seed := uint64(c.oid)
		r := rand.New(rand.NewPCG(seed, 1))
		for range 25 {
			var stay, leave []tuple
			for range 1 + r.IntN(4) {
				for _, to := range []*[]tuple{&stay, &leave} {
					var row tuple
					for _, name := range c.types {
						row = append(row, texts(values[name][r.IntN(5)])...)
					}
					*to = append(*to, row)
				}
			}
			state, fresh := c.factory(t)(), c.factory(t)()
			for _, v := range c.encode(t, conn, leave) {
				state.Add(v, 1)
			}
			for _, v := range c.encode(t, conn, stay) {
				state.Add(v, 1)
				fresh.Add(v, 1)
			}
			for _, v := range c.encode(t, conn, leave) {
				state.Add(v, -1)
			}
			if !bytes.Equal(saved(t, state), saved(t, fresh)) {
				t.Errorf("seed %d: %s: taking %s out of %s left something", seed, c.sql(), show(leave), show(stay))
			}
			c.check(t, conn, state, stay)
		}
	}
}

// Results out of range are PostgreSQL's errors, and go with the rows.
func TestOverflowAsPostgreSQL(t *testing.T) {
	conn := server(t)
	nines := "9e131071"
	for _, tt := range []struct {
		c       call
		rows    []tuple
		message string
	}{
		{call{2111, "sum", []string{"double precision"}}, []tuple{texts("1.7e308"), texts("1.7e308")}, ErrOverflow.Error()},
		{call{2105, "avg", []string{"double precision"}}, []tuple{texts("1.7e308"), texts("1.7e308")}, ErrOverflow.Error()},
		{call{2110, "sum", []string{"real"}}, []tuple{texts("3e38"), texts("3e38")}, ErrOverflow.Error()},
		{call{2152, "variance", []string{"double precision"}}, []tuple{texts("1e200"), texts("-1e200")}, ErrOverflow.Error()},
		{call{2828, "covar_samp", []string{"double precision", "double precision"}}, []tuple{texts("1e200", "1e200"), texts("-1e200", "1")}, ErrOverflow.Error()},
		{call{2114, "sum", []string{"numeric"}}, []tuple{texts(nines), texts(nines)}, "value overflows numeric format"},
		{call{2103, "avg", []string{"numeric"}}, []tuple{texts(nines), texts(nines)}, "value overflows numeric format"},
		{call{2113, "sum", []string{"interval"}}, []tuple{texts("178000000 years"), texts("178000000 years")}, ErrIntervalRange.Error()},
		{call{2113, "sum", []string{"interval"}}, []tuple{texts("2147483000 days"), texts("2147483000 days")}, ErrIntervalRange.Error()},
		{call{2106, "avg", []string{"interval"}}, []tuple{texts("178000000 years"), texts("178000000 years")}, ErrIntervalRange.Error()},
	} {
		state := tt.c.factory(t)()
		values := tt.c.encode(t, conn, tt.rows)
		for _, v := range values {
			state.Add(v, 1)
		}
		if _, err := state.Result(); err == nil || err.Error() != tt.message {
			t.Errorf("%s error = %v, want %s", tt.c.sql(), err, tt.message)
		}
		tt.c.check(t, conn, state, tt.rows)
		state.Add(values[0], -1)
		tt.c.check(t, conn, state, tt.rows[1:])
	}
}

// Sums of integers that PostgreSQL may wrap around are errors.
func TestIntegerRange(t *testing.T) {
	for _, tt := range []struct {
		function uint32
		typ      *row.Type
		value    row.Value
		want     error
	}{
		{2108, types["integer"], row.Int4Value(math.MinInt32), ErrBigintRange},
		{2109, types["smallint"], row.Int2Value(math.MaxInt16), ErrBigintRange},
		{2112, types["money"], row.Int8Value(math.MaxInt64), ErrMoneyRange},
	} {
		f, err := New(Spec{Function: tt.function, Args: []Arg{{Type: tt.typ}}})
		if err != nil {
			t.Fatal(err)
		}
		a := f()
		a.Add([]row.Value{tt.value}, math.MaxInt64)
		a.Add([]row.Value{tt.value}, math.MaxInt64)
		if _, err := a.Result(); err != tt.want {
			t.Errorf("function %d: error %v, want %v", tt.function, err, tt.want)
		}
		a.Add([]row.Value{tt.value}, -math.MaxInt64)
		a.Add([]row.Value{tt.value}, 1-math.MaxInt64)
		if v, err := a.Result(); err != nil || tt.function == 2112 && v.Int8() != math.MaxInt64 {
			t.Errorf("function %d: %x, %v after the rows went", tt.function, v, err)
		}
	}
}

// The average of intervals takes PostgreSQL's steps of rounding.
func TestIntervalAverageAsPostgreSQL(t *testing.T) {
	conn := server(t)
	const seed = 17
	r := rand.New(rand.NewPCG(seed, 0))
	c := call{2106, "avg", []string{"interval"}}
	for range 300 {
		var rows []tuple
		size := []int{3, 100, 100000}[r.IntN(3)]
		for range 1 + r.IntN(13) {
			rows = append(rows, texts(fmt.Sprintf("%d mons %d days %d.%06d secs", r.IntN(2*size)-size, r.IntN(2*size)-size, r.IntN(2*size)-size, r.IntN(1e6))))
		}
		state := c.factory(t)()
		for _, v := range c.encode(t, conn, rows) {
			state.Add(v, 1)
		}
		c.check(t, conn, state, rows)
	}
}

// An infinite interval, since version 17, wins over all but its opposite.
func TestInfiniteIntervals(t *testing.T) {
	conn := server(t)
	var version int
	if err := conn.QueryRow(t.Context(), "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		t.Fatal(err)
	}
	plus, minus, day := row.IntervalValue(plusInterval), row.IntervalValue(minusInterval), row.IntervalValue(row.IntervalParts{Days: 1})
	texts := map[string]row.Value{"infinity": plus, "-infinity": minus, "1 day": day}
	for _, names := range [][]string{{"infinity"}, {"-infinity", "1 day"}, {"infinity", "-infinity"}, {"infinity", "infinity", "1 day"}} {
		for oid, name := range map[uint32]string{2106: "avg", 2113: "sum"} {
			c := call{oid, name, []string{"interval"}}
			state := c.factory(t)()
			var rows []tuple
			for _, n := range names {
				state.Add([]row.Value{texts[n]}, 1)
				rows = append(rows, tuple{&n})
			}
			if version >= 170000 {
				c.check(t, conn, state, rows)
			}
			got, err := state.Result()
			both := slices.Contains(names, "infinity") && slices.Contains(names, "-infinity")
			if both != (err != nil) || !both && !bytes.Equal(got, texts[names[0]]) {
				t.Errorf("%s of %q = %x, %v", name, names, got, err)
			}
		}
	}
}

// A large value that goes leaves the small ones as they were.
func TestLargeInAndOut(t *testing.T) {
	for _, oid := range []uint32{2111, 2105, 2152, 2158} {
		f, err := New(Spec{Function: oid, Args: []Arg{{Type: types["double precision"]}}})
		if err != nil {
			t.Fatal(err)
		}
		a, fresh := f(), f()
		for _, x := range []float64{0.1, 0.2, 0.30000000000000004} {
			a.Add([]row.Value{row.Float8Value(x)}, 1)
			fresh.Add([]row.Value{row.Float8Value(x)}, 1)
		}
		for _, large := range []float64{1e17, 1e300, -1.7e308, 5e-324, math.NaN(), math.Inf(1)} {
			a.Add([]row.Value{row.Float8Value(large)}, 7)
			a.Add([]row.Value{row.Float8Value(large)}, -7)
		}
		got, err1 := a.Result()
		want, err2 := fresh.Result()
		if err1 != nil || err2 != nil || !bytes.Equal(got, want) || !bytes.Equal(saved(t, a), saved(t, fresh)) {
			t.Errorf("function %d: %x, %v, want %x, %v", oid, got, err1, want, err2)
		}
	}
}
