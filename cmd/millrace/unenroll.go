package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/worker"
)

func unenrollCommand() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "unenroll ROLE --database-url URL",
		Short: "Take back what enroll gave a role",
		Args:  exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := s.asAdmin(cmd, func(ctx context.Context, adminURL string) error {
				return worker.Unenroll(ctx, adminURL, args[0])
			})
			if err != nil {
				return withHint(err, "%s", adminHint(err))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "role %s is not enrolled any more\n", args[0])
			return err
		},
	}
	addAdminURL(cmd, &s)
	return cmd
}
