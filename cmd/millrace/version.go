package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/ext"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program and of the functions that it installs",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "millrace %s (%s, %s/%s)\nfunctions %s\n",
				version, runtime.Version(), runtime.GOOS, runtime.GOARCH, ext.Version())
			return err
		},
	}
}
