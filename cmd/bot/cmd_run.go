package main

import (
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"apono/cmd/bot/internal/config"
)

func runCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "run", Short: "Run the service", Args: cobra.NoArgs}
	path := configFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		keepFilesPrivate()
		cfg, err := loadConfig(cmd, *path, false)
		if _, ok := errors.AsType[*problemsError](err); ok {
			return errors.New("the bot did not start: correct the errors above first")
		}
		if err != nil {
			return err
		}
		level := &slog.LevelVar{}
		level.Set(cfg.Log.Level)
		load, err := loadOptions(cmd, *path)
		if err != nil {
			return closeAfter(cfg, err)
		}
		hangup, stop := hangups()
		defer stop()
		app, err := New(Options{
			Config: cfg, Log: newLog(cfg.Log.Format, level, cmd.ErrOrStderr()),
			Reloading: Reloading{Load: load, Hangup: hangup, Level: level},
		})
		if err != nil {
			return closeAfter(cfg, err)
		}
		return closeAfter(cfg, app.Run(cmd.Context()))
	}
	return cmd
}

// hangups receives when the process is sent SIGHUP, until stop is called.
func hangups() (hangup <-chan struct{}, stop func()) {
	signals, out := make(chan os.Signal, 1), make(chan struct{}, 1)
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		for range signals {
			select {
			case out <- struct{}{}:
			default: // one is waiting
			}
		}
	}()
	return out, func() { signal.Stop(signals); close(signals) }
}

// closeAfter closes the integrations of a configuration and keeps the first error.
func closeAfter(cfg *config.Config, err error) error {
	if closeErr := cfg.Close(); err == nil {
		return closeErr
	}
	return err
}
