package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"apono/cmd/bot/internal/config"
)

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "check", Short: "Check a configuration; every problem at once, with file:line:col", Args: cobra.NoArgs,
	}
	path := configFlags(cmd)
	format := cmd.Flags().String("format", "text", "text or json")
	online := cmd.Flags().Bool("online", false, "also ask Slack, Teams and every integration: tokens, scopes, audit channel, clock")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *format != "text" && *format != "json" {
			return fmt.Errorf("--format is text or json, not %q", *format)
		}
		o, err := loadOptions(cmd, *path)
		if err != nil {
			return err
		}
		cfg, report := config.Load(cmd.Context(), o)
		if cfg != nil {
			if *online {
				err = checkOnline(cmd.Context(), cfg, report)
			}
			if err = closeAfter(cfg, err); err != nil {
				return err
			}
		}
		write := report.WriteText
		if *format == "json" {
			write = report.WriteJSON
		}
		if err := write(cmd.OutOrStdout()); err != nil {
			return err
		}
		if !report.OK() {
			return refused(cmd, report)
		}
		return nil
	}
	return cmd
}
