package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/millrace/millrace/internal/supervise"
	"github.com/millrace/millrace/worker"
)

// childName is the hidden command of the worker process.
const childName = "worker-process"

func serveCommand() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "serve --database-url URL --listen ADDRESS",
		Short: "Run the worker beside a database in which Millrace is installed",
		Long: `Run the worker beside a database in which Millrace is installed.

serve watches over one worker process: when that crashes, or is silent for
--heartbeat-timeout, it is replaced, and callers that waited for it get an error at
once. SIGINT and SIGTERM stop both.

Each flag can also be set by the environment variable behind it; the flag wins.
The password of --database-url is better kept in --database-password-file, PGPASSWORD
or a .pgpass file than in the URL, which other users of the machine can see.`,
		Example: `  millrace serve --database-url 'postgres://ml_worker_16384@db.example.com/app' \
      --database-password-file /run/secrets/worker --listen tcp://0.0.0.0:6432`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return serve(&s) },
	}
	addSettings(cmd, &s)
	return cmd
}

// serve supervises a worker process until a signal stops it.
func serve(s *settings) error {
	if err := s.check(); err != nil {
		return err
	}
	s.logLevel.use()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, append(stopSignals, syscall.SIGQUIT)...)
	defer signal.Stop(signals)
	c := s.supervision()
	c.Signals = signals
	return supervise.Run(context.Background(), c)
}

// check refuses what no worker process could start with.
func (s *settings) check() error {
	switch {
	case s.worker.DatabaseURL == "":
		return usageError{err: errors.New("--database-url is missing"), command: "millrace serve"}
	case s.worker.Listen == "":
		return usageError{err: errors.New("--listen is missing"), command: "millrace serve"}
	case s.supervisor.HeartbeatTimeout < 0 || s.supervisor.HeartbeatTimeout > 0 && s.supervisor.HeartbeatTimeout < 2*supervise.Interval:
		return usageError{err: fmt.Errorf("--heartbeat-timeout is %v, and must be at least %v", s.supervisor.HeartbeatTimeout, 2*supervise.Interval), command: "millrace serve"}
	case s.supervisor.StartTimeout < 0 || s.supervisor.StopTimeout < 0 || s.supervisor.Tries < 0:
		return usageError{err: errors.New("--start-timeout, --stop-timeout and --tries must be at least 0"), command: "millrace serve"}
	}
	if _, err := pgx.ParseConfig(s.worker.DatabaseURL); err != nil {
		return usageError{err: fmt.Errorf("--database-url: %w", err), command: "millrace serve"}
	}
	_, err := worker.ParseAddress(s.worker.Listen)
	return err
}

// supervision completes the supervisor's configuration: what to run is this program.
func (s *settings) supervision() supervise.Config {
	c := s.supervisor
	c.Ready = func(pid int) { slog.Info("worker process is ready", "pid", pid) }
	c.Command = func() *exec.Cmd {
		cmd := exec.Command(ownProgram(), childName)
		cmd.Args[0] = "millrace"
		// Later entries win over what the environment had.
		cmd.Env = append(os.Environ(), s.environ()...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		return cmd
	}
	return c
}

// ownProgram is the running program itself, even where its file has been replaced by
// an upgrade since: supervisor and worker process are of one version.
func ownProgram() string {
	const linux = "/proc/self/exe"
	if _, err := os.Stat(linux); err == nil {
		return linux
	}
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

func childCommand() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:    childName,
		Short:  "Run the worker itself, under a supervisor",
		Hidden: true,
		Args:   noArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return runChild(cmd, &s) },
	}
	addSettings(cmd, &s)
	return cmd
}

// runChild runs the worker and tells the supervisor how it goes.
func runChild(cmd *cobra.Command, s *settings) error {
	link, err := supervise.Attach()
	if err != nil {
		return withHint(err, "run millrace serve")
	}
	s.logLevel.use()
	ctx, cancel := untilStopped(cmd)
	defer cancel()
	err = runWorker(ctx, s, link)
	if err == nil || ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	// The supervisor reports it, together with what it does about it.
	if err := link.Fail(err, errors.Is(err, worker.ErrConfig)); err != nil {
		return err
	}
	return errSilent
}

func runWorker(ctx context.Context, s *settings, link *supervise.Link) error {
	if err := s.usePasswordFile(); err != nil {
		return err
	}
	s.worker.Ready = func() {
		if err := link.Ready(); err != nil {
			slog.Error("cannot tell the supervisor", "err", err)
		}
	}
	return worker.Run(ctx, s.worker)
}

// usePasswordFile puts the password of the file into the address.
func (s *settings) usePasswordFile() error {
	if s.passwordFile == "" {
		return nil
	}
	text, err := os.ReadFile(s.passwordFile)
	if err != nil {
		return fmt.Errorf("%w: database_password_file: %w", worker.ErrConfig, err)
	}
	s.worker.DatabaseURL, err = withPassword(s.worker.DatabaseURL, strings.TrimSpace(string(text)))
	return err
}

// withPassword sets the password of an address, which is a URL or a list of
// key=value pairs.
func withPassword(address, password string) (string, error) {
	if !isURL(address) {
		quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password)
		return address + " password='" + quoted + "'", nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("%w: database_url is not a URL", worker.ErrConfig) // the cause may quote a secret
	}
	user := ""
	if u.User != nil {
		user = u.User.Username()
	}
	u.User = url.UserPassword(user, password)
	return u.String(), nil
}

func isURL(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}
