// Command millrace is machine learning in SQL: it brings up a database of one's
// own, or installs Millrace in an existing one and runs the worker beside it.
//
// `millrace help` lists the commands. Exit status: 0, or 1 for a failure, or 2 for
// a command line or a setting that cannot be right. Errors go to standard error,
// with what to do about them where that is known.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker: -X main.version=…
var version = "unknown"

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	root := newRoot()
	root.SetArgs(args)
	if err := root.ExecuteContext(context.Background()); err != nil {
		return report(os.Stderr, err)
	}
	return 0
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "millrace",
		Short:         "Machine learning in SQL, beside PostgreSQL",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{err: err, command: cmd.CommandPath()}
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(upCommand(), demoCommand(), installCommand(), uninstallCommand(), enrollCommand(), unenrollCommand(),
		serveCommand(), childCommand(), doctorCommand(), benchCommand(), versionCommand())
	return root
}

// stopSignals are those with which a user or a service manager ends a command.
var stopSignals = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}

// untilStopped returns a context that ends at the first of [stopSignals]. A second
// one has its usual effect, so that a command that hangs can be ended.
func untilStopped(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	ctx, cancel := signal.NotifyContext(cmd.Context(), stopSignals...)
	context.AfterFunc(ctx, cancel)
	return ctx, cancel
}
