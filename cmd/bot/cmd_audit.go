package main

import (
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"apono/store"
	"apono/store/bolt"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Verify or export the audit trail, also while the bot runs", Args: cobra.NoArgs, RunE: helpAlone}
	cmd.AddCommand(auditVerifyCommand(), auditExportCommand())
	return cmd
}

func auditVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify", Args: cobra.NoArgs,
		Short: "Check the hash chain; names the first broken event",
		Long: "Checks the hash chain and names the first event that was changed or is missing, also at the end.\n\n" +
			"Whoever can write the database file can compute a whole new chain. Only a head noted elsewhere shows that: keep\n" +
			"what this command prints as head, and give it back with --head. The bot tells the audit channel a head once a day.",
	}
	path := configFlags(cmd)
	heads := cmd.Flags().StringSlice("head", nil, "a head of an earlier time, NUMBER:HASH: the trail must still hold it; can be repeated")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if _, err := parseHeads(*heads); err != nil {
			return err
		}
		query := url.Values{"head": *heads}
		return found(cmd, onStore(cmd, *path, "audit/verify", query.Encode(), cmd.OutOrStdout()))
	}
	return cmd
}

func parseHeads(texts []string) ([]store.Head, error) {
	heads := make([]store.Head, len(texts))
	for i, text := range texts {
		h, err := store.ParseHead(text)
		if err != nil {
			return nil, fmt.Errorf("--head: %w", err)
		}
		heads[i] = h
	}
	return heads, nil
}

func writeVerify(w io.Writer, s *bolt.Store, heads []store.Head) error {
	if _, err := s.VerifyAudit(heads...); err != nil {
		return err
	}
	h, some, err := s.Head()
	if err != nil {
		return err
	}
	anchored := ""
	switch ev, ok, err := s.Anchored(); {
	case err != nil:
		return err
	case ok && ev.Fact.Checkpoint != nil:
		anchored = fmt.Sprintf("told in the audit channel on %s: %s\n", ev.At.Format(time.DateOnly), ev.Fact.Checkpoint)
	}
	before, pruned, err := s.Pruned()
	switch {
	case err != nil:
		return err
	case !some:
		_, err = fmt.Fprintln(w, "ok: 0 events")
	case pruned:
		_, err = fmt.Fprintf(w, "ok: %s, from %d on; older ones were removed by audit.retention\nhead: %s\n%s", countOf(h.Seq-before.Seq, "event"), before.Seq+1, h, anchored)
	default:
		_, err = fmt.Fprintf(w, "ok: %s\nhead: %s\n%s", countOf(h.Seq, "event"), h, anchored)
	}
	return err
}
