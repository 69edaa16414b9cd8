package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"apono/cmd/bot/internal/config"
	"apono/provision"

	"apono/provision/ical"
	"apono/provision/ldap"
	"apono/provision/postgresql"
	"apono/provision/slack"
	"apono/provision/static"
	"apono/provision/webhook"
)

// Exit statuses.
const (
	exitOK       = 0
	exitProblems = 1 // problems were found in what was asked about
	exitUsage    = 2 // wrong use, or the command could not run
)

// problemsError ends a command with exitProblems; what was found is printed.
type problemsError struct{ sentence string }

func (e *problemsError) Error() string { return e.sentence }

// unreadError says that there was no configuration to run with. It ends a command with
// exitUsage: nothing was found wrong in what nobody could read.
type unreadError struct {
	path string // of the file
	by   string // how another one is named; empty: whoever mistyped it knows
}

func (e *unreadError) Error() string {
	path, err := filepath.Abs(e.path)
	if err != nil {
		path = e.path // the folder is gone; it says why already
	}
	s := "no configuration could be read at " + path
	if e.by != "" {
		s += "; name another one with " + e.by
	}
	return s
}

// refused is the error of a configuration that cannot be used. Why is in the report,
// which was printed.
func refused(cmd *cobra.Command, report *config.Report) error {
	switch {
	case !report.Unread():
		return &problemsError{}
	case cmd.Flags().Lookup("config") == nil:
		return &unreadError{path: report.File}
	}
	return &unreadError{path: report.File, by: "--config FILE or the variable BOT_CONFIG"}
}

// Main runs the command line and returns the exit status.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand() //nolint:contextcheck // commands get theirs from ExecuteContext
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if p, ok := errors.AsType[*problemsError](err); ok {
		if p.sentence != "" {
			fmt.Fprintln(stderr, p.sentence)
		}
		return exitProblems
	}
	fmt.Fprintln(stderr, "bot: "+err.Error())
	return exitUsage
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "bot", Short: "Just-in-time access, asked and approved in chat",
		SilenceUsage: true, SilenceErrors: true, Args: cobra.NoArgs,
		RunE: helpAlone,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(runCommand(), demoCommand(), checkCommand(), explainCommand(), planCommand(), revokeCommand(), syncCommand(), dbCommand(), auditCommand(), versionCommand(), healthCommand(), teamsCommand())
	return root
}

// helpAlone is what a command does that only has others below it. Without it, cobra
// takes an unknown one for a question for help, and all is well.
func helpAlone(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// registry lists the types of integrations there are.
func registry(types ...provision.Type) (*provision.Registry, error) {
	if len(types) == 0 {
		types = []provision.Type{static.Type(), webhook.Type(), postgresql.Type(), ldap.Type(), ical.Type(), slack.Type()}
	}
	return provision.NewRegistry(types...)
}

// configFlags defines --config, its default being BOT_CONFIG or config.yaml, and the
// flags that override what is in the file.
func configFlags(cmd *cobra.Command) *string {
	config.AddFlags(cmd.Flags())
	return cmd.Flags().String("config", config.DefaultPath(nil), "configuration file (BOT_CONFIG)")
}

// loadOptions say where a command's configuration comes from.
func loadOptions(cmd *cobra.Command, path string) (config.Options, error) {
	reg, err := registry()
	return config.Options{Path: path, Registry: reg, Flags: cmd.Flags()}, err
}

// loadConfig loads a configuration for a command that cannot go on without.
// Problems are printed; warnings too.
func loadConfig(cmd *cobra.Command, path string, secretsOptional bool) (*config.Config, error) {
	o, err := loadOptions(cmd, path)
	if err != nil {
		return nil, err
	}
	o.SecretsOptional = secretsOptional
	cfg, report := config.Load(cmd.Context(), o)
	if len(report.Problems) > 0 {
		if err := report.WriteText(cmd.ErrOrStderr()); err != nil {
			return nil, err
		}
	}
	if cfg == nil {
		return nil, refused(cmd, report)
	}
	return cfg, nil
}

// loadForStore loads a configuration for a command that asks the running bot or the
// store. Such commands run by themselves, each minute or each night, so warnings are left
// to bot check and bot run.
func loadForStore(cmd *cobra.Command, path string) (*config.Config, error) {
	o, err := loadOptions(cmd, path)
	if err != nil {
		return nil, err
	}
	o.SecretsOptional = true
	cfg, report := config.Load(cmd.Context(), o)
	if cfg != nil {
		return cfg, nil
	}
	if err := report.WriteText(cmd.ErrOrStderr()); err != nil {
		return nil, err
	}
	return nil, refused(cmd, report)
}

// oneArg takes what is said to be one, no more and no less.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("say one %s: %s", what, strings.TrimSuffix(cmd.UseLine(), " [flags]"))
		}
		return nil
	}
}

// newLog makes the log a configuration asks for.
func newLog(format string, level slog.Leveler, w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if format == config.LogText {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "apono "+version)
			return err
		},
	}
}
