package numeric

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// oracle connects to PostgreSQL, with a function that evaluates an expression over
// x and y and returns its value's bytes, or the error's text.
func oracle(t *testing.T) *pgx.Conn {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) })
	const try = `CREATE FUNCTION try(expression text, x numeric, y numeric) RETURNS text LANGUAGE plpgsql AS $$
		DECLARE result text;
		BEGIN
			EXECUTE 'SELECT encode(numeric_send(' || expression || '), ''hex'') FROM (SELECT $1 AS x, $2 AS y) s' INTO result USING x, y;
			RETURN result;
		EXCEPTION WHEN OTHERS THEN
			RETURN SQLERRM;
		END $$`
	if _, err := conn.Exec(ctx, try); err != nil {
		t.Fatal(err)
	}
	return conn
}

// ask evaluates the expression for each pair.
func ask(t *testing.T, conn *pgx.Conn, expression string, pairs [][2]string) []string {
	t.Helper()
	var x, y []string
	for _, p := range pairs {
		x, y = append(x, p[0]), append(y, p[1])
	}
	const all = `SELECT try($1, x::numeric, y::numeric) FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS p(x, y, i) ORDER BY i`
	rows, err := conn.Query(context.Background(), all, expression, x, y)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

// outcome is what ask returns for our result.
func outcome(d Decimal, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%x", d.Binary())
}

func decimal(t *testing.T, s string) Decimal {
	t.Helper()
	d, err := FromString(s)
	if err != nil {
		t.Fatalf("FromString(%q): %v", s, err)
	}
	return d
}

// corners are operands where a rule changes: group borders, ties, limits, signs.
var corners = []string{
	"0", "0.000", "1", "-1", "1.0", "10", "9999", "10000", "10001", "99999999", "100000000", "0.0001", "0.00009999", "0.5", "-0.5", "1.5", "2.5", "-2.5", "0.05", "2", "3", "-7", "7.000",
	"9223372036854775807", "-9223372036854775808", "9223372036854775808", "922337203685477580.7", "1e18", "1e19", "1e-20", "1e-100", "1e100", "123456789012345678901234567890.123456789", "-99999999999999999999.5",
	"NaN", "Infinity", "-Infinity", "1e1000", "1e-1000", "4999.9999", "0.99995",
}

// random returns an operand of random size, scale and sign.
func random(r *rand.Rand) string {
	if r.IntN(8) == 0 {
		return corners[r.IntN(len(corners))]
	}
	var b strings.Builder
	if r.IntN(2) == 0 {
		b.WriteByte('-')
	}
	digits := func(n int) {
		for range n {
			d := r.IntN(10)
			if r.IntN(3) == 0 {
				d = 9 * r.IntN(2) // runs of zeros and nines
			}
			b.WriteByte(byte('0' + d))
		}
	}
	size := 1 + r.IntN(12)
	if r.IntN(5) == 0 {
		size = 1 + r.IntN(60)
	}
	digits(size)
	if r.IntN(3) > 0 {
		b.WriteByte('.')
		digits(1 + r.IntN(size+6))
	}
	return b.String()
}

func randomPairs(r *rand.Rand, n int) [][2]string {
	var pairs [][2]string
	for range n {
		pairs = append(pairs, [2]string{random(r), random(r)})
	}
	return pairs
}
