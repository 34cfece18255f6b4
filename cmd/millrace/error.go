package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/millrace/millrace/internal/pgserver"
	"github.com/millrace/millrace/worker"
)

// Exit statuses.
const (
	exitFailure = 1
	exitUsage   = 2
)

// usageError is a command line that cannot be right.
type usageError struct {
	err     error
	command string
}

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// hintError adds what the user can do.
type hintError struct {
	err  error
	hint string
}

func (e hintError) Error() string { return e.err.Error() }
func (e hintError) Unwrap() error { return e.err }

// withHint adds a hint to an error; nil stays nil.
func withHint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return hintError{err: err, hint: fmt.Sprintf(format, args...)}
}

// errSilent is a failure that has been reported already.
var errSilent = errors.New("reported")

// report writes an error and its hint, and returns the exit status.
func report(w io.Writer, err error) int {
	if errors.Is(err, errSilent) {
		return exitFailure
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if errors.Is(err, pgserver.ErrStart) { // it quotes a log
		text = strings.ReplaceAll(err.Error(), "\n", "\n    ")
	}
	fmt.Fprintf(w, "millrace: %s\n", text)
	if hint := hintOf(err); hint != "" {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
	if _, usage := errors.AsType[usageError](err); usage || errors.Is(err, worker.ErrConfig) {
		return exitUsage
	}
	return exitFailure
}

// hintOf returns the hint of the error itself, or PostgreSQL's.
func hintOf(err error) string {
	if e, ok := errors.AsType[hintError](err); ok {
		return e.hint
	}
	if e, ok := errors.AsType[usageError](err); ok {
		return fmt.Sprintf("see %s --help", e.command)
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Hint != "" {
		return e.Hint
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return "check the address, and that the server runs; a password can also come from PGPASSWORD or a .pgpass file"
	}
	return ""
}

// noArgs and oneArg are cobra's checks with our kind of error.
func noArgs(cmd *cobra.Command, args []string) error { return exactArgs(0)(cmd, args) }

func exactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if n == 0 && len(args) > 0 && cmd.HasSubCommands() {
			return usageError{err: fmt.Errorf("unknown command %q", args[0]), command: cmd.CommandPath()}
		}
		if err := cobra.ExactArgs(n)(cmd, args); err != nil {
			return usageError{err: err, command: cmd.CommandPath()}
		}
		return nil
	}
}
