package main

import (
	"github.com/spf13/cobra"

	"apono/cmd/bot/internal/config"
)

func runCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "run", Short: "Run the service", Args: cobra.NoArgs}
	path := configFlag(cmd)
	config.AddFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := loadConfig(cmd, *path, false)
		if err != nil {
			return err
		}
		log := newLog(cfg.Log, cmd.ErrOrStderr())
		app, err := New(Options{Config: cfg, Log: log})
		if err != nil {
			return closeAfter(cfg, err)
		}
		return closeAfter(cfg, app.Run(cmd.Context()))
	}
	return cmd
}

// closeAfter closes the integrations of a configuration and keeps the first error.
func closeAfter(cfg *config.Config, err error) error {
	if closeErr := cfg.Close(); err == nil {
		return closeErr
	}
	return err
}
