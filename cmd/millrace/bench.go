package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/bench/views"
	"github.com/millrace/millrace/internal/supervise"
)

func benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure Millrace on this machine, on a private PostgreSQL that is removed afterwards",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(benchViewsCommand())
	return cmd
}

func benchViewsCommand() *cobra.Command {
	var c views.Config
	var file string
	var major int
	cmd := &cobra.Command{
		Use:   "views",
		Short: "Measure maintained views: backlog, writers, latency, circuits",
		Long: `Measure maintained views beside what they are to be compared with, in one run.

What is compared runs alternately, on the same machine as the server: read the ratios
and their spread. The table of figures goes to standard output.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return benchViews(cmd, c, major, file) },
	}
	f := cmd.Flags()
	f.IntVar(&c.Rows, "rows", 100_000, "rows in the table below the views")
	f.IntVar(&c.Rounds, "rounds", 4, "rounds of the backlog and of the writers")
	f.IntVar(&c.Changes, "changes", 200_000, "changes in a backlog")
	f.IntVar(&c.Writers, "writers", 4, "connections that write")
	f.DurationVar(&c.Slice, "slice", 2*time.Second, "how long they write before the worker is stopped or started")
	f.IntVar(&c.Rate, "rate", 1000, "transactions per second while latency is measured")
	f.DurationVar(&c.Span, "span", 10*time.Second, "how long latency is measured")
	f.Float64Var(&c.Scale, "scale", 0.01, "scale of TPC-H for the circuits; 0 to leave them out")
	f.StringVar(&file, "out", "", "`FILE` for the table too")
	f.IntVar(&major, "pg-major", 0, "major version of PostgreSQL, 14 to 18 (default the newest here)")
	return cmd
}

func benchViews(cmd *cobra.Command, c views.Config, major int, file string) (err error) {
	if err := checkMajor(cmd, major); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if file != "" {
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = io.MultiWriter(out, f)
	}
	ctx, cancel := untilStopped(cmd)
	defer cancel()
	dir, err := os.MkdirTemp("/tmp", "millrace-bench-") // short, because it holds sockets
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if os.Geteuid() == 0 {
		if err := os.Chmod(dir, 0o755); err != nil { // the server runs as another user
			return err
		}
	}
	p, err := startPrivate(ctx, privateConfig{dir: dir, major: major, settings: map[string]string{"max_wal_size": "8GB"}})
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("stopped while starting")
		}
		return err
	}
	c.Owner, c.Admin, c.Schema, c.Start = p.URL(), p.superuserURL(), "public", p.startWorker
	if program := filepath.Join(p.server.Binaries().Dir, "pg_recvlogical"); exists(program) {
		c.Receiver = program
	}
	fmt.Fprintf(out, "millrace %s bench views\n", version)
	return errors.Join(views.Run(ctx, c, out), p.stop())
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// startWorker runs the worker under a supervisor, waits until it is ready, and returns
// what stops it.
func (p *private) startWorker(ctx context.Context) (stop func() error, err error) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ready, ended := make(chan struct{}, 1), make(chan error, 1)
	p.settings.logLevel.Level = slog.LevelWarn
	p.settings.logLevel.use()
	c := p.settings.supervision()
	c.Ready = func(int) {
		select {
		case ready <- struct{}{}:
		default: // the worker has been replaced
		}
	}
	go func() { ended <- supervise.Run(running, c) }()
	stop = func() error {
		cancel()
		return <-ended
	}
	select {
	case err := <-ended:
		cancel()
		return nil, errors.Join(errors.New("the worker has not started"), err)
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), stop())
	case <-ready:
		return stop, nil
	}
}
