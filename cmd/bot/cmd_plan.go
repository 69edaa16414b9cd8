package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"apono/cmd/bot/internal/config"
	"apono/cmd/bot/internal/living"
	"apono/flows"
	"apono/store/bolt"
)

func planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "plan --old FILE --new FILE", Short: "Say who gains, loses or needs other approvers under a new policy, and which requests would end", Args: cobra.NoArgs,
		Long: "Say who gains, loses or needs other approvers under a new file, and which requests that are under way would end. Each file is judged\n" +
			"on its own people and test_inventory; what integrations know that both files have is taken from the database, as synced last,\n" +
			"and where it keeps nothing they are asked. After each line, in brackets: policy, or context (people and resources), is what makes it so.\n" +
			"Nothing is changed.",
	}
	before := cmd.Flags().String("old", "", "configuration file that is in force")
	after := cmd.Flags().String("new", "", "configuration file with the new policy")
	offline := cmd.Flags().Bool("offline", false, "ask no integration; what the database does not keep is taken from test_inventory, or not compared")
	format := cmd.Flags().String("format", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case *format != "text" && *format != "json":
			return fmt.Errorf("--format is text or json, not %q", *format)
		case *before == "" || *after == "":
			return errors.New("say --old FILE and --new FILE")
		}
		p, err := plan(cmd, *before, *after, *offline)
		if err != nil {
			return err
		}
		if *format == "json" {
			return writeJSON(cmd.OutOrStdout(), p)
		}
		return p.write(cmd.OutOrStdout())
	}
	return cmd
}

// planned is a plan for machines. Fields are added, never renamed.
type planned struct {
	Added   []string      `json:"flows_added"`
	Removed []string      `json:"flows_removed"`
	Changed []string      `json:"flows_changed"`
	Changes []change      `json:"changes"`
	Ending  []endingEntry `json:"requests_ending"`
	// Looked says whether there was a database to look for requests in.
	Looked bool `json:"requests_looked_at"`
	// Sources are what was compared. Unjudged are those of people of which nothing is
	// known, so that no right of people is said to end.
	Sources  []comparedSource `json:"sources"`
	Unjudged []string         `json:"unjudged"`
}

type change struct {
	Kind         flows.ChangeKind `json:"kind"`
	Why          flows.Because    `json:"why"` // policy, context, or policy and context
	People       []string         `json:"people"`
	For          string           `json:"for,omitempty"` // whom they may ask for; empty: themselves
	Bundle       string           `json:"bundle,omitempty"`
	Integration  string           `json:"integration,omitempty"`
	ResourceType string           `json:"resource_type,omitempty"`
	Permission   string           `json:"permission,omitempty"`
	Resources    []string         `json:"resources,omitempty"`
	Before       string           `json:"before,omitempty"`
	After        string           `json:"after,omitempty"`
}

type endingEntry struct {
	Request string `json:"request"`
	Grantee string `json:"grantee"`
	State   string `json:"state"`
	Because string `json:"because"`
	// Why is policy, context, policy and context, or already: it would end without any change.
	Why flows.Because `json:"why"`
}

func plan(cmd *cobra.Command, before, after string, offline bool) (*planned, error) {
	was, err := loadConfig(cmd, before, true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = was.Close() }() // nothing was granted through it
	is, err := loadConfig(cmd, after, true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = is.Close() }()
	live, kept, looked, err := storedFor(cmd, before, was)
	if err != nil {
		return nil, err
	}
	sources := comparing(cmd.Context(), was, is, kept, offline)
	w, x := worlds(was, is, sources, kept)
	found := flows.PlanFor(w, x)
	some := func(s []string) []string { return append([]string{}, s...) }
	p := &planned{
		Added: some(found.Added), Removed: some(found.Removed), Changed: some(found.Changed), Changes: []change{}, Ending: []endingEntry{}, Looked: looked, Sources: []comparedSource{},
	}
	p.Unjudged = append(some(unjudged(was, sources, wasOf)), unjudged(is, sources, isOf)...)
	slices.Sort(p.Unjudged)
	p.Unjudged = slices.Compact(p.Unjudged)
	for _, c := range found.Changes {
		out := change{
			Kind: c.Kind, Why: c.Because, For: c.For, Bundle: c.Bundle, Integration: c.Integration, ResourceType: c.ResourceType, Permission: c.Permission,
			Resources: c.Resources, Before: c.Before, After: c.After,
		}
		for _, person := range c.People {
			out.People = append(out.People, person.Email)
		}
		p.Changes = append(p.Changes, out)
	}
	for _, e := range flows.EndingsFor(w, x, live, len(p.Unjudged) == 0) {
		p.Ending = append(p.Ending, endingEntry{e.Request.ID, e.Request.Grantee.Email, string(e.Request.State), e.Cause, e.Because})
	}
	for _, c := range sources {
		p.Sources = append(p.Sources, c.source())
	}
	for i := range kept {
		if kept[i].Name == living.TagsSource {
			p.Sources = append(p.Sources, comparedSource{Name: kept[i].Name, Old: fromStore, New: fromStore, Synced: &kept[i].Synced})
		}
	}
	return p, nil
}

// storedFor reads what is under way, and what is known of integrations, from a copy of
// the database. looked is false where there is none.
func storedFor(cmd *cobra.Command, path string, cfg *config.Config) (live []flows.Request, kept []flows.SourceSnapshot, looked bool, err error) {
	err = onCopy(cmd, path, cfg, func(s *bolt.Store) (err error) {
		looked = true
		if live, err = s.Live(); err == nil {
			kept, err = s.Sources()
		}
		return err
	})
	return live, kept, looked, err
}

// onCopy reads a copy of the database, be the bot running or not. Where there is no
// database, read is not called.
func onCopy(cmd *cobra.Command, path string, cfg *config.Config, read func(*bolt.Store) error) (err error) {
	if _, err := os.Stat(cfg.Store.Path); err != nil {
		return nil
	}
	dir, err := os.MkdirTemp("", "apono-copy-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "bot.db")
	if _, err := writeFile(file, func(w io.Writer) error { return onStore(cmd, path, "backup", "", w) }); err != nil {
		return err
	}
	s, err := bolt.Open(file, bolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	return errors.Join(read(s), s.Close())
}

// some names a few of many.
func some(names []string) string {
	const few = 8
	if n := len(names); n > few {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), n-few)
	}
	return strings.Join(names, ", ")
}

func (p *planned) write(out io.Writer) error {
	var b strings.Builder
	for _, x := range []struct {
		what  string
		names []string
	}{{"new", p.Added}, {"removed", p.Removed}, {"changed", p.Changed}} {
		for _, name := range x.names {
			fmt.Fprintf(&b, "flow %s: %s\n", x.what, name)
		}
	}
	for _, c := range p.Changes {
		what := c.Permission + " on " + some(c.Resources) + " in " + c.Integration
		switch {
		case c.Bundle != "" && c.Integration != "":
			what += ", in the bundle " + c.Bundle
		case c.Bundle != "":
			what = "the bundle " + c.Bundle
		}
		if c.For != "" {
			what += ", for " + c.For
		}
		switch c.Kind {
		case flows.ChangeLoses:
			fmt.Fprintf(&b, "lose   %s: %s (was: %s) [%s]\n", some(c.People), what, c.Before, c.Why)
		case flows.ChangeGains:
			fmt.Fprintf(&b, "gain   %s: %s (%s) [%s]\n", some(c.People), what, c.After, c.Why)
		case flows.ChangeOther:
			fmt.Fprintf(&b, "other  %s: %s (%s; was: %s) [%s]\n", some(c.People), what, c.After, c.Before, c.Why)
		}
	}
	if len(p.Changes) == 0 {
		b.WriteString("nobody gains or loses anything\n")
	}
	for _, r := range p.Ending {
		fmt.Fprintf(&b, "end    %s of %s (%s): %s [%s]\n", r.Request, r.Grantee, r.State, r.Because, r.Why)
	}
	switch {
	case !p.Looked:
		b.WriteString("there is no database, so no requests were looked at\n")
	case len(p.Ending) == 0:
		b.WriteString("no request that is under way would end\n")
	}
	if len(p.Unjudged) > 0 {
		fmt.Fprintf(&b, "what would end because of people was not judged: nothing is known of %s\n", strings.Join(p.Unjudged, ", "))
	}
	b.WriteString("compared:\n")
	for _, s := range p.Sources {
		fmt.Fprintf(&b, "  %s\n", s)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
