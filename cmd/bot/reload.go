package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"apono/cmd/bot/internal/config"
	"apono/cmd/bot/internal/living"
	"apono/flows"
	"apono/provision"
)

const (
	// reloadEvery is how often the file is looked at. It is loaded when its content
	// was the same twice, so that nothing half-written is.
	reloadEvery = time.Second
	// reloadSync is how long new and changed integrations may take to answer before
	// the swap; those that are slower join later.
	reloadSync = 3 * time.Second
	// reloadTold bounds what one message says of changes or problems.
	reloadTold = 5
)

// Reloading says how the configuration of a running bot is loaded again.
type Reloading struct {
	// Load is how it was loaded. Without a registry it is never loaded again.
	Load config.Options
	// Hangup receives when everything is to be read again at once, unchanged or not:
	// the file, the secrets it refers to, and the integrations. May be nil.
	Hangup <-chan struct{}
	// Level is the level of the log, which follows the configuration. May be nil.
	Level *slog.LevelVar
}

// followConfig loads the file again whenever somebody saved it, or a file with a
// secret that it refers to.
func (a *App) followConfig(ctx context.Context) error {
	if a.reloading.Load.Registry == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	last, tried, secrets := a.cfg.Digest, a.cfg.Digest, a.cfg.SecretFiles
	for {
		hangup := false
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-a.reloading.Hangup:
			hangup = true
		}
		digest, err := config.Digest(a.reloading.Load.Path, secrets)
		if err != nil {
			digest = err.Error() // a file that is away for longer than a moment is refused
		}
		settled := digest == last
		last = digest
		if !hangup && (!settled || digest == tried) {
			continue
		}
		tried = digest
		if report := a.reload(ctx, hangup); report.Digest != "" {
			tried, secrets = report.Digest, report.SecretFiles // it may have been saved again meanwhile
		}
	}
}

// reload puts the saved configuration into force, or refuses it as a whole. Either
// way the audit channel is told. all connects every integration anew.
func (a *App) reload(ctx context.Context, all bool) *config.Report {
	name := filepath.Base(a.reloading.Load.Path)
	cfg, report := config.Load(ctx, a.reloading.Load)
	if cfg != nil && !a.keepsPromises(cfg, report) {
		if err := cfg.Close(); err != nil {
			a.log.WarnContext(ctx, "could not close an integration of a configuration that is refused", "err", err)
		}
		cfg = nil
	}
	a.metrics.Reloaded(cfg != nil, time.Now())
	if cfg == nil {
		a.log.ErrorContext(ctx, "the saved configuration is refused; the old one stays in force", "file", report.File, "problems", report.Summary(), "err", report.Err())
		a.tell(ctx, name+" was saved and refused as a whole: "+report.Summary()+". The configuration from before stays in force.",
			firstFew(problemLines(report, flows.SeverityError), "\n", "… and %d more; `bot check` lists all."))
		return report
	}
	was := a.current.Load()
	kept := cfg.Keep(was)
	if !all {
		if err := cfg.Adopt(was); err != nil {
			a.log.WarnContext(ctx, "could not close an integration that is not needed", "err", err)
		}
	}
	changes := cfg.Changes(was)
	a.living.Change(ctx, setup(cfg, a.log), reloadSync) //nolint:contextcheck // what is retired is closed whenever its last user is done
	a.current.Store(cfg)
	if a.reloading.Level != nil {
		a.reloading.Level.Set(cfg.Log.Level)
	}
	for _, line := range problemLines(report, flows.SeverityWarning) {
		a.log.WarnContext(ctx, "configuration", "problem", line)
	}
	a.log.InfoContext(ctx, "the saved configuration is in force", "file", report.File, "changes", changes, "needs_restart", kept)
	a.tell(ctx, loadedText(name, report, changes, kept), firstFew(changes, "; ", "and %d more changes"))
	a.nameOrphans(ctx)
	a.comparePolicy(ctx)
	return report
}

// keepsPromises runs the tests of a saved policy that could not be run on the file alone:
// on the people that the integrations know at this moment, and on test_inventory, or
// without one on what they offer. What fails is added to the report. Where an integration
// that this takes is new, connected otherwise, or was never read, the warning stays that
// the tests were not run.
func (a *App) keepsPromises(cfg *config.Config, report *config.Report) bool {
	at := slices.IndexFunc(report.Problems, func(p config.Problem) bool { return p.Code == config.CodeTestsNotRun })
	if at < 0 || !a.living.Settled() {
		return true
	}
	settings, read := map[string]string{}, map[string]bool{}
	for _, in := range a.current.Load().Integrations {
		settings[in.Name] = in.Settings
	}
	for _, h := range a.living.Health() {
		read[h.Name] = !h.Synced.IsZero()
	}
	w := a.living.World()
	sampled := len(cfg.Sample) > 0
	if sampled {
		w.Inventory = flows.NewInventory(cfg.Sample)
	}
	for _, in := range cfg.Integrations {
		_, people := in.Connection.(provision.Directory)
		was, known := settings[in.Name]
		if (people || !sampled) && (!known || was != in.Settings || !read[in.Name]) {
			return true
		}
	}
	report.Problems = slices.Delete(report.Problems, at, at+1)
	report.Problems = append(report.Problems, cfg.RunTests(flows.NewWorld(w.People, w.Inventory, flows.NewCatalog(cfg.Policy)))...)
	return report.OK()
}

// comparePolicy says what the policy names and integrations do not know.
func (a *App) comparePolicy(ctx context.Context) {
	for _, p := range unknownNames(a.current.Load(), a.living) {
		a.log.WarnContext(ctx, "configuration", "problem", p.String())
	}
}

// unknownNames compares the policy with people and inventory. People are compared
// where every source of them was read: in half a directory much is missing.
func unknownNames(cfg *config.Config, sources *living.Context) []config.Problem {
	w := sources.World()
	if !sources.Settled() {
		w.People = nil
	}
	return cfg.Check(w)
}

func loadedText(name string, report *config.Report, changes, kept []string) string {
	text := name + " was saved and is in force"
	switch {
	case len(changes) == 0 && len(kept) == 0:
		text += "; it means the same as before"
	case len(changes) == 0:
		text += "; nothing changed for now"
	}
	text += "."
	if len(kept) > 0 {
		text += " Changed, but taken over only at the next start: " + strings.Join(kept, ", ") + "."
	}
	if report.Warnings() > 0 {
		text += " It has " + strings.TrimPrefix(report.Summary(), "ok, ") + "; `bot check` lists them."
	}
	return text
}

func problemLines(report *config.Report, s flows.Severity) (out []string) {
	for _, p := range report.Problems {
		if p.Severity == s {
			if p.File != "" {
				p.File = filepath.Base(p.File)
			}
			out = append(out, p.String())
		}
	}
	return out
}

// firstFew joins the first of many, and says how many there are beside them.
func firstFew(all []string, between, rest string) string {
	if n := len(all) - reloadTold; n > 0 {
		all = append(slices.Clone(all[:reloadTold]), fmt.Sprintf(rest, n))
	}
	return strings.Join(all, between)
}

// tell writes what the bot itself did into the audit trail, and so into the audit
// channel.
func (a *App) tell(ctx context.Context, text, details string) {
	const longest = flows.MaxReason
	fact := flows.Fact{Kind: flows.FactOperator, Text: cutRunes(text, longest), Reason: cutRunes(details, longest)}
	err := a.store.Record(context.WithoutCancel(ctx), a.now(), fact)
	a.wrote(err)
	if err != nil {
		a.log.ErrorContext(ctx, "could not tell the audit trail", "text", text, "err", err)
	}
}

func cutRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// setup is the part of a configuration that decisions and grants are made in.
func setup(cfg *config.Config, log *slog.Logger) living.Setup {
	s := living.Setup{Catalog: flows.NewCatalog(cfg.Policy), HoldAbove: cfg.Sync.HoldWhenShrinkingBy}
	for _, in := range cfg.Integrations {
		s.Sources = append(s.Sources, living.Source{
			Name: in.Name, Interval: in.SyncInterval, Connection: in.Connection, Settings: in.Settings, AccessDetails: in.AccessDetails,
			Retire: func() {
				if err := in.Close(); err != nil {
					log.WarnContext(context.Background(), "could not close an integration that was replaced", "integration", in.Name, "err", err)
				}
			},
		})
	}
	return s
}
