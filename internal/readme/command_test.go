package readme

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCommands checks that each command and flag of the shell blocks exists.
func TestCommands(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "millrace")
	build := exec.Command("go", "build", "-o", program, "./cmd/millrace")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	checked := 0
	for line, flags := range commands(t) {
		name := regexp.MustCompile(`^\w+`).FindString(line)
		help, err := exec.Command(program, name, "--help").CombinedOutput()
		if err != nil || !strings.Contains(string(help), "millrace "+name) {
			t.Errorf("README runs millrace %s: there is no such command: %s", line, help)
			continue
		}
		for _, flag := range flags {
			if !regexp.MustCompile(`(?m)^ +` + flag + `\b`).Match(help) {
				t.Errorf("README runs millrace %s: the command has no flag %s", line, flag)
			}
		}
		checked++
	}
	if checked < 8 {
		t.Errorf("%d commands checked; README has more, so the test does not find them", checked)
	}
}

// commands returns the command lines of README's shell blocks behind the word
// millrace, with their flags.
func commands(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, block := range regexp.MustCompile("(?s)\n```sh\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1) {
		text := strings.ReplaceAll(block[1], "\\\n", " ")
		for line := range strings.Lines(text) {
			m := regexp.MustCompile(`^(?:.*/)?millrace (.*)|run --rm install (.*)|&& bin/millrace (.*)`).FindStringSubmatch(strings.TrimSpace(line))
			if m == nil {
				continue
			}
			command, _, _ := strings.Cut(m[1]+m[2]+m[3], " #")
			found[strings.TrimSpace(command)] = regexp.MustCompile(`--[a-z-]+`).FindAllString(command, -1)
		}
	}
	return found
}
