package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/worker"
)

func uninstallCommand() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "uninstall --database-url URL",
		Short: "Remove Millrace from a database; tables of users stay",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := s.asAdmin(cmd, worker.Uninstall)
			if err != nil {
				return withHint(err, "%s", adminHint(err))
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "Millrace is removed; models and results of users are still there")
			return err
		},
	}
	addAdminURL(cmd, &s)
	return cmd
}
