package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/worker"
)

func enrollCommand() *cobra.Command {
	var s settings
	var superuser bool
	cmd := &cobra.Command{
		Use:   "enroll ROLE --database-url URL",
		Short: "Let a role of the database call the functions of schema ml",
		Long: `Let a role of the database call the functions of schema ml.

The role gets a secret for the worker, which it never sees, and a login of its own
with which the worker reads what the role may read. Enrolling a role again replaces
both. A superuser gets no such login unless --superuser is given: its sessions read
for themselves, which is slower and safe.`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := s.asAdmin(cmd, func(ctx context.Context, adminURL string) error {
				return worker.Enroll(ctx, adminURL, args[0], superuser)
			})
			if err != nil {
				return withHint(err, "%s", enrollHint(err))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "role %s is enrolled\n", args[0])
			return err
		},
	}
	addAdminURL(cmd, &s)
	cmd.Flags().BoolVar(&superuser, "superuser", false, "give a superuser a reader login too, which can become that superuser")
	return cmd
}

// addAdminURL adds --database-url, which an administrator's commands have in common.
func addAdminURL(cmd *cobra.Command, s *settings) {
	addSettings(cmd, s, "database-url", "database-password-file")
	cmd.Flags().Lookup("database-url").Usage = "`URL` of the database, as a superuser or, from PostgreSQL 16 on, a role with CREATEROLE (MILLRACE_DATABASE_URL)"
}

// asAdmin runs a function with the address of the administrator.
func (s *settings) asAdmin(cmd *cobra.Command, f func(ctx context.Context, adminURL string) error) error {
	if s.worker.DatabaseURL == "" {
		return usageError{err: errors.New("--database-url is missing"), command: cmd.CommandPath()}
	}
	if err := s.usePasswordFile(); err != nil {
		return err
	}
	ctx, cancel := untilStopped(cmd)
	defer cancel()
	return f(ctx, s.worker.DatabaseURL)
}
