package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"apono/bot"
	"apono/cmd/bot/internal/config"
	"apono/flows"
)

// explainFlags are what `bot explain` is asked about.
type explainFlags struct {
	user, grantee, bundle, integration, typ, duration, at, scope, format string
	resources, permissions                                               []string
	offline                                                              bool
}

func explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain", Short: "Say what a policy answers to a question, and why; or what an access scope holds", Args: cobra.NoArgs,
		Long: "Say what a policy answers to a question, and why: under which flow, for how long, who approves, and why not under the others.\n" +
			"Integrations are asked for their resources. Exits 1 where the answer is no.",
	}
	path := configFlags(cmd)
	var f explainFlags
	cmd.Flags().StringVar(&f.user, "user", "", "who asks: an e-mail address")
	cmd.Flags().StringVar(&f.grantee, "for", "", "for whom, where that is somebody else")
	cmd.Flags().StringVar(&f.bundle, "bundle", "", "a bundle, or with --resource a part of it")
	cmd.Flags().StringVar(&f.integration, "integration", "", "an integration")
	cmd.Flags().StringVar(&f.typ, "type", "", "a resource type, where the name of the resource does not tell")
	cmd.Flags().StringSliceVar(&f.resources, "resource", nil, "resources, by name or id")
	cmd.Flags().StringSliceVar(&f.permissions, "permission", nil, "permissions, by name or id")
	cmd.Flags().StringVar(&f.duration, "duration", "", "how long, such as 2h; left out: as long as the flow allows")
	cmd.Flags().StringVar(&f.at, "at", "", "when, such as 2026-03-02T10:00:00+01:00; left out: now")
	cmd.Flags().StringVar(&f.scope, "scope", "", "list what an access scope holds instead")
	cmd.Flags().BoolVar(&f.offline, "offline", false, "ask no integration; the resources of test_inventory are assumed")
	cmd.Flags().StringVar(&f.format, "format", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case f.format != "text" && f.format != "json":
			return fmt.Errorf("--format is text or json, not %q", f.format)
		case (f.scope == "") == (f.user == ""):
			return errors.New("say --user EMAIL, or --scope NAME")
		}
		cfg, err := loadConfig(cmd, *path, true)
		if err != nil {
			return err
		}
		if err := knownIntegration(cfg, f.integration); err != nil {
			return closeAfter(cfg, err)
		}
		w := ask(cmd.Context(), cfg, f.offline, cmd.ErrOrStderr())
		if f.scope != "" {
			return closeAfter(cfg, explainScope(cmd.OutOrStdout(), w, f))
		}
		return closeAfter(cfg, explainQuestion(cmd.OutOrStdout(), w, f))
	}
	return cmd
}

// knownIntegration refuses a name that no integration has.
func knownIntegration(cfg *config.Config, name string) error {
	names := make([]string, len(cfg.Integrations))
	for i, in := range cfg.Integrations {
		names[i] = in.Name
	}
	if name == "" || slices.Contains(names, name) {
		return nil
	}
	return &problemsError{fmt.Sprintf("there is no integration %q; %s", name, flows.Suggest(name, names))}
}

// question reads the flags.
func (f *explainFlags) question(w flows.World) (q flows.Question, err error) {
	q = flows.Question{Bundle: f.bundle, Justification: "a question", Now: time.Now()}
	if q.Requestor, err = w.People.ByEmail(f.user); err != nil {
		return q, err
	}
	q.Grantee = q.Requestor
	if f.grantee != "" {
		if q.Grantee, err = w.People.ByEmail(f.grantee); err != nil {
			return q, err
		}
	}
	if f.at != "" {
		if q.Now, err = time.Parse(time.RFC3339, f.at); err != nil {
			return q, flows.Errorf(flows.CodeInvalid, "--at is a time such as 2026-03-02T10:00:00+01:00, not %q.", f.at)
		}
	}
	if f.duration != "" {
		if q.Duration, err = bot.ParseDuration(f.duration); err != nil {
			return q, err
		}
	}
	if f.bundle == "" && f.integration == "" {
		return q, nil // what they may ask for at all
	}
	q.Units, err = w.UnitsNamed(f.bundle, f.integration, f.typ, f.resources, f.permissions)
	return q, err
}

func explainScope(out io.Writer, w flows.World, f explainFlags) error {
	if _, ok := w.Catalog.Scope(f.scope); !ok {
		var names []string
		for _, s := range w.Catalog.Scopes() {
			names = append(names, s.Name)
		}
		return &problemsError{fmt.Sprintf("there is no access scope %q; %s", f.scope, flows.Suggest(f.scope, names))}
	}
	units := w.ScopeUnits(f.scope, 0)
	if f.format == "json" {
		items := make([]flows.Item, len(units))
		for i, u := range units {
			items[i] = w.Inventory.Describe(u)
		}
		return writeJSON(out, map[string]any{"access_scope": f.scope, "items": items})
	}
	for _, u := range units {
		it := w.Inventory.Describe(u)
		fmt.Fprintf(out, "%s  %s  %s  %s\n", u.Integration, it.TypeName, strings.Join(append(it.Path, it.ResourceName), "/"), it.PermissionName)
	}
	_, err := fmt.Fprintln(out, countOf(len(units), "object"))
	return err
}

func writeJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// explained is the answer for machines. Fields are added, never renamed.
type explained struct {
	Allowed  bool              `json:"allowed"`
	Requests []explainedPart   `json:"requests"`
	Problems []string          `json:"problems"`
	Flows    []explainedAnswer `json:"flows"`
}

type explainedPart struct {
	Flow      string       `json:"flow"`
	Duration  string       `json:"duration"`
	Longest   string       `json:"longest"`
	Asked     string       `json:"asked"`
	Approvers []string     `json:"approvers"`
	Items     []flows.Item `json:"items"`
}

type explainedAnswer struct {
	Flow    string   `json:"flow"`
	Chosen  bool     `json:"chosen"`
	Covers  int      `json:"covers"`
	Of      int      `json:"of"`
	Longest string   `json:"longest"`
	Asked   string   `json:"asked,omitempty"`
	Against []string `json:"against"`
}

func explain(w flows.World, q flows.Question) explained {
	e := w.Explain(q)
	out := explained{Allowed: e.Verdict.Allowed(), Requests: []explainedPart{}, Problems: []string{}, Flows: []explainedAnswer{}}
	for _, p := range e.Verdict.Parts {
		part := explainedPart{Flow: p.Flow.Name, Duration: "without limit", Longest: p.Flow.Duration.String(), Asked: p.Approvers.Summary(q.Requestor), Approvers: []string{}}
		if !p.Indefinite {
			part.Duration = flows.FormatDuration(p.Duration)
		}
		for _, a := range p.Approvers.Ask() {
			part.Approvers = append(part.Approvers, a.Email)
		}
		for _, u := range p.Units {
			part.Items = append(part.Items, w.Inventory.Describe(u))
		}
		out.Requests = append(out.Requests, part)
	}
	for _, c := range e.Verdict.Problems() {
		out.Problems = append(out.Problems, c.Reason)
	}
	for _, a := range e.Flows {
		out.Flows = append(out.Flows, explainedAnswer{
			Flow: a.Flow, Chosen: a.Chosen, Covers: a.Covers, Of: a.Of, Longest: a.Longest, Asked: a.Asked, Against: append([]string{}, a.Against...),
		})
	}
	return out
}

func explainQuestion(out io.Writer, w flows.World, f explainFlags) error {
	q, err := f.question(w)
	if err != nil {
		return &problemsError{flows.ErrorMessage(err)}
	}
	e := explain(w, q)
	whole := q.Bundle == "" && len(q.Units) == 0
	if f.format == "json" {
		err = writeJSON(out, e)
	} else {
		err = e.write(out, whole)
	}
	if err == nil && !whole && !e.Allowed {
		return &problemsError{}
	}
	return err
}

// write prints the answer for people. whole: nothing in particular was asked for.
func (e explained) write(out io.Writer, whole bool) error {
	var b strings.Builder
	switch {
	case whole:
	case e.Allowed && len(e.Requests) == 1:
		b.WriteString("yes, as one request:\n")
	case e.Allowed:
		fmt.Fprintf(&b, "yes, as %d requests:\n", len(e.Requests))
	default:
		b.WriteString("no:\n")
	}
	for _, p := range e.Problems {
		b.WriteString("  " + p + "\n")
	}
	for _, p := range e.Requests {
		fmt.Fprintf(&b, "  %s: %s, for %s (longest %s), asked: %s\n", p.Flow, countOf(len(p.Items), "object"), p.Duration, p.Longest, p.Asked)
	}
	b.WriteString("flows:\n")
	for _, a := range e.Flows {
		sign, says := "-", strings.Join(a.Against, "; ")
		switch {
		case a.Chosen:
			sign = "*"
		case len(a.Against) == 0:
			sign = "+"
		}
		if says == "" {
			says = "longest " + a.Longest + ", asked: " + a.Asked
		}
		if a.Of > 0 && a.Covers < a.Of && a.Covers > 0 {
			says = fmt.Sprintf("covers %d of %d; %s", a.Covers, a.Of, says)
		}
		fmt.Fprintf(&b, "  %s %s: %s\n", sign, a.Flow, says)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
