package views_test

import (
	"bytes"
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/bench/views"
	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Run(m) }

// small is a configuration that ends within seconds.
func small(t *testing.T) views.Config {
	t.Helper()
	e := milltest.Install(t)
	role, url := e.Role(t, "owner")
	e.Config.StateDir = t.TempDir()
	return views.Config{
		Owner: url, Schema: role, Admin: e.AdminURL, Rows: 1000, Rounds: 2, Changes: 400, Writers: 2,
		Slice: 200 * time.Millisecond, Rate: 200, Span: 500 * time.Millisecond, Scale: 0.0005,
		Start: func(context.Context) (func() error, error) {
			stop := e.Run(t)
			return func() error { stop(); return nil }, nil
		},
	}
}

// TestRun measures a little, without pg_recvlogical and, where there is one, with it.
func TestRun(t *testing.T) {
	t.Parallel()
	cases := map[string]string{"peek": ""}
	if program, err := exec.LookPath("pg_recvlogical"); err == nil {
		cases["pg_recvlogical"] = program
	}
	for name, program := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := small(t)
			c.Receiver = program
			circuits := []string{`all +[1-9][0-9]+ \(`, `q22 [1-9]`}
			if program != "" {
				c.Rounds, c.Scale, circuits = 1, 0, nil // the other case measures the same
			}
			var out bytes.Buffer
			if err := views.Run(t.Context(), c, &out); err != nil {
				t.Fatalf("%v\n%s", err, out.String())
			}
			for _, want := range append(circuits,
				`machine +[1-9]`, `PostgreSQL 1`, `drain +400 changes`, `worker +[1-9]`, `beside +[1-9][0-9]* \(.*`+name,
				`writers +2 conn`, `with +[1-9]`, `without +[1-9]`, `ratio +[0-9]\.[0-9]+ \(`, `latency +200 tr`, `p50 [0-9.]+, p90`, `big_sale: p50`,
			) {
				if !regexp.MustCompile(want).MatchString(out.String()) {
					t.Errorf("the table has no %s:\n%s", want, out.String())
				}
			}
		})
	}
}

// TestRefused checks that sizes which measure nothing are refused.
func TestRefused(t *testing.T) {
	t.Parallel()
	good := views.Config{Rows: 1000, Rounds: 1, Changes: 100, Writers: 1, Slice: time.Second, Rate: 1, Span: time.Second}
	for _, tt := range []struct {
		want   string
		change func(*views.Config)
	}{
		{"rows is 1", func(c *views.Config) { c.Rows = 1 }},
		{"rounds is 0", func(c *views.Config) { c.Rounds = 0 }},
		{"changes is 3", func(c *views.Config) { c.Changes = 3 }},
		{"writers is 0", func(c *views.Config) { c.Writers = 0 }},
		{"rate is -1", func(c *views.Config) { c.Rate = -1 }},
		{"at least 100ms", func(c *views.Config) { c.Slice = 0 }},
		{"scale is -1", func(c *views.Config) { c.Scale = -1 }},
	} {
		c := good
		tt.change(&c)
		if err := views.Run(t.Context(), c, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Run = %v, want %s", err, tt.want)
		}
	}
}
