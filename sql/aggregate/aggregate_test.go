package aggregate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// since18 are aggregates that older versions do not have.
var since18 = []uint32{6373, 6374, 6395, 6396}

// calls returns the calls that the table of natives stands for, as the server's
// catalog names them.
func calls(t *testing.T, conn *pgx.Conn) []call {
	t.Helper()
	var all []call
	for oid := range builtin {
		c := call{oid: oid}
		const lookup = `SELECT proname, ARRAY(SELECT format_type(u, NULL) FROM unnest(proargtypes) WITH ORDINALITY a(u, i) ORDER BY i)
			FROM pg_proc WHERE oid = $1 AND prokind = 'a' AND pronamespace = 'pg_catalog'::regnamespace`
		err := conn.QueryRow(context.Background(), lookup, oid).Scan(&c.name, &c.types)
		if errors.Is(err, pgx.ErrNoRows) && slices.Contains(since18, oid) {
			continue
		}
		if err != nil {
			t.Fatalf("function %d: %v", oid, err)
		}
		for i, name := range c.types {
			if concrete, ok := map[string]string{
				`"any"`: "integer", "anyarray": "integer[]", "anyenum": "mood", "record": "pair", "text": `text COLLATE "C"`, "character": `bpchar COLLATE "C"`,
			}[name]; ok {
				c.types[i] = concrete
			}
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b call) int { return int(a.oid) - int(b.oid) })
	return all
}

func (c call) factory(t *testing.T) Factory {
	t.Helper()
	s := Spec{Function: c.oid, Star: len(c.types) == 0, Filter: -1}
	for i, name := range c.types {
		s.Args = append(s.Args, Arg{Column: i, Type: types[name]})
	}
	f, err := New(s)
	if err != nil {
		t.Fatalf("%s: %v", c.sql(), err)
	}
	return f
}

// generate returns a value of the type as text. Floats are dyadic: PostgreSQL's own
// sums of them are exact.
func generate(r *rand.Rand, name string) string {
	n := r.IntN(2000) - 1000
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	switch name {
	case "smallint", "integer", "bigint":
		return fmt.Sprint(n)
	case "numeric":
		return pick(fmt.Sprint(n), fmt.Sprintf("%d.%d", n, r.IntN(1000)), fmt.Sprintf("%d.50", n), "1.0", "1.00", "0", "0.00", "123456789012345678901234567890.5")
	case "real", "double precision":
		return pick(fmt.Sprint(float64(n)/8), fmt.Sprint(n), "0", "-0")
	case "money":
		return fmt.Sprintf("%d.%02d", n, r.IntN(100))
	case "interval":
		return pick(fmt.Sprintf("%d mons %d days %d.%06d secs", r.IntN(40)-20, r.IntN(90)-45, n, r.IntN(1000000)), "1 mon", "30 days", "720 hours")
	case "boolean":
		return pick("t", "f")
	case "oid":
		return fmt.Sprint(r.Uint32())
	case "date", "timestamp without time zone", "timestamp with time zone":
		return pick(fmt.Sprintf("%d-0%d-1%d", 1990+r.IntN(40), 1+r.IntN(9), r.IntN(10)), "infinity", "-infinity")
	case "time without time zone":
		return fmt.Sprintf("%02d:%02d:07.%d", r.IntN(24), r.IntN(60), r.IntN(1000))
	case "time with time zone":
		return fmt.Sprintf("%02d:00:00%+03d", r.IntN(24), r.IntN(24)-12)
	case "inet":
		return fmt.Sprintf("10.%d.0.0/%d", r.IntN(4), 16+r.IntN(17))
	case `text COLLATE "C"`, `bpchar COLLATE "C"`:
		return pick("", "a", "b", "ab", "a ", "a  ", "B", "ä", "日本", fmt.Sprint(n))
	case "mood":
		return pick("sad", "ok", "happy")
	case "integer[]":
		return pick("{}", fmt.Sprintf("{%d}", r.IntN(3)), fmt.Sprintf("{%d,NULL}", r.IntN(3)), fmt.Sprintf("{1,%d}", r.IntN(9)))
	case "bytea":
		return fmt.Sprintf(`\x%06x`, r.IntN(1<<24))
	case "pair":
		return fmt.Sprintf("(%d,%s)", r.IntN(3), pick("1", "1.0", "2.5", ""))
	}
	panic("no values of " + name)
}

func (c call) rows(r *rand.Rand, n int) []tuple {
	var rows []tuple
	for range n {
		var t tuple
		for _, name := range c.types {
			v := new(string)
			if *v = generate(r, name); r.IntN(8) == 0 {
				v = nil
			}
			t = append(t, v)
		}
		rows = append(rows, t)
	}
	return rows
}

// TestLaw: for every native aggregate, rows come and go in random order; the state
// is that of a fresh accumulator over the rows that stay, and the result is
// PostgreSQL's.
func TestLaw(t *testing.T) {
	conn := server(t)
	for _, c := range calls(t, conn) {
		seed := uint64(c.oid)
		r := rand.New(rand.NewPCG(seed, 0))
		factory := c.factory(t)
		for _, n := range []int{0, 1, 1, 2, 3, 7, 30} {
			stay, leave := c.rows(r, n), c.rows(r, r.IntN(2*n+3))
			stayValues, leaveValues := c.encode(t, conn, stay), c.encode(t, conn, leave)
			state, fresh := factory(), factory()
			changes := make([]func(), 0)
			for _, v := range stayValues {
				fresh.Add(v, 1)
				changes = append(changes, func() { state.Add(v, 3) }, func() { state.Add(v, -2) })
			}
			for _, v := range leaveValues {
				w := int64(1 + r.IntN(5))
				changes = append(changes, func() { state.Add(v, w) }, func() { state.Add(v, 1-w) }, func() { state.Add(v, -1) })
			}
			r.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
			for _, change := range changes {
				change()
			}
			if a, b := saved(t, state), saved(t, fresh); !bytes.Equal(a, b) {
				t.Errorf("seed %d: %s over %s: state %x, of a fresh one %x", seed, c.sql(), show(stay), a, b)
			}
			c.check(t, conn, state, stay)
			c.check(t, conn, c.reload(t, state), stay)
		}
	}
}

// reload returns what is loaded of the saved state, and that all of it is needed.
func (c call) reload(t *testing.T, state Accumulator) Accumulator {
	t.Helper()
	b := saved(t, state)
	loaded := c.factory(t)()
	if err := loaded.Load(zset.NewReader(bytes.NewReader(b))); err != nil {
		t.Errorf("%s: Load: %v", c.sql(), err)
	}
	if again := saved(t, loaded); !bytes.Equal(again, b) {
		t.Errorf("%s: state %x comes back as %x", c.sql(), b, again)
	}
	if err := c.factory(t)().Load(zset.NewReader(bytes.NewReader(b[:len(b)-1]))); err == nil {
		t.Errorf("%s: a state that is cut short loads", c.sql())
	}
	if state.Bytes() <= 0 || loaded.Bytes() <= 0 {
		t.Errorf("%s: %d bytes", c.sql(), state.Bytes())
	}
	return loaded
}

// check compares the result with PostgreSQL's.
func (c call) check(t *testing.T, conn *pgx.Conn, a Accumulator, rows []tuple) {
	t.Helper()
	want, message := c.ask(t, conn, rows)
	got, err := a.Result()
	if err != nil || message != "" {
		if err == nil || err.Error() != message {
			t.Errorf("%s over %s: error %v, want %q", c.sql(), show(rows), err, message)
		}
		return
	}
	if c.same(got, want) {
		return
	}
	t.Errorf("%s over %s = %x, want %x", c.sql(), show(rows), got, want)
}

// same compares two results, bit for bit but for what rounding does to variances and
// regressions, and for which of several equal values min and max return.
func (c call) same(got, want row.Value) bool {
	if (got == nil) != (want == nil) {
		return false
	}
	if bytes.Equal(got, want) || got == nil {
		return true
	}
	if c.name == "min" || c.name == "max" {
		typ := types[c.types[0]]
		return bytes.Equal(typ.AppendKey(nil, got), typ.AppendKey(nil, want))
	}
	if c.name == "sum" && (c.types[0] == "real" || c.types[0] == "double precision") {
		// PostgreSQL's own NaN may have other bits: those of the processor.
		x := types[c.types[0]].AppendKey(nil, got)
		return (bytes.Equal(got, row.Float8Value(nan)) || bytes.Equal(got, row.Float4Value(float32(nan)))) && bytes.Equal(x, types[c.types[0]].AppendKey(nil, want))
	}
	if strings.HasPrefix(c.types[0], "double") || c.types[0] == "real" {
		return close(got, want)
	}
	return false
}

func close(got, want row.Value) bool {
	if len(got) != 8 || len(want) != 8 {
		return false
	}
	a, b := got.Float8(), want.Float8()
	return math.Float64bits(a) == math.Float64bits(nan) && math.IsNaN(b) || math.Abs(a-b) <= 1e-11*max(math.Abs(b), 1)
}

func TestNotNative(t *testing.T) {
	collated := &row.Type{Kind: row.Text}
	for _, s := range []Spec{
		{Function: 3538},  // string_agg
		{Function: 2335},  // array_agg
		{Function: 2242},  // bit_and(bit)
		{Function: 2797},  // max(tid)
		{Function: 16384}, // a user's
		{Function: 2129, Args: []Arg{{Type: collated}}},
		{Function: 2050, Args: []Arg{{Type: &row.Type{Kind: row.Array, Elem: collated}}}},
	} {
		if _, err := New(s); !errors.Is(err, ErrNotNative) {
			t.Errorf("New(%d) error = %v, want %v", s.Function, err, ErrNotNative)
		}
	}
}
