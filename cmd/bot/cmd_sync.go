package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"apono/cmd/bot/internal/living"
	"apono/cmd/bot/internal/ops"
	"apono/flows"
)

// controlSync is the name of the command on the control socket.
const controlSync = "sync"

// syncCommand reads integrations at once, and decides on a sync that is held.
func syncCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "sync [INTEGRATION…]", Args: cobra.ArbitraryArgs,
		Short: "Have the running bot read integrations now, all or those named, and say how each does",
	}
	path := configFlags(cmd)
	proceed := cmd.Flags().String("proceed", "", "take over the held sync of this `integration`")
	discard := cmd.Flags().String("discard", "", "discard the held sync of this `integration`")
	cmd.MarkFlagsMutuallyExclusive("proceed", "discard")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 && (*proceed != "" || *discard != "") {
			return errors.New("--proceed and --discard are used alone")
		}
		cfg, err := loadForStore(cmd, *path)
		if err != nil {
			return err
		}
		defer func() { _ = cfg.Close() }() // nothing was granted through it
		query := url.Values{
			"name": args, "proceed": {*proceed}, "discard": {*discard}, "account": {operatorAccount(os.LookupEnv)}, //nolint:forbidigo // who it is, not a setting
		}.Encode()
		err = ops.Call(cmd.Context(), ops.SocketPath(cfg.Store.Path), controlSync, query, cmd.OutOrStdout())
		if errors.Is(err, ops.ErrNotRunning) {
			return &problemsError{"no bot is running on " + cfg.Store.Path + ": there is nothing to sync"}
		}
		return found(cmd, err)
	}
	return cmd
}

// syncNow serves the command.
func (a *App) syncNow(ctx context.Context, w io.Writer, q url.Values) error {
	by := flows.TheOperator
	if account := q.Get("account"); account != "" {
		by.Name += " (" + cutRunes(account, 100) + ")"
	}
	for verb, proceed := range map[string]bool{"proceed": true, "discard": false} {
		if source := q.Get(verb); source != "" {
			done, err := a.settleSync(ctx, a.now(), source, "", by, proceed)
			if err != nil && flows.ErrorCode(err) != flows.CodeInternal {
				return errors.New(flows.ErrorMessage(err))
			}
			if err == nil {
				_, err = fmt.Fprintln(w, done)
			}
			return err
		}
	}
	names := q["name"]
	health := a.living.Health()
	for _, name := range names {
		if !slices.ContainsFunc(health, func(h living.Health) bool { return h.Name == name }) {
			return fmt.Errorf("there is no integration %q", name)
		}
	}
	a.living.Sync(ctx, names...)
	return a.writeHealth(w, names)
}

func (a *App) writeHealth(w io.Writer, names []string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "INTEGRATION\tPEOPLE\tRESOURCES\tREAD\tPROBLEM")
	bad := 0
	for _, h := range a.living.Health() {
		if len(names) > 0 && !slices.Contains(names, h.Name) {
			continue
		}
		read, problem := "never", h.Problem
		if !h.Synced.IsZero() {
			read = h.Synced.Format(time.RFC3339)
		}
		if problem == "" {
			problem = h.Held
		}
		if problem != "" {
			bad++
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\n", h.Name, h.People, h.Items, read, problem)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if bad > 0 {
		return errors.New(count(bad, "integration has a problem", "integrations have a problem"))
	}
	return nil
}
