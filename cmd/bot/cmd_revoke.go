package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"apono/bot"
	"apono/cmd/bot/internal/ops"
	"apono/flows"
	"apono/store/bolt"
)

// controlRevoke is the name of the command on the control socket.
const controlRevoke = "revoke"

// revokeCommand ends an access on the word of whoever may run commands on the
// bot's machine, where nobody with the right can be had.
func revokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke AR-n", Args: oneArg("request, such as AR-12"),
		Short: "End the access of a request, as the operator; while no bot runs, the systems are asked at its next start",
	}
	path := configFlags(cmd)
	gone := cmd.Flags().String("confirm-gone", "", "state that the access in this integration does not exist any more, where its system can never confirm that (it was destroyed); nothing is asked or checked")
	reason := cmd.Flags().String("reason", "", "why; shown to the people of the request and kept in the audit trail")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, account := strings.ToUpper(args[0]), operatorAccount(os.LookupEnv) //nolint:forbidigo // who it is, not a setting
		query := url.Values{"request": {id}, "reason": {*reason}, "account": {account}, "gone": {*gone}}.Encode()
		out := cmd.OutOrStdout()
		if cmd.Flags().Changed("confirm-gone") && *gone == "" {
			return errors.New("--confirm-gone wants the name of an integration")
		}
		return found(cmd, onStoreOr(cmd, *path, controlRevoke, query, out, bolt.Options{}, func(s *bolt.Store) error {
			alone := &bot.Service{Store: s, Log: slog.New(slog.DiscardHandler)}
			if *gone != "" {
				return confirmGone(cmd.Context(), alone, out, id, *gone, account, *reason)
			}
			if err := endByOperator(cmd.Context(), alone, out, id, account, *reason); err != nil {
				return err
			}
			_, err := fmt.Fprintln(out, "No bot is running: the systems are asked at its next start.")
			return err
		}))
	}
	return cmd
}

// operatorAccount names the operator's account on this machine, and whose it is
// behind sudo. It is for the audit trail, not a proof: whoever may run this may set
// variables.
func operatorAccount(lookupEnv func(string) (string, bool)) string {
	name := "uid " + strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if behind, _ := lookupEnv("SUDO_USER"); behind != "" && behind != name {
		name = behind + " as " + name
	}
	return name
}

func endByOperator(ctx context.Context, s *bot.Service, w io.Writer, id, account, reason string) error {
	r, err := s.EndByOperator(ctx, id, account, reason)
	if err != nil && flows.ErrorCode(err) != flows.CodeInternal {
		return errors.New(flows.ErrorMessage(err))
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "The access of %s is being ended. The audit channel says when it is gone.\n", r.ID)
	return err
}

func confirmGone(ctx context.Context, s *bot.Service, w io.Writer, id, integration, account, reason string) error {
	r, err := s.ConfirmGone(ctx, id, integration, account, reason)
	if err != nil && flows.ErrorCode(err) != flows.CodeInternal {
		return errors.New(flows.ErrorMessage(err))
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "The access of %s in %s is on record as gone, on your word. The system is not asked any more.\n", r.ID, integration)
	return err
}

// controls are what this running bot offers on its control socket.
func (a *App) controls() ops.Commands {
	all := maps.Clone(controls(a.store))
	all[controlRevoke] = func(w io.Writer, r *http.Request) error {
		q := r.URL.Query()
		if gone := q.Get("gone"); gone != "" {
			return confirmGone(r.Context(), a.service, w, q.Get("request"), gone, q.Get("account"), q.Get("reason"))
		}
		return endByOperator(r.Context(), a.service, w, q.Get("request"), q.Get("account"), q.Get("reason"))
	}
	all[controlReady] = ops.Readyz(a.Ready, a.Degraded, a.Warnings)
	all[controlSync] = func(w io.Writer, r *http.Request) error { return a.syncNow(r.Context(), w, r.URL.Query()) }
	return all
}
