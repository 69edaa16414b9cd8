package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"apono/cmd/bot/internal/config"
	"apono/flows"
	"apono/store/bolt"
)

func planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "plan --old FILE --new FILE", Short: "Say who gains, loses or needs other approvers under a new policy, and which requests would end", Args: cobra.NoArgs,
		Long: "Say who gains, loses or needs other approvers under a new policy, for the people and resources of the new file, and which\n" +
			"requests that are under way would end. Nothing is changed.",
	}
	before := cmd.Flags().String("old", "", "configuration file that is in force")
	after := cmd.Flags().String("new", "", "configuration file with the new policy")
	offline := cmd.Flags().Bool("offline", false, "ask no integration; the resources of test_inventory are assumed")
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
}

type change struct {
	Kind         flows.ChangeKind `json:"kind"`
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
	k := ask(cmd.Context(), is, offline, cmd.ErrOrStderr())
	w := k.world(is.Policy)
	found := flows.PlanFor(k.world(was.Policy), w)
	some := func(s []string) []string { return append([]string{}, s...) }
	p := &planned{Added: some(found.Added), Removed: some(found.Removed), Changed: some(found.Changed), Changes: []change{}, Ending: []endingEntry{}}
	for _, c := range found.Changes {
		out := change{
			Kind: c.Kind, For: c.For, Bundle: c.Bundle, Integration: c.Integration, ResourceType: c.ResourceType, Permission: c.Permission,
			Resources: c.Resources, Before: c.Before, After: c.After,
		}
		for _, person := range c.People {
			out.People = append(out.People, person.Email)
		}
		p.Changes = append(p.Changes, out)
	}
	live, looked, err := liveRequests(cmd, before, was)
	if err != nil {
		return nil, err
	}
	p.Looked = looked
	p.Ending = append(p.Ending, automaticEnding(w, live)...)
	for i := range live {
		if because := w.WouldEnd(&live[i]); because != "" {
			p.Ending = append(p.Ending, endingEntry{live[i].ID, live[i].Grantee.Email, string(live[i].State), because})
		}
	}
	return p, nil
}

// automaticEnding lists what automatic flows gave and would not, or not all of it,
// because of the policy of a world.
func automaticEnding(w flows.World, live []flows.Request) (out []endingEntry) {
	var held []flows.Holding
	by := map[string]*flows.Request{}
	for i := range live {
		if r := &live[i]; r.Trigger == flows.TriggerAutomatic && (r.State == flows.StateApproved || r.State == flows.StateActive) {
			held, by[r.ID] = append(held, flows.HoldingOf(r)), r
		}
	}
	for _, s := range w.PlanAutomatic(held).Steps {
		for _, e := range s.Ends {
			if e.Policy {
				out = append(out, endingEntry{e.ID, by[e.ID].Grantee.Email, string(by[e.ID].State), e.Cause})
			}
		}
	}
	return out
}

// liveRequests reads what is under way from a copy of the database. looked is false
// where there is none.
func liveRequests(cmd *cobra.Command, path string, cfg *config.Config) (live []flows.Request, looked bool, err error) {
	err = onCopy(cmd, path, cfg, func(s *bolt.Store) error {
		looked = true
		live, err = s.Live()
		return err
	})
	return live, looked, err
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
		if c.Bundle != "" {
			what = "the bundle " + c.Bundle
		}
		if c.For != "" {
			what += ", for " + c.For
		}
		switch c.Kind {
		case flows.ChangeLoses:
			fmt.Fprintf(&b, "lose   %s: %s (was: %s)\n", some(c.People), what, c.Before)
		case flows.ChangeGains:
			fmt.Fprintf(&b, "gain   %s: %s (%s)\n", some(c.People), what, c.After)
		case flows.ChangeOther:
			fmt.Fprintf(&b, "other  %s: %s (%s; was: %s)\n", some(c.People), what, c.After, c.Before)
		}
	}
	if len(p.Changes) == 0 {
		b.WriteString("nobody gains or loses anything, on the people and resources of the new file\n")
	}
	for _, r := range p.Ending {
		fmt.Fprintf(&b, "end    %s of %s (%s): %s\n", r.Request, r.Grantee, r.State, r.Because)
	}
	switch {
	case !p.Looked:
		b.WriteString("there is no database, so no requests were looked at\n")
	case len(p.Ending) == 0:
		b.WriteString("no request that is under way would end\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}
