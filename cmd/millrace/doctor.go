package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/ext"
	"github.com/millrace/millrace/internal/doctor"
	"github.com/millrace/millrace/worker"
)

func doctorCommand() *cobra.Command {
	var s settings
	var brief bool
	cmd := &cobra.Command{
		Use:   "doctor --database-url URL",
		Short: "Examine a database, the worker and the ways between them",
		Long: `Examine a database, the worker and the ways between them.

One line for each finding: ok, warn or FAIL, what was found, and what to do about it. The
exit status is 1 if there is a FAIL. Nothing is changed. A superuser's URL gets the most
complete examination.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.asAdmin(cmd, func(ctx context.Context, url string) error {
				return examine(ctx, cmd, doctor.Config{DatabaseURL: url, Listen: s.worker.Listen, Version: ext.Version(), Brief: brief})
			})
		},
	}
	addSettings(cmd, &s, "database-url", "database-password-file", "listen")
	cmd.Flags().Lookup("database-url").Usage = "`URL` of the database (MILLRACE_DATABASE_URL)"
	cmd.Flags().Lookup("listen").Usage = "`ADDRESS` of the worker as this machine sees it (MILLRACE_LISTEN) (default the one in the database)"
	cmd.Flags().BoolVar(&brief, "healthcheck", false, "for containers: only what can change from minute to minute, and print failures only")
	return cmd
}

// examine prints the findings.
func examine(ctx context.Context, cmd *cobra.Command, c doctor.Config) error {
	if c.Listen != "" {
		if _, err := worker.ParseAddress(c.Listen); err != nil {
			return err
		}
	}
	findings := doctor.Run(ctx, c)
	for _, f := range findings {
		if c.Brief && f.Level != doctor.Fail {
			continue
		}
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), f); err != nil {
			return err
		}
	}
	if doctor.Failed(findings) {
		return errSilent
	}
	return nil
}
