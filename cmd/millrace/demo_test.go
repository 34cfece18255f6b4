package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/cmd/millrace/internal/session"
	"github.com/millrace/millrace/internal/pgtest"
)

// TestDemo runs the demonstration. Its numbers are those that R gives: lm(mpg ~ wt +
// hp, mtcars), and arima(log(AirPassengers), c(0,1,1), seasonal = c(0,1,1)).
func TestDemo(t *testing.T) {
	t.Parallel()
	began := time.Now()
	out := succeed(t, "demo")
	if took := time.Since(began); took > 3*time.Minute {
		t.Errorf("the demonstration took %v, want at most three minutes", took)
	}
	for _, want := range []string{
		"millrace=> SELECT output, rows_out, rows_used\nmillrace-> FROM ml.knn(",
		" wt          |  -3.8778 |    0.6327 |       -6.13 |",
		" ma1  |  -0.4018 |", " sma1 |  -0.5569 |",
		"millrace=*> ROLLBACK;\nROLLBACK\n",
		" gone\n------\n t\n(1 row)\n",
		"SELECT view, rows, state\nmillrace-> FROM ml.create_view('sales_by_city'",
		"\n Bergen |", "1e+300", " sales_by_city | live  |    2 |",
		"SELECT madlib.linregr_train(", "{37.2272", "SELECT madlib.arima_train(",
		"The database is removed now.",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the demonstration lacks %q:\n%s", want, out)
		}
	}
}

// TestDemoKeep leaves the database running, and removes it after Ctrl-C.
func TestDemoKeep(t *testing.T) {
	t.Parallel()
	r := launch(t, nil, "demo", "--keep")
	text := strings.Join(await(t, r.stdout, "Ctrl-C stops the database"), "\n")
	m := regexp.MustCompile(`psql '([^']+)'`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no command for psql in\n%s", text)
	}
	var dir string
	conn := pgtest.Connect(t, m[1])
	err := conn.QueryRow(t.Context(), "SELECT split_part(option_value, '/', 3) FROM pg_foreign_server, pg_options_to_table(srvoptions) WHERE option_name = 'host'").Scan(&dir)
	if err != nil {
		t.Fatal(err)
	}
	if o := r.stop(t, syscall.SIGINT); o.code != 0 {
		t.Errorf("demo --keep ended with %d and\n%s", o.code, o.stderr)
	}
	if left, err := filepath.Glob("/tmp/" + dir); err != nil || len(left) > 0 || !strings.HasPrefix(dir, "millrace-demo-") {
		t.Errorf("folder %q is still there: %v, %v", dir, left, err)
	}
}

// TestDemoScripts checks that every statement is shown whole.
func TestDemoScripts(t *testing.T) {
	t.Parallel()
	for _, script := range []string{demoScript, demoViewScript, demoMadlibScript} {
		for _, step := range session.Parse(script) {
			if !strings.HasSuffix(step.SQL, ";") || strings.Contains(step.SQL, "--") {
				t.Errorf("statement without its end, or with a remark inside: %q", step.SQL)
			}
		}
	}
}
