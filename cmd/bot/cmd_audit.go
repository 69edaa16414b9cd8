package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"apono/flows"
	"apono/store/bolt"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Verify or export the audit trail, also while the bot runs", Args: cobra.NoArgs, RunE: helpAlone}
	cmd.AddCommand(auditVerifyCommand(), auditExportCommand())
	return cmd
}

func auditVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "verify", Short: "Check the hash chain; names the first broken event", Args: cobra.NoArgs}
	path := configFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return found(cmd, onStore(cmd, *path, "audit/verify", "", cmd.OutOrStdout()))
	}
	return cmd
}

func writeVerify(w io.Writer, s *bolt.Store) error {
	n, err := s.VerifyAudit()
	if err != nil {
		return err
	}
	last := ""
	if n > 0 {
		events, err := s.Audit(n, 1)
		if err != nil {
			return err
		}
		last = ", the last one has the hash " + events[0].Hash
	}
	_, err = fmt.Fprintf(w, "ok: %d events%s\n", n, last)
	return err
}

func auditExportCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "export", Short: "Write the audit trail as CSV (one row an integration) or JSON lines", Args: cobra.NoArgs}
	path := configFlags(cmd)
	format := cmd.Flags().String("format", "csv", "csv or jsonl")
	from := cmd.Flags().String("from", "", "first moment, a date or RFC 3339 time")
	to := cmd.Flags().String("to", "", "moment after the last, a date or RFC 3339 time")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if _, err := parseExport(*format, *from, *to); err != nil {
			return err
		}
		query := url.Values{"format": {*format}, "from": {*from}, "to": {*to}}
		return onStore(cmd, *path, "audit/export", query.Encode(), cmd.OutOrStdout())
	}
	return cmd
}

type export struct {
	format   string
	from, to time.Time
}

func parseExport(format, from, to string) (export, error) {
	e := export{format: format, to: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	if format != "csv" && format != "jsonl" {
		return e, fmt.Errorf("--format is csv or jsonl, not %q", format)
	}
	for _, x := range []struct {
		flag, text string
		into       *time.Time
	}{{"--from", from, &e.from}, {"--to", to, &e.to}} {
		if x.text == "" {
			continue
		}
		t, err := time.Parse(time.DateOnly, x.text)
		if err != nil {
			t, err = time.Parse(time.RFC3339, x.text)
		}
		if err != nil {
			return e, fmt.Errorf("%s is a date (2026-01-31) or a time (2026-01-31T08:00:00Z), not %q", x.flag, x.text)
		}
		*x.into = t
	}
	return e, nil
}

var csvHead = []string{
	"seq", "time", "event", "request_id", "requestor_name", "requestor_email", "grantee_name", "grantee_email", "actor_email",
	"access_flow", "bundle_name", "integration", "resource_type", "resources", "permissions", "integration_status", "duration_seconds",
	"ends_at", "approver_names", "approver_emails", "approver_reasons", "justification", "reason", "note", "hash",
}

func writeExport(w io.Writer, s *bolt.Store, e export) error {
	if e.format == "jsonl" {
		enc := json.NewEncoder(w)
		return s.AuditBetween(e.from, e.to, func(ev flows.AuditEvent) error { return enc.Encode(ev) })
	}
	out := csv.NewWriter(w)
	if err := out.Write(csvHead); err != nil {
		return err
	}
	err := s.AuditBetween(e.from, e.to, func(ev flows.AuditEvent) error {
		for _, row := range csvRows(ev) {
			if err := out.Write(row); err != nil {
				return err
			}
		}
		return nil
	})
	out.Flush()
	return errors.Join(err, out.Error())
}

// csvRows gives one row for each integration of an event, one for an event
// without.
func csvRows(ev flows.AuditEvent) [][]string {
	f := ev.Fact
	groups := f.Groups
	if len(groups) == 0 {
		groups = []flows.FactGroup{{}}
	}
	var names, emails, reasons []string
	for _, d := range f.Decisions {
		names, emails = append(names, d.By.DisplayName()), append(emails, d.By.Email)
		if d.Reason != "" {
			reasons = append(reasons, d.Reason)
		}
	}
	var rows [][]string
	for _, g := range groups {
		var types, resources, permissions []string
		for _, it := range g.Items {
			types, resources, permissions = add(types, it.TypeName), add(resources, it.ResourceName), add(permissions, it.PermissionName)
		}
		ends := ""
		if !f.EndsAt.IsZero() {
			ends = f.EndsAt.UTC().Format(time.RFC3339)
		}
		row := []string{
			fmt.Sprint(ev.Seq), ev.At.UTC().Format(time.RFC3339Nano), string(f.Kind), f.Request, f.Requestor.Name, f.Requestor.Email,
			f.Grantee.Name, f.Grantee.Email, cmp.Or(f.Actor.Email, f.Actor.Name), f.Flow, f.Bundle, g.Integration, strings.Join(types, ", "),
			strings.Join(resources, ", "), strings.Join(permissions, ", "), string(g.Status), fmt.Sprint(int64(f.Duration.Seconds())),
			ends, strings.Join(names, ", "), strings.Join(emails, ", "), strings.Join(reasons, " | "), f.Justification, f.Reason, f.Text, ev.Hash,
		}
		for i := range row {
			row[i] = defuse(row[i])
		}
		rows = append(rows, row)
	}
	return rows
}

func add(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// defuse keeps spreadsheets from taking a cell for a formula.
// https://owasp.org/www-community/attacks/CSV_Injection
func defuse(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
