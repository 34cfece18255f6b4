package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/internal/pgserver"
)

func upCommand() *cobra.Command {
	var c privateConfig
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring up a private PostgreSQL with Millrace in it, until Ctrl-C",
		Long: `Bring up a private PostgreSQL with Millrace in it, until Ctrl-C.

The server listens on 127.0.0.1 only, with a password. Its database millrace belongs to
the ordinary role millrace. Data and passwords stay in the data folder; up on the same
folder brings back the same database with the same addresses, if its port is free.

The data folder is $XDG_DATA_HOME/millrace or ~/.local/share/millrace; for root, whose
server runs as another user, it is /var/lib/millrace. PostgreSQL's programs are those of
PG_BIN or of this machine; without any, they are fetched once.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return up(cmd, c) },
	}
	f := cmd.Flags()
	f.StringVar(&c.dir, "data-dir", "", "`FOLDER` of data and passwords (default see above)")
	f.IntVar(&c.port, "port", 0, "port on 127.0.0.1 (default the one of the last time, or a free one)")
	f.IntVar(&c.major, "pg-major", 0, "major version of PostgreSQL, 14 to 18 (default that of the folder, or the newest here)")
	return cmd
}

func up(cmd *cobra.Command, c privateConfig) (err error) {
	if c.port < 0 || c.port > 65535 {
		return usageError{err: fmt.Errorf("--port is %d, and must be 0 to 65535", c.port), command: cmd.CommandPath()}
	}
	if err := checkMajor(cmd, c.major); err != nil {
		return err
	}
	if c.dir == "" {
		if c.dir, err = defaultDataDir(); err != nil {
			return err
		}
	}
	ctx, cancel := untilStopped(cmd)
	defer cancel()
	p, err := startPrivate(ctx, c)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("stopped while starting")
		}
		return err
	}
	shown := false
	err = p.run(ctx, func() {
		if !shown { // not again when the worker has been replaced
			shown = true
			p.welcome(cmd.OutOrStdout())
		}
	})
	if err == nil {
		fmt.Fprintln(cmd.OutOrStdout(), "stopped")
	}
	return err
}

// checkMajor refuses versions that do not exist for Millrace; 0 is for any.
func checkMajor(cmd *cobra.Command, major int) error {
	if major == 0 || major >= pgserver.OldestMajor && major <= pgserver.NewestMajor {
		return nil
	}
	return usageError{err: fmt.Errorf("--pg-major is %d, and must be %d to %d", major, pgserver.OldestMajor, pgserver.NewestMajor), command: cmd.CommandPath()}
}

// defaultDataDir is where the data of this user's own server is.
func defaultDataDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/millrace", nil // a home of root is closed to the server's user
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "millrace"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", withHint(fmt.Errorf("data folder: %w", err), "name one with --data-dir")
	}
	return filepath.Join(home, ".local", "share", "millrace"), nil
}

// welcome tells how to use the server.
func (p *private) welcome(w io.Writer) {
	fmt.Fprintf(w, "PostgreSQL %d with Millrace is running. Ctrl-C stops it.\n\n", p.server.Major())
	fmt.Fprintf(w, "  database:     %s\n  as superuser: %s\n  data folder:  %s\n\n", p.URL(), p.superuserURL(), p.dir)
	fmt.Fprintf(w, "%s\nthen, for example:\n\n  SELECT ml.help();\n", p.howToConnect())
}

// howToConnect says how to open psql on the database, which may be missing.
func (p *private) howToConnect() string {
	program := "psql"
	if _, err := exec.LookPath(program); err != nil {
		program = filepath.Join(p.server.Binaries().Dir, "psql")
		if _, err := os.Stat(program); err != nil {
			return "psql is not on this machine (for example apt-get install postgresql-client);\nany client of PostgreSQL can use the address of the database. Connect,"
		}
	}
	return "Open it with\n\n  " + program + " " + shellQuote(p.URL()) + "\n"
}

// shellQuote writes one word for a shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
