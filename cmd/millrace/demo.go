package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/cmd/millrace/internal/session"
)

// demoScript can also be run with psql: psql -f demo.sql.
//
//go:embed demo.sql
var demoScript string

// demoViewScript makes a view and changes what it reads.
//
//go:embed demo_view.sql
var demoViewScript string

// demoMadlibScript needs schema madlib, and the tables of demoScript.
//
//go:embed demo_madlib.sql
var demoMadlibScript string

func demoCommand() *cobra.Command {
	var keep bool
	var major int
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show Millrace at work on a private PostgreSQL that is removed afterwards",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return demo(cmd, keep, major) },
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the database running until Ctrl-C")
	cmd.Flags().IntVar(&major, "pg-major", 0, "major version of PostgreSQL, 14 to 18 (default the newest here)")
	return cmd
}

func demo(cmd *cobra.Command, keep bool, major int) (err error) {
	if err := checkMajor(cmd, major); err != nil {
		return err
	}
	ctx, cancel := untilStopped(cmd)
	defer cancel()
	dir, err := os.MkdirTemp("/tmp", "millrace-demo-") // short, because it holds sockets
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if os.Geteuid() == 0 {
		if err := os.Chmod(dir, 0o755); err != nil { // the server runs as another user
			return err
		}
	}
	// Nothing of this server is to survive a crash of the machine.
	p, err := startPrivate(ctx, privateConfig{dir: dir, major: major, settings: map[string]string{"fsync": "off", "full_page_writes": "off"}})
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("stopped while starting")
		}
		return err
	}
	return p.demonstrate(ctx, cmd.OutOrStdout(), keep)
}

// demonstrate runs the scripts while the worker runs, and stops everything.
func (p *private) demonstrate(ctx context.Context, out io.Writer, keep bool) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ready, served := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		served <- p.run(serving, func() {
			select {
			case ready <- struct{}{}:
			default: // the worker has been replaced
			}
		})
	}()
	var err error
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		err = errors.New("stopped while starting")
	case <-ready:
		err = p.runScripts(ctx, out)
	}
	if err == nil && keep {
		fmt.Fprintf(out, "%s\nCtrl-C stops the database and removes it.\n", p.howToConnect())
		select {
		case err := <-served:
			return err
		case <-ctx.Done():
		}
	}
	if err == nil && !keep {
		fmt.Fprintln(out, "The database is removed now. To try it yourself: millrace demo --keep, or millrace up")
	}
	stop()
	return errors.Join(err, <-served)
}

// runScripts runs the scripts as the owner, an ordinary role.
func (p *private) runScripts(ctx context.Context, out io.Writer) (err error) {
	s, err := session.Open(ctx, p.URL(), out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	began := time.Now()
	fmt.Fprintf(out, "PostgreSQL %d with Millrace, role %s.\n\n", p.server.Major(), owner)
	steps := slices.Concat(session.Parse(demoScript), session.Parse(demoViewScript), session.Parse(demoMadlibScript))
	if err := s.Run(ctx, steps); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d statements in %.1f s.\n", len(steps), time.Since(began).Seconds())
	return nil
}
