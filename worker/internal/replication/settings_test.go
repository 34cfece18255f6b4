package replication

import (
	"errors"
	"fmt"
	"math"
	neturl "net/url"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/pgtest"
)

// plainType makes a type that has no send function and whose text depends on settings:
// another built-in one under a new name.
func plainType(name string) string {
	in, out := name+"in", name+"out"
	arguments := "cstring"
	if name == "timestamptz_" || name == "interval_" {
		arguments = "cstring, oid, int4"
	}
	builtin := map[string]string{"timestamptz_": "timestamptz", "interval_": "interval", "float8": "float8", "cash_": "money", "bytea": "bytea"}[name]
	return fmt.Sprintf(`CREATE TYPE my_%[1]s;
		CREATE FUNCTION my_in(%[4]s) RETURNS my_%[1]s LANGUAGE internal IMMUTABLE STRICT AS '%[2]s';
		CREATE FUNCTION my_out(my_%[1]s) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS '%[3]s';
		CREATE TYPE my_%[1]s (INPUT = my_in(%[4]s), OUTPUT = my_out, LIKE = %[5]s);
		ALTER FUNCTION my_in(%[4]s) RENAME TO my_in_%[1]s; ALTER FUNCTION my_out(my_%[1]s) RENAME TO my_out_%[1]s;`,
		name, in, out, arguments, builtin)
}

// TestSettings gives the database defaults that change the text of values: values
// without a binary form come as they would without them.
func TestSettings(t *testing.T) {
	t.Parallel()
	types := ""
	for _, name := range []string{"timestamptz_", "interval_", "float8", "cash_", "bytea"} {
		types += plainType(name)
	}
	url := publish(t, types+`CREATE TABLE v (t my_timestamptz_, i my_interval_, f my_float8, m my_cash_, b my_bytea, bin float8, a aclitem);
		DO $$ DECLARE s text; BEGIN FOREACH s IN ARRAY ARRAY['extra_float_digits = -15', 'datestyle = ''SQL, DMY''', 'intervalstyle = iso_8601',
			'timezone = ''Asia/Tokyo''', 'bytea_output = escape', 'client_encoding = LATIN1', 'statement_timeout = 1', 'lock_timeout = 1',
			'search_path = pg_temp', 'quote_all_identifiers = on'] LOOP
			EXECUTE format('ALTER DATABASE %I SET ', current_database()) || s; END LOOP; END $$`)
	s := stream(t, url, Config{})
	patient, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	query := patient.Query()
	query.Set("statement_timeout", "0") // from the beginning of the session: one millisecond passes soon
	query.Set("lock_timeout", "0")
	patient.RawQuery = query.Encode()
	pgtest.Exec(t, patient.String(), `SET search_path = public; SET client_encoding = UTF8; SET timezone = 'UTC'; SET datestyle = 'ISO, YMD';
		SET extra_float_digits = 3; INSERT INTO v VALUES ('2026-02-03 04:05:06+00', '1 year 2 mons 3 days 04:05:06', '0.3333333333333333', '$1.50', '\xff00', 0.1, 'postgres=r/postgres')`)
	tx := nextTransaction(t, s)
	for c, err := range tx.Changes() {
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("I v (text:2026-02-03 04:05:06+00 text:1 year 2 mons 3 days 04:05:06 text:0.3333333333333333 text:$1.50 text:\\xff00 %016x text:postgres=r/postgres)", math.Float64bits(0.1))
		if got := changeText(c); got != want {
			t.Errorf("row is\n%s, want\n%s", got, want)
		}
	}
}

// TestRefused checks errors of the server that its data or its owner cause.
func TestRefused(t *testing.T) {
	t.Parallel()
	t.Run("Unsendable", func(t *testing.T) {
		t.Parallel()
		url := publish(t, "CREATE TABLE d (k aclitem[])")
		s := stream(t, url, Config{})
		pgtest.Exec(t, url, "INSERT INTO d VALUES ('{postgres=r/postgres}')")
		if err := failure(t, s); !errors.Is(err, ErrUnsendable) {
			t.Errorf("array of a type without send function: %v, want ErrUnsendable", err)
		}
	})
	t.Run("Publication", func(t *testing.T) {
		t.Parallel()
		url := publish(t, "CREATE TABLE d (k int)")
		s := stream(t, url, Config{Publications: []string{"absent"}})
		pgtest.Exec(t, url, "INSERT INTO d VALUES (1)")
		if pgtest.Server(t).Major() >= 18 { // leaves the publication out, with a warning
			next(t, s, func(k Keepalive) bool { return true })
			return
		}
		if err := failure(t, s); !errors.Is(err, ErrPublication) {
			t.Errorf("publication that is not there: %v, want ErrPublication", err)
		}
	})
	t.Run("Level", func(t *testing.T) {
		t.Parallel()
		server := privateServer(t, map[string]string{"wal_level": "replica"})
		url := privateDatabase(t, server)
		if _, err := EnsureSlot(t.Context(), connect(t, url), slotOf(url)); !errors.Is(err, ErrServer) {
			t.Errorf("wal_level replica: %v, want ErrServer", err)
		}
	})
	t.Run("Config", func(t *testing.T) {
		t.Parallel()
		url := pgtest.Database(t)
		for i, c := range []Config{{}, {Slot: "A", Publications: []string{"p"}}, {Slot: "a"}, {Slot: "a", Publications: []string{"p"}, Memory: -1},
			{Slot: "a", Publications: []string{"p"}, StatusInterval: -time.Second}} {
			if _, err := Start(t.Context(), connect(t, url), c); err == nil || errors.Is(err, ErrSlotLost) {
				t.Errorf("configuration %d: %v, want a refusal", i, err)
			}
		}
	})
}
