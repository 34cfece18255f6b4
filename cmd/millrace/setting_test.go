package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/millrace/millrace/worker"
)

// documented is what the documentation of worker.Config says of one field.
type documented struct {
	variable string
	fallback string
}

var (
	inBrackets = regexp.MustCompile(`\[([A-Z_, ]+)\]`)
	defaultsTo = regexp.MustCompile(`Defaults? to (?s:(.*?))(\.|;|\z)`)
)

// workerFields reads the documentation of worker.Config: each field that can be set
// names its variable in brackets.
func workerFields(t *testing.T) map[string]documented {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../worker/config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]documented{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Config" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			text := strings.Join(strings.Fields(field.Doc.Text()), " ")
			names := inBrackets.FindStringSubmatch(text)
			if names == nil {
				continue
			}
			d := documented{}
			if m := defaultsTo.FindStringSubmatch(text); m != nil {
				d.fallback = m[1]
			}
			for i, variable := range strings.Split(names[1], ", ") {
				d.variable = "MILLRACE_" + variable
				out[field.Names[i].Name] = d
			}
		}
		return false
	})
	return out
}

// TestServeSettings compares the table with worker.Config and its documentation: each
// field, its variable, its default in the same words.
func TestServeSettings(t *testing.T) {
	t.Parallel()
	var s settings
	config := reflect.ValueOf(&s.worker).Elem()
	fields := workerFields(t)
	if len(fields) < 15 {
		t.Fatalf("found the documentation of %d fields, want at least 15", len(fields))
	}
	found := map[string]bool{}
	for _, set := range serveSettings {
		for i := range config.NumField() {
			if reflect.ValueOf(set.value(&s)).Pointer() != config.Field(i).Addr().Pointer() {
				continue
			}
			name := config.Type().Field(i).Name
			found[name] = true
			if got := fields[name].variable; got != set.variable() {
				t.Errorf("%s: the table says %s, worker.Config says %s", name, set.variable(), got)
			}
			if want := fields[name].fallback; name != "TLSKey" && strings.ReplaceAll(want, " ", "") != strings.ReplaceAll(set.fallback, " ", "") &&
				!strings.HasPrefix(want, set.fallback+" that") && !strings.HasPrefix(want, set.fallback+":") {
				t.Errorf("%s: the table says it defaults to %q, worker.Config says %q", name, set.fallback, want)
			}
		}
	}
	for i := range config.NumField() {
		name := config.Type().Field(i).Name
		if name != "Ready" && name != "Log" && !found[name] {
			t.Errorf("field %s of worker.Config has no flag", name)
		}
	}
}

// TestHelp finds each setting with its variable and its default in the help text.
func TestHelp(t *testing.T) {
	t.Parallel()
	_, help, _ := strings.Cut(succeed(t, "serve", "--help"), "\nFlags:\n")
	for _, s := range serveSettings {
		line := regexp.MustCompile(`(?m)^ +--` + s.flag + ` .*$`).FindString(help)
		if line == "" || !strings.Contains(line, "("+s.variable()+")") || s.fallback != "false" && !strings.Contains(line, s.fallback) {
			t.Errorf("help on --%s is %q, want variable %s and default %q", s.flag, line, s.variable(), s.fallback)
		}
	}
}

// parse runs a command with only the settings' flags.
func parse(t *testing.T, s *settings, args ...string) error {
	t.Helper()
	cmd := &cobra.Command{Use: "test", SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error { return nil }}
	addSettings(cmd, s)
	cmd.SetArgs(args)
	return cmd.Execute()
}

func TestEnvironment(t *testing.T) {
	t.Setenv("MILLRACE_CALLS", "7")
	t.Setenv("MILLRACE_READERS", "9")
	t.Setenv("MILLRACE_MEMORY_TOTAL", "3GiB")
	t.Setenv("MILLRACE_INSECURE_TCP", "true")
	t.Setenv("MILLRACE_QUEUE_TIMEOUT", "")
	var s settings
	if err := parse(t, &s, "--calls", "8", "--reader-idle", "5s", "--database-url", "postgres://a b=c"); err != nil {
		t.Fatal(err)
	}
	want := settings{worker: worker.Config{DatabaseURL: "postgres://a b=c", Calls: 8, Readers: 9, MemoryTotal: 3 << 30, InsecureTCP: true, ReaderIdle: 5 * time.Second}}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, want %+v", s, want)
	}
	// What a child process reads from its environment is what was written there.
	for _, variable := range s.environ() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	var child settings
	if err := parse(t, &child); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(child, want) {
		t.Errorf("child got %+v, want %+v", child, want)
	}
	t.Setenv("MILLRACE_CALLS", "many")
	if err := parse(t, &settings{}); err == nil || !strings.Contains(err.Error(), "MILLRACE_CALLS") {
		t.Errorf("with MILLRACE_CALLS=many: %v, want an error that names it", err)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want int64
		back string // as String writes it; empty for an error
	}{
		{"0", 0, "0"}, {"-1", -1, "-1"}, {"1000", 1000, "1000"}, {"2048", 2048, "2KiB"}, {"512MiB", 512 << 20, "512MiB"},
		{"2 GiB", 2 << 30, "2GiB"}, {"1TiB", 1 << 40, "1TiB"}, {"7B", 7, "7"},
		{text: "-2"}, {text: "-1GiB"}, {text: "1GB"}, {text: "x"}, {text: ""}, {text: "1.5GiB"}, {text: "9999999TiB"},
	} {
		var s size
		err := s.Set(tt.text)
		if (err != nil) != (tt.back == "") || int64(s) != tt.want || err == nil && s.String() != tt.back {
			t.Errorf("Set(%q) = %v, %d, %q, want %d, %q", tt.text, err, s, s.String(), tt.want, tt.back)
		}
	}
}

var _ pflag.Value = (*size)(nil)
var _ pflag.Value = (*level)(nil)
