package pushdown

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

func TestParseExpression(t *testing.T) {
	for _, tt := range []struct {
		text string
		ok   bool
	}{
		{"x", true}, {`"My ""Col"""`, true}, {"a + b * 2", true}, {"ln(x + 1)", true}, {"ARRAY[a, b]", true}, {"CASE WHEN a > 1 THEN 'it''s' END", true}, {"x::numeric(8, 2)", true},
		{"E'a\\'b' || c", true}, {"$$a;b$$", true}, {"extract(epoch FROM ts)", true}, {`x IN (1, 2)`, true}, {`"select"`, true}, {"a[1:2]", true}, {"f(a => 1)", true}, {"position('a' in b)", true},
		{"", false}, {" ", false}, {"a, b", false}, {"a;", false}, {"a --", false}, {"a /* */", false}, {"(a", false}, {"a)", false}, {"(a]", false}, {"a) FROM secret WHERE (true", false}, {"$1", false},
		{"(SELECT 1)", false}, {"( table t)", false}, {"(values (1))", false}, {"ARRAY(with x as (table t) table x)", false}, {"a union b", false}, {"a INTO b", false}, {"select", false}, {"'a' 'b'", false}, {"'a\\'", false}, {"U&'a'", false},
	} {
		e, err := ParseExpression(tt.text)
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrExpression) {
			t.Errorf("ParseExpression(%q) error = %v, want ok: %v", tt.text, err, tt.ok)
		}
		if err == nil && e.Text != tt.text {
			t.Errorf("ParseExpression(%q) keeps %q", tt.text, e.Text)
		}
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]bool{
		"x": true, `"X y"`: true, "ARRAY[a, b]": true, "array[a]": true, `ARRAY["a b", c]`: true, "current_user": false, "user": false, "localtime": false, "ARRAY[a, user]": false, "ARRAY[a + b]": false,
		"a + b": false, "a::int": false, "f(x)": false, "ARRAY[]": false, "ARRAY[a,]": false, "ARRAY[a b]": false, "ARRAY[ARRAY[a]]": false, "t.x": false, "1": false, "null": false, "current_schema": false,
	} {
		e, err := ParseExpression(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if e.Plain() != want {
			t.Errorf("%q is plain: %v, want %v", text, e.Plain(), want)
		}
	}
}

func TestNamesClock(t *testing.T) {
	for text, want := range map[string]bool{
		"x + 1": false, "ts - 'now'::timestamptz": true, "ts > ' Today '": true, "date 'yesterday'": true, "$$tomorrow$$::date": true, "E'NOW'::timestamptz": true, "x = 'knows'": true, "now": false, "date '2026-01-01'": false,
	} {
		e, err := ParseExpression(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if e.NamesClock() != want {
			t.Errorf("%q names the clock: %v, want %v", text, e.NamesClock(), want)
		}
	}
}

// TestCheckForeign holds another role's expressions to columns, operators and
// functions without a schema, and to casts to plain types.
func TestCheckForeign(t *testing.T) {
	for text, want := range map[string]bool{
		"x": true, "ln(x) + 2 * y": true, `"X y" > 3`: true, "x::float8": true, "CAST(x AS numeric(8, 2))": true, "a = 'b'": true, "ts AT TIME ZONE 'UTC'": true, "x BETWEEN 1 AND 2": true, "date '2026-01-01'": true,
		"public.f(x)": false, "t.x": false, "x.f": false, "pg_catalog.lower(x)": false, "x OPERATOR(public.+) y": false, "x::public.evil": false, "x::evil": false, `x::"text"`: false, "CAST(x AS evil)": false, `CAST(x AS "text")`: false,
		"evil 'x'": false, "regclass 'secret'": false, `"text" 'x'`: false, `x COLLATE "evil"`: false, "(x).f": false, "x::regclass": false, "x::json": false, "xml '<a/>'": false, "evil E'x'": false, "evil $$x$$": false,
	} {
		e, err := ParseExpression(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if err := e.CheckForeign(); (err == nil) != want || err != nil && !errors.Is(err, ErrForeign) {
			t.Errorf("CheckForeign of %q: %v, want allowed: %v", text, err, want)
		}
	}
	e, err := ParseExpression(`"f g"(x) + ln(y) * greatest(a, b)`)
	if got := strings.Join(e.Functions(), ","); err != nil || got != "f g,ln" {
		t.Errorf("functions %q, %v; want f g, ln", got, err)
	}
}

// TestChoose has each fact that speaks against the readers decide alone.
func TestChoose(t *testing.T) {
	call := Call{Reader: true, Exported: true, PlainOnly: true}
	if path, why := Choose(Facts{Isolation: "read committed"}, call); path != Snapshot {
		t.Errorf("without a fact against it: %s because %s, want snapshot", path, why)
	}
	for _, tt := range []struct {
		name   string
		change func(*Facts, *Call)
		want   Path
	}{
		{"Subtransaction", func(_ *Facts, c *Call) { c.Subtransaction = true }, Session},
		{"Serializable", func(f *Facts, _ *Call) { f.Isolation = "serializable" }, Session},
		{"RepeatableRead", func(f *Facts, _ *Call) { f.Isolation = "repeatable read" }, Snapshot},
		{"Temporary", func(f *Facts, _ *Call) { f.Temporary = true }, Session},
		{"RowSecurity", func(f *Facts, _ *Call) { f.RowSecurity = true }, Session},
		{"OwnLocks", func(f *Facts, _ *Call) { f.OwnLocks = true }, Session},
		{"SessionFunctions", func(f *Facts, _ *Call) { f.SessionFunctions = true }, Session},
		{"Views", func(f *Facts, _ *Call) { f.Views = true }, Snapshot},
		{"Wrote", func(f *Facts, _ *Call) { f.Wrote = true }, Snapshot},
		{"WroteAndViews", func(f *Facts, _ *Call) { f.Wrote, f.Views = true, true }, Session},
		{"WroteAndExpression", func(f *Facts, c *Call) { f.Wrote, c.PlainOnly = true, false }, Session},
		{"Expression", func(_ *Facts, c *Call) { c.PlainOnly = false }, Snapshot},
		{"Superuser", func(f *Facts, c *Call) { f.Superuser, c.Reader = true, false }, Session},
		{"SuperuserWithReader", func(f *Facts, _ *Call) { f.Superuser = true }, Snapshot},
		{"NoReader", func(_ *Facts, c *Call) { c.Reader = false }, Session},
		{"NotExported", func(_ *Facts, c *Call) { c.Exported = false }, Session},
	} {
		f, c := Facts{Isolation: "read committed"}, call
		tt.change(&f, &c)
		path, why := Choose(f, c)
		if path != tt.want || (path == Session) != (why != "") {
			t.Errorf("%s: %s because %q, want %s", tt.name, path, why, tt.want)
		}
	}
}

// seeds are the beginnings of the attack: texts, accepted or not, that touch the
// rules of ParseExpression.
var seeds = []string{
	"x", "x) FROM secret --", "(SELECT n FROM secret)", "EXISTS(TABLE secret)", "x; SELECT n FROM secret", "$$x$$", "'a' || $q$;$q$", "E'\\'' || x", `"x"`, "ARRAY[x, (VALUES (1))]", "x::text", "x IN (1, 2)",
	"JSON_ARRAY(TABLE secret)", "CASE WHEN true THEN x END", "(x).n", "secret.n", "n(secret)", "ROW(x, secret)", "x COLLATE \"C\"", "x AT TIME ZONE 'UTC'", "xmlelement(name a, x)", "x IS NOT NULL", "a\u00a0b", "x$$", "1e5", "0x1F", "x /* */", "x-- ", "x - -1",
	"sum(x) OVER (PARTITION BY x)", "query_to_xml('SELECT n FROM secret', true, true, '')", "x||'--'||'/*'", "x<-1", "x @-- 1", "x */ 2", "x /*", "((((x))))", "(x]", "x ORDER BY 1", "x FROM secret", "*", "t.*", "DISTINCT x", "x AS y", "VARIADIC x",
}

// FuzzExpressionOnServer puts every accepted text where the worker puts it, as a
// role that may read t and not secret: whatever the text is, PostgreSQL sees one
// statement that reads t alone. Reading secret would be permission denied for
// that table; a second statement, a second command tag.
func FuzzExpressionOnServer(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	conn := attackServer(f)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseExpression(text)
		if err != nil || strings.ContainsRune(text, 0) || strings.Contains(text, "sleep") || strings.Contains(text, "to_xml") {
			return // a function of pg_catalog that runs a query text is the caller's own query
		}
		for _, off := range []string{"on", "off"} {
			sql := fmt.Sprintf("SELECT (%s)::pg_catalog.text AS c1 FROM public.t WHERE false AND ((%[1]s) IS NULL)", e.Text)
			checkOneStatement(t, conn, off, sql, text)
		}
	})
}

// attackServer makes a database with the two tables and connects as the role.
func attackServer(f *testing.F) *pgx.Conn {
	address := pgtest.Database(f)
	role, password := pgtest.Role(f, "fuzzer", "LOGIN")
	pgtest.Exec(f, address, "CREATE TABLE public.t (x float8); INSERT INTO public.t VALUES (1); CREATE TABLE public.secret (n float8); GRANT SELECT ON public.t TO "+role)
	config, err := pgx.ParseConfig(address)
	if err != nil {
		f.Fatal(err)
	}
	config.User, config.Password = role, password
	config.RuntimeParams["statement_timeout"] = "5s"
	config.RuntimeParams["escape_string_warning"] = "off"
	conn, err := pgx.ConnectConfig(f.Context(), config)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = conn.Close(f.Context()) })
	return conn
}

func checkOneStatement(t *testing.T, conn *pgx.Conn, conforming, sql, text string) {
	t.Helper()
	if _, err := conn.PgConn().Exec(t.Context(), "SET standard_conforming_strings = "+conforming).ReadAll(); err != nil {
		t.Fatal(err)
	}
	results, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	if len(results) > 1 {
		t.Fatalf("%q runs %d statements", text, len(results))
	}
	if err == nil {
		if got := results[0].CommandTag.String(); got != "SELECT 0" && got != "SELECT 1" {
			t.Fatalf("%q does %s", text, got)
		}
		return
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		t.Fatalf("%q breaks the connection: %v", text, err)
	}
	if strings.Contains(pg.Message, "secret") && pg.Code == "42501" {
		t.Fatalf("%q reaches the secret table: %v", text, err)
	}
}
