package main

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/ext"
)

// TestErrors checks exit status and text of commands that cannot do their work.
func TestErrors(t *testing.T) {
	t.Parallel()
	const nowhere = "postgres://x:secret@127.0.0.1:1/x"
	for _, tt := range []struct {
		args string
		code int
		want string // part of the one line on standard error
		hint string // part of the line after it
	}{
		{"nonsense", 2, `unknown command "nonsense"`, "millrace --help"},
		{"version 1", 2, "accepts 0 arg(s)", "millrace version --help"},
		{"enroll", 2, "accepts 1 arg(s)", "millrace enroll --help"},
		{"enroll role", 2, "--database-url is missing", "enroll --help"},
		{"serve --calls x", 2, `invalid argument "x"`, "serve --help"},
		{"serve", 2, "--database-url is missing", "serve --help"},
		{"serve --database-url " + nowhere, 2, "--listen is missing", "serve --help"},
		{"serve --database-url ://a --listen unix:/tmp?port=1", 2, "--database-url", "serve --help"},
		{"serve --database-url " + nowhere + " --listen file:/x", 2, `listen address "file:/x"`, ""},
		{"serve --heartbeat-timeout 1ms --listen unix:/tmp?port=1 --database-url " + nowhere, 2, "must be at least 500ms", ""},
		{"install --database-url " + nowhere, 2, "--worker-host is missing", "install --help"},
		{"install --listen tcp://0.0.0.0:1 --database-url " + nowhere, 2, "--worker-host", "install --help"},
		{"install --worker-host h --worker-port 0 --database-url " + nowhere, 2, "port of the worker is 0", ""},
		{"install --worker-host h --database-url " + nowhere, 1, "connection refused", "check the address"},
		{"up --port 70000", 2, "--port is 70000", ""},
		{"up --pg-major 13", 2, "--pg-major is 13, and must be 14 to 18", ""},
		{"demo --pg-major 19", 2, "--pg-major is 19", ""},
		{"doctor --listen x --database-url " + nowhere, 2, "listen address", ""},
		{"worker-process", 1, "not a child of the supervisor", "run millrace serve"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			o := execute(t, strings.Fields(tt.args)...)
			first, rest, _ := strings.Cut(o.stderr, "\n")
			if o.code != tt.code || !strings.HasPrefix(first, "millrace: ") || !strings.Contains(first, tt.want) {
				t.Errorf("exit status %d, error %q, want %d and %q", o.code, first, tt.code, tt.want)
			}
			if tt.hint != "" && (!strings.HasPrefix(rest, "hint: ") || !strings.Contains(rest, tt.hint)) {
				t.Errorf("hint %q, want %q", rest, tt.hint)
			}
			if strings.Contains(o.stderr, "secret") || strings.Count(rest, "\n") > 1 {
				t.Errorf("standard error shows a password or more than a line and a hint:\n%s", o.stderr)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	out := succeed(t, "version")
	if !strings.HasPrefix(out, "millrace tested (go1.") || !strings.Contains(out, "functions "+ext.Version()) {
		t.Errorf("version prints %q", out)
	}
	if help := succeed(t); !strings.Contains(help, "demo") || strings.Contains(help, childName) {
		t.Errorf("help is\n%s", help)
	}
}
