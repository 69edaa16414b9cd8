package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"apono/flows"
	"apono/store/bolt"
)

func auditExportCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "export", Short: "Write the audit trail as CSV (one row an integration) or JSON lines", Args: cobra.NoArgs}
	path := configFlags(cmd)
	format := cmd.Flags().String("format", "csv", "csv or jsonl")
	from := cmd.Flags().String("from", "", "first moment, a date or RFC 3339 time")
	to := cmd.Flags().String("to", "", "moment after the last, a date or RFC 3339 time")
	user := cmd.Flags().StringSlice("user", nil, "only what these people asked for, got, decided or did: e-mail addresses")
	integration := cmd.Flags().StringSlice("integration", nil, "only what is about these integrations")
	status := cmd.Flags().StringSlice("status", nil, "only changes to these: asked, approved, granted, denied, expired, revoked, …")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		query := url.Values{"format": {*format}, "from": {*from}, "to": {*to}}
		for name, values := range map[string][]string{"user": *user, "integration": *integration, "status": *status} {
			if len(values) > 0 {
				query[name] = values
			}
		}
		if _, err := parseExport(query); err != nil {
			return err
		}
		return onStore(cmd, *path, "audit/export", query.Encode(), cmd.OutOrStdout())
	}
	return cmd
}

// export is what of the trail is asked for. An empty list is no condition.
type export struct {
	format       string
	from, to     time.Time // zero: no bound
	users        []string
	integrations []string
	statuses     []flows.FactKind
}

// parseExport reads what the flags, of the same names, say.
func parseExport(q url.Values) (export, error) {
	e := export{format: q.Get("format"), users: q["user"], integrations: q["integration"]}
	if e.format != "csv" && e.format != "jsonl" {
		return e, fmt.Errorf("--format is csv or jsonl, not %q", e.format)
	}
	for name, into := range map[string]*time.Time{"from": &e.from, "to": &e.to} {
		text := q.Get(name)
		if text == "" {
			continue
		}
		t, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t, err = time.Parse(time.RFC3339, text)
		}
		if err != nil {
			return e, fmt.Errorf("--%s is a date (2026-01-31) or a time (2026-01-31T08:00:00Z), not %q", name, text)
		}
		*into = t
	}
	for _, text := range q["status"] {
		kind := flows.FactKind(strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(strings.TrimSpace(text))))
		if !slices.Contains(flows.FactKinds(), kind) {
			return e, fmt.Errorf("--status does not know %q; it knows %s", text, strings.Trim(fmt.Sprint(flows.FactKinds()), "[]"))
		}
		e.statuses = append(e.statuses, kind)
	}
	return e, nil
}

// takes reports whether a fact meets the conditions.
func (e export) takes(f flows.Fact) bool {
	if len(e.statuses) > 0 && !slices.Contains(e.statuses, f.Kind) {
		return false
	}
	if len(e.integrations) > 0 && !slices.ContainsFunc(f.Groups, e.about) {
		return false
	}
	return len(e.users) == 0 || slices.ContainsFunc(e.users, func(email string) bool {
		return f.Requestor.Is(email) || f.Grantee.Is(email) || f.Actor.Is(email) ||
			f.Delegation != nil && (f.Delegation.From.Is(email) || f.Delegation.To.Is(email)) ||
			slices.ContainsFunc(f.Decisions, func(d flows.Decision) bool {
				return d.By.Is(email) || slices.ContainsFunc(d.For, func(s flows.Stand) bool { return s.For.Is(email) })
			})
	})
}

func (e export) about(g flows.FactGroup) bool { return slices.Contains(e.integrations, g.Integration) }

// part leaves out the integrations that were not asked for.
func (e export) part(ev flows.AuditEvent) flows.AuditEvent {
	if len(e.integrations) > 0 {
		ev.Fact.Groups = slices.DeleteFunc(slices.Clone(ev.Fact.Groups), func(g flows.FactGroup) bool { return !e.about(g) })
	}
	return ev
}

var csvHead = []string{
	"seq", "time", "event", "request_id", "requestor_name", "requestor_email", "grantee_name", "grantee_email", "actor_email",
	"access_flow", "bundle_name", "integration", "resource_type", "resources", "permissions", "integration_status", "duration_seconds",
	"ends_at", "approver_names", "approver_emails", "approver_reasons", "justification", "reason", "note", "hash",
}

// byteOrderMark tells Excel that a CSV file is UTF-8; it takes it for the old code page of
// the machine else. Other tools take the mark for a part of the first column's name, so
// that it is in files for people alone, never in what a command prints.
const byteOrderMark = "\ufeff"

var errSome = errors.New("there is something")

// nothing reports whether nothing in the trail meets the conditions.
func (e export) nothing(s *bolt.Store) (bool, error) {
	err := s.AuditBetween(e.from, e.to, func(ev flows.AuditEvent) error {
		if e.takes(ev.Fact) {
			return errSome
		}
		return nil
	})
	if errors.Is(err, errSome) {
		return false, nil
	}
	return err == nil, err
}

// only says the conditions to people; empty: there are none.
func (e export) only() string {
	var out []string
	if len(e.users) > 0 {
		out = append(out, "of "+strings.Join(e.users, ", "))
	}
	if len(e.integrations) > 0 {
		out = append(out, "in "+strings.Join(e.integrations, ", "))
	}
	if len(e.statuses) > 0 {
		var names []string
		for _, s := range e.statuses {
			names = append(names, strings.ReplaceAll(string(s), "_", " "))
		}
		out = append(out, strings.Join(names, ", "))
	}
	return strings.Join(out, "; ")
}

func writeExport(w io.Writer, s *bolt.Store, e export) error {
	if e.format == "jsonl" {
		enc := json.NewEncoder(w)
		return s.AuditBetween(e.from, e.to, func(ev flows.AuditEvent) error {
			if !e.takes(ev.Fact) {
				return nil
			}
			return enc.Encode(ev)
		})
	}
	out := csv.NewWriter(w)
	if err := out.Write(csvHead); err != nil {
		return err
	}
	err := s.AuditBetween(e.from, e.to, func(ev flows.AuditEvent) error {
		if !e.takes(ev.Fact) {
			return nil
		}
		for _, row := range csvRows(e.part(ev)) {
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
		name := []string{d.By.DisplayName()}
		for _, s := range d.For {
			name = append(name, s.For.DisplayName())
		}
		names, emails = append(names, strings.Join(name, " for ")), append(emails, d.By.Email)
		if d.Reason != "" {
			reasons = append(reasons, d.Reason)
		}
	}
	var rows [][]string
	for _, g := range groups {
		var types, resources, permissions []string
		for _, it := range g.Items {
			types, resources, permissions = add(types, it.TypeName), add(resources, it.FullName()), add(permissions, it.PermissionName)
		}
		ends := ""
		if !f.EndsAt.IsZero() {
			ends = f.EndsAt.UTC().Format(time.RFC3339)
		}
		row := []string{
			fmt.Sprint(ev.Seq), ev.At.UTC().Format(time.RFC3339), string(f.Kind), f.Request, f.Requestor.Name, f.Requestor.Email,
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

// formula is where a spreadsheet would take what follows for a formula: at the
// beginning of a cell, and after what some of them take for the end of a cell or a
// line whatever the quotes say. https://owasp.org/www-community/attacks/CSV_Injection
var formula = regexp.MustCompile("(^|[;\t\r\n])([=+\\-@＝＋－＠\t\r\n])")

// defuse keeps spreadsheets from taking any of a cell for a formula.
func defuse(cell string) string {
	for formula.MatchString(cell) { // matches overlap
		cell = formula.ReplaceAllString(cell, "$1'$2")
	}
	return cell
}
