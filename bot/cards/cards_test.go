package cards_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

var update = flag.Bool("update", false, "rewrite golden files")

var (
	noon  = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	alice = flows.PersonRef{Email: "alice@example.com", Name: "Alice"}
	bob   = flows.PersonRef{Email: "bob@example.com", Name: "Bob"}
	carol = flows.PersonRef{Email: "carol@example.com", Name: "Carol"}
)

func item(integration, resource, permission string, path ...string) flows.Item {
	return flows.Item{
		Unit:         flows.Unit{Integration: integration, ResourceType: "database", Resource: resource, Permission: permission},
		ResourceName: resource, TypeName: "Database", PermissionName: permission, Path: path,
	}
}

// draft is Alice's request in two integrations, which needs her manager and a dba.
func draft() flows.Request {
	return flows.Request{
		ID: "AR-12", Seq: 12, Trigger: flows.TriggerSelfServe, Requestor: alice, Grantee: alice, Flow: "Developers read production", Duration: 90 * time.Minute,
		Justification: "INC-12: the refunds queue is burning",
		Need:          flows.Need{Mode: flows.ModeAllOf, Groups: []string{"Alice's manager", "dba"}},
		Asked: []flows.Asked{
			{PersonRef: bob, Groups: []int{0}, Why: "You are Alice's manager."}, {PersonRef: carol, Groups: []int{1}, Why: "You are in the group dba."},
		},
		Groups: []flows.AccessGroup{
			{Integration: "prod-postgres", Items: []flows.Item{item("prod-postgres", "orders", "Read", "main", "public"), item("prod-postgres", "users", "Read"), item("prod-postgres", "users", "Write")}},
			{Integration: "deploy-tool", Items: []flows.Item{item("deploy-tool", "payments", "Deploy")}},
		},
	}
}

func ev(kind flows.EventKind) flows.Event { return flows.Event{Kind: kind} }

func decide(kind flows.EventKind, by flows.PersonRef, group int, reason string) flows.Event {
	ground := flows.Ground{Role: map[int]string{0: "Alice's manager", 1: "in the group dba"}[group]}
	return flows.Event{Kind: kind, By: by, CountsFor: []int{group}, Reason: reason, Why: ground.You(), Ground: ground}
}

// extend asks for an hour more, of those who approved the request.
func extend(automatic bool) flows.Event {
	e := draft()
	ask := &flows.Extension{For: time.Hour, Need: e.Need, Asked: e.Asked, Waiting: flows.Waiting{Until: noon.Add(24 * time.Hour)}}
	if automatic {
		ask.Need, ask.Asked = flows.Need{Automatic: true}, nil
	}
	return flows.Event{Kind: flows.EventExtend, By: alice, Extend: ask, Most: 2, Reason: "The restore still runs."}
}

// approveLess leaves out what can be written in prod-postgres.
func approveLess(e flows.Event, d time.Duration) flows.Event {
	e.Less = &flows.Less{Without: []flows.Unit{draft().Groups[0].Items[2].Unit}, Duration: d}
	return e
}

func onExtension(kind flows.EventKind, by flows.PersonRef, group int, reason string) flows.Event {
	e := decide(kind, by, group, reason)
	e.Extension = 1
	return e
}

func of(kind flows.EventKind, integration string) flows.Event {
	e := flows.Event{Kind: kind, Integration: integration, Problem: "the role \"app\" does not exist"}
	if kind == flows.EventView || kind == flows.EventReset {
		e.By = alice
	}
	if kind == flows.EventGranted || kind == flows.EventRotated {
		e.Access = flows.Access{Details: []flows.Detail{{Name: "host", Value: "db.example.com"}}, Instructions: "Connect through the VPN first.", CanReset: true, Sealed: []byte("x"), SealedUntil: noon.Add(time.Hour)}
		if integration == "deploy-tool" {
			e.Access = flows.Access{}
		}
	}
	return e
}

type specimen struct {
	name  string
	r     flows.Request
	now   time.Time
	facts []flows.AuditEvent
}

// play takes a draft through events, a minute apart; due events happen when they are.
func play(t testing.TB, name string, r flows.Request, events ...flows.Event) specimen {
	t.Helper()
	s := specimen{name: name, now: noon}
	for _, e := range append([]flows.Event{{Kind: flows.EventSubmit, By: alice}}, events...) {
		if at, ok := r.DueAt(); ok && e.Kind == flows.EventDue && at.After(s.now) {
			s.now = at
		}
		next, effects, err := flows.Next(r, e, s.now)
		if err != nil {
			t.Fatalf("%s: %s: %v", name, e.Kind, err)
		}
		for _, f := range effects {
			if f.Fact != nil && f.Fact.Kind.Told() {
				s.facts = append(s.facts, flows.AuditEvent{Seq: uint64(len(s.facts) + 1), At: s.now, Fact: *f.Fact})
			}
		}
		r, s.now = next, s.now.Add(time.Minute)
	}
	s.r = r
	return s
}

// specimens are requests in every state, by every way that reads differently.
func specimens(t testing.TB) []specimen {
	t.Helper()
	yes, also := decide(flows.EventApprove, bob, 0, "Go ahead."), decide(flows.EventApprove, carol, 1, "")
	active := []flows.Event{yes, also, of(flows.EventGranted, "prod-postgres"), of(flows.EventGranted, "deploy-tool")}
	then := func(before []flows.Event, more ...flows.Event) []flows.Event {
		return append(slices.Clone(before), more...)
	}
	end := flows.Event{Kind: flows.EventRevoke, By: carol, Reason: "the fire is out"}
	withdraw := flows.Event{Kind: flows.EventWithdraw, By: alice}
	automatic, indefinite, bundle, other := draft(), draft(), draft(), draft()
	automatic.Need, automatic.Asked, automatic.Groups = flows.Need{Automatic: true}, nil, automatic.Groups[1:]
	indefinite.Duration, indefinite.Indefinite, indefinite.Justification = 0, true, ""
	bundle.Bundle = "prod-incident"
	other.Grantee = flows.PersonRef{Email: "dan@example.com", Name: "Dan"}
	glass := automatic
	glass.BreakGlass, glass.Justification = true, ""
	crowd := draft()
	crowd.Asked = append(crowd.Asked, flows.Asked{PersonRef: flows.PersonRef{Email: "dan@example.com", Name: "Dan"}, Groups: []int{0}, Why: "You are Alice's manager, too."})
	raised := []flows.Event{end, ev(flows.EventDue), {Kind: flows.EventRaised, Admins: []flows.PersonRef{{Email: "eve@example.com", Name: "Eve"}}}, of(flows.EventRevokeFailed, "prod-postgres")}
	more := draft()
	more.MaxExtensions = 2
	long := more
	long.Duration = 48 * time.Hour
	lent := long
	lent.Grantee = other.Grantee
	soon := then(active, of(flows.EventView, "prod-postgres"), ev(flows.EventDue))
	gap := play(t, "pending, its time is up", draft())
	gap.now = gap.r.PendingUntil
	overdue := play(t, "revoking, overdue", draft(), then(active, end)...)
	overdue.now = overdue.now.Add(time.Hour)
	out := []specimen{
		play(t, "pending", draft()), play(t, "pending, one of two", draft(), yes), play(t, "pending, another of the group has approved", crowd, yes), gap, play(t, "pending, a bundle", bundle), play(t, "pending, for somebody else", other), play(t, "active, for somebody else", other, active...), play(t, "active, ending soon, for somebody else", lent, then(active, ev(flows.EventDue), ev(flows.EventDue))...),
		play(t, "revoked, for somebody else", other, then(active, end, of(flows.EventGone, "prod-postgres"), of(flows.EventGone, "deploy-tool"))...),
		play(t, "pending, without limit", indefinite), play(t, "approved", draft(), yes, also), play(t, "approved, automatically", automatic),
		play(t, "approved, slow, 27 of 300", draft(), yes, also,
			flows.Event{Kind: flows.EventBegun, Integration: "prod-postgres", Usual: 4 * time.Minute},
			flows.Event{Kind: flows.EventProgress, Integration: "prod-postgres", Done: 27, Total: 300}),
		play(t, "approved, one could not be granted", draft(), yes, also, of(flows.EventGrantFailed, "deploy-tool")),
		play(t, "active", draft(), active...), play(t, "active, without limit", indefinite, active...), play(t, "active, automatically", automatic, of(flows.EventGranted, "deploy-tool")),
		play(t, "active, one failed", draft(), yes, also, of(flows.EventGranted, "prod-postgres"), of(flows.EventGrantFailed, "deploy-tool"), of(flows.EventGone, "deploy-tool")),
		play(t, "active, credentials shown", draft(), then(active, of(flows.EventView, "prod-postgres"))...),
		play(t, "active, credentials erased", draft(), then(active, ev(flows.EventDue))...),
		play(t, "active, new credentials", draft(), then(active, of(flows.EventReset, "prod-postgres"))...),
		play(t, "active, not reset", draft(), then(active, of(flows.EventReset, "prod-postgres"), of(flows.EventRotateFailed, "prod-postgres"))...),
		play(t, "revoking", draft(), then(active, end)...), overdue,
		play(t, "expired", draft(), then(active, of(flows.EventView, "prod-postgres"), ev(flows.EventDue), ev(flows.EventDue), of(flows.EventGone, "prod-postgres"), of(flows.EventGone, "deploy-tool"))...),
		play(t, "revoked", draft(), then(active, end, of(flows.EventGone, "prod-postgres"), of(flows.EventGone, "deploy-tool"))...),
		play(t, "revoked before it was granted", draft(), yes, also, end, of(flows.EventGone, "prod-postgres"), of(flows.EventGone, "deploy-tool")),
		play(t, "denied", draft(), yes, decide(flows.EventDeny, carol, 1, "Not during the freeze.")),
		play(t, "denied without a reason", draft(), decide(flows.EventDeny, bob, 0, "")),
		play(t, "withdrawn", draft(), withdraw), play(t, "timed_out", draft(), ev(flows.EventDue), ev(flows.EventDue)),
		play(t, "failed, being taken back", automatic, of(flows.EventGrantFailed, "deploy-tool")),
		play(t, "revoking, raised to an admin", draft(), then(active, raised...)...),
		play(t, "revoked, after it was raised to an admin", draft(), then(active, append(raised, of(flows.EventGone, "prod-postgres"), of(flows.EventGone, "deploy-tool"))...)...),
		play(t, "active, glass broken", glass, of(flows.EventGranted, "deploy-tool")),
		play(t, "revoked, glass not explained", glass, of(flows.EventGranted, "deploy-tool"), end, of(flows.EventGone, "deploy-tool"), ev(flows.EventDue)),
		play(t, "active, glass explained", glass, of(flows.EventGranted, "deploy-tool"), flows.Event{Kind: flows.EventExplain, By: alice, Reason: "The shop was down."}),
		play(t, "failed", automatic, of(flows.EventGrantFailed, "deploy-tool"), of(flows.EventGone, "deploy-tool")),
		play(t, "pending, reminded", draft(), yes, ev(flows.EventDue)),
		play(t, "pending, Bob is out of reach", draft(), flows.Event{Kind: flows.EventUnreached, By: bob}),
		play(t, "pending, one approved less", draft(), approveLess(yes, 30*time.Minute)),
		play(t, "active, less than asked", draft(), approveLess(yes, 30*time.Minute), approveLess(also, time.Hour), of(flows.EventGranted, "prod-postgres"), of(flows.EventGranted, "deploy-tool")),
		play(t, "active, ending soon", more, soon...),
		play(t, "active, more time asked for", more, then(soon, extend(false))...),
		play(t, "active, more time, one of two", more, then(soon, extend(false), onExtension(flows.EventApprove, bob, 0, "Take your time."))...),
		play(t, "active, extended", more, then(soon, extend(false), onExtension(flows.EventApprove, bob, 0, "Take your time."), onExtension(flows.EventApprove, carol, 1, ""), of(flows.EventExtendFailed, "deploy-tool"))...),
		play(t, "active, extended automatically", more, then(active, extend(true), of(flows.EventProlonged, "prod-postgres"))...),
		play(t, "active, not extended", more, then(soon, extend(false), onExtension(flows.EventDeny, carol, 1, "Enough for today."))...),
		play(t, "active, reminded of more time", long, then(active, of(flows.EventView, "prod-postgres"), extend(false), ev(flows.EventDue))...),
		play(t, "active, more time timed out", long, then(active, of(flows.EventView, "prod-postgres"), extend(false), ev(flows.EventDue), ev(flows.EventDue))...),
		play(t, "expired, nobody decided on more time", more, then(soon, extend(false), ev(flows.EventDue), ev(flows.EventDue), of(flows.EventGone, "prod-postgres"), of(flows.EventGone, "deploy-tool"))...),
	}
	return append(out, delegated(t)...)
}

// TestCards draws every message of every request; read the golden files as the
// person would who gets them.
func TestCards(t *testing.T) {
	names := map[string]bool{}
	for _, s := range specimens(t) {
		out := map[string]chat.Card{}
		for _, k := range s.r.Posts() {
			c, ok := cards.Card(s.r, k, s.now)
			if !ok {
				t.Errorf("%s: there is no card for %s", s.name, k)
			}
			if c.Fallback == "" || strings.Contains(c.Fallback, "\n") {
				t.Errorf("%s: fallback %q", s.name, c.Fallback)
			}
			out[strings.TrimPrefix(k.String(), s.r.ID+"/")] = c
		}
		name := strings.NewReplacer(" ", "_", ",", "").Replace(s.name)
		if names[name] {
			t.Errorf("two specimens are called %s", name)
		}
		names[name] = true
		golden(t, name, out)
		golden(t, name+".details", cards.Details(s.r, "", s.now, 0, nil))
	}
}

// TestAudit draws the events of every story, one by one and merged.
func TestAudit(t *testing.T) {
	seen := map[flows.FactKind]bool{}
	out := map[string]chat.Card{}
	for _, s := range specimens(t) {
		for _, e := range s.facts {
			name := string(e.Fact.Kind) + " of " + s.name
			if !seen[e.Fact.Kind] || e.Fact.Kind == flows.FactRevoked || name == "approved of approved, automatically" {
				out[name] = cards.Audit([]flows.AuditEvent{e})
			}
			seen[e.Fact.Kind] = true
		}
	}
	overdue := specimens(t)[17].facts
	e := overdue[len(overdue)-1]
	for _, k := range []flows.FactKind{flows.FactOverdue, flows.FactOverdueOver, flows.FactDeclaredGone, flows.FactOperator} {
		e.Fact.Kind, e.Fact.Text, seen[k] = k, "The access in prod-postgres should be gone.", true
		if k == flows.FactOperator {
			e.Fact = flows.Fact{Kind: k, Text: "The bot has started."}
		}
		out[string(k)] = cards.Audit([]flows.AuditEvent{e})
	}
	e.Fact = flows.Fact{Kind: flows.FactOperator, Text: "The sync of people is held.", Reason: "Press Proceed or Discard.", Hold: "sync/people/1f"}
	out["held"], out["held, to an admin"] = cards.Audit([]flows.AuditEvent{e}), cards.Held(e.Fact)
	for _, s := range specimens(t) {
		if s.name == "revoked" {
			out["merged"] = cards.Audit(s.facts)
		}
	}
	for _, k := range []flows.FactKind{
		flows.FactAsked, flows.FactApproved, flows.FactGranted, flows.FactDenied, flows.FactExpired, flows.FactRevoked, flows.FactWithdrawn, flows.FactTimedOut, flows.FactFailed, flows.FactExtended,
	} {
		if !seen[k] {
			t.Errorf("no story is %s", k)
		}
	}
	for name, c := range out {
		if c.Fallback == "" {
			t.Errorf("%s: no fallback", name)
		}
	}
	golden(t, "audit", out)
	if c := cards.Audit(nil); c.Fallback == "" {
		t.Error("nothing at all has no fallback")
	}
}

func TestForms(t *testing.T) {
	s := play(t, "pending", draft())
	live := play(t, "active", draft(), decide(flows.EventApprove, bob, 0, ""), decide(flows.EventApprove, carol, 1, ""), of(flows.EventGranted, "prod-postgres"), of(flows.EventGranted, "deploy-tool"))
	o := chat.Option{Value: "v", Label: "An option"}
	one := []chat.Option{o}
	golden(t, "forms", map[string]chat.Form{
		"empty":       cards.RequestForm{Empty: "There is nothing you may ask for at the moment."}.Form(),
		"resource":    cards.RequestForm{CanSwitch: true, Integrations: one, Integration: one, Types: one, Type: one, Resources: one, Permissions: one, ChosenPermissions: one, Duration: "1h", Justification: "why"}.Form(),
		"bundle":      cards.RequestForm{CanSwitch: true, BundleMode: true, Bundles: one, Bundle: one, Items: one, OfferAll: true, All: true, JustificationOptional: true, Hint: []chat.Text{chat.T("A hint")}}.Form(),
		"large":       cards.RequestForm{BundleMode: true, Bundles: one, Bundle: one, TooManyForAll: true}.Form(),
		"less":        cards.Less(s.r, "1h30m", false, "{}"),
		"extend":      cards.Extend(live.r, *extend(false).Extend, true, "{}"),
		"approve":     cards.Reason(s.r, flows.VerbApprove, true, "{}"),
		"deny":        cards.Reason(s.r, flows.VerbDeny, false, "{}"),
		"loading":     cards.Loading("Credentials"),
		"credentials": cards.Credentials("prod-postgres", []flows.Detail{{Name: "host", Value: "db"}}, []cards.Secret{{Name: "password", Value: "hunter2"}}, true),
		"notice":      cards.Notice("Not done", "AR-12 was already denied by Bob."),
	})
}

// TestLabels: people and other tools find elements by these, to the letter.
func TestLabels(t *testing.T) {
	have := map[string]bool{}
	for _, s := range specimens(t) {
		for _, k := range s.r.Posts() {
			c, _ := cards.Card(s.r, k, s.now)
			have[c.Title] = true
			for _, a := range append(slices.Clone(c.Actions), c.Menu...) {
				have[a.Label] = true
				if a.Target.Request != s.r.ID || a.Target.Version != s.r.Version {
					t.Errorf("%s: %s carries %+v", s.name, a.Label, a.Target)
				}
			}
		}
	}
	forms := []chat.Form{
		cards.RequestForm{CanSwitch: true, Integration: make([]chat.Option, 1), Type: make([]chat.Option, 1)}.Form(),
		cards.RequestForm{CanSwitch: true, BundleMode: true, Bundle: make([]chat.Option, 1), OfferAll: true}.Form(),
		cards.Reason(draft(), flows.VerbDeny, false, ""),
	}
	for _, f := range forms {
		have[f.Title], have[f.Submit], have[f.Close] = true, true, true
		for _, p := range f.Parts {
			have[p.Label] = true
			if p.Action != nil {
				have[p.Action.Label] = true
			}
			for _, o := range p.Options {
				have[o.Label] = true
			}
		}
	}
	for _, label := range []string{
		"Access request AR-12", "Approve", "Deny", "Details", "Reason", "Access details", "Show credentials", "Reset credentials", "End access", "Extend", "Approve less…", "Request again",
		"Request access", "Submit", "Cancel", "Bundle Mode", "Resource Mode", "Integration", "Resource type", "Resources", "Permissions", "Duration", "Justification", "Bundle", "Items", "Select all",
	} {
		if !have[label] {
			t.Errorf("nothing is labelled %q", label)
		}
	}
}

// TestButtonsThatWork: a button that is drawn is one that the state machine takes.
func TestButtonsThatWork(t *testing.T) {
	events := map[chat.ActionID]func(k flows.PostKey) flows.Event{
		chat.ActionApprove: func(k flows.PostKey) flows.Event {
			return flows.Event{Kind: flows.EventApprove, By: flows.PersonRef{Email: k.Person}, CountsFor: []int{0}}
		},
		chat.ActionDeny: func(k flows.PostKey) flows.Event {
			return flows.Event{Kind: flows.EventDeny, By: flows.PersonRef{Email: k.Person}, CountsFor: []int{0}}
		},
		chat.ActionWithdraw: func(k flows.PostKey) flows.Event {
			return flows.Event{Kind: flows.EventWithdraw, By: flows.PersonRef{Email: k.Person}}
		},
		chat.ActionEndAccess: func(k flows.PostKey) flows.Event {
			return flows.Event{Kind: flows.EventRevoke, By: flows.PersonRef{Email: k.Person}}
		},
		chat.ActionCredentials: func(k flows.PostKey) flows.Event {
			return flows.Event{Kind: flows.EventView, By: flows.PersonRef{Email: k.Person}, Integration: k.Integration}
		},
		chat.ActionExtend: func(flows.PostKey) flows.Event { return extend(true) },
		chat.ActionReset: func(k flows.PostKey) flows.Event {
			return flows.Event{Kind: flows.EventReset, By: flows.PersonRef{Email: k.Person}, Integration: k.Integration}
		},
	}
	for _, s := range specimens(t) {
		for _, k := range s.r.Posts() {
			c, _ := cards.Card(s.r, k, s.now)
			for _, a := range c.Actions {
				if event, ok := events[a.ID]; ok {
					ev := event(k)
					ev.Extension = a.Target.Extension
					if _, _, err := flows.Next(s.r, ev, s.now); err != nil {
						t.Errorf("%s, %s: %s is offered and refused: %v", s.name, k, a.Label, err)
					}
				}
			}
		}
	}
}

func golden(t *testing.T, name string, v any) {
	t.Helper()
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	raw = append(raw, '\n')
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(raw)); diff != "" {
		t.Errorf("%s (-want +got); run with -update if it is meant:\n%s", path, diff)
	}
}

func text(t chat.Text) string {
	var b strings.Builder
	for _, s := range t {
		switch s.Kind {
		case chat.SpanPerson:
			fmt.Fprintf(&b, "%s (%s)", s.Text, s.Email)
		case chat.SpanTime:
			b.WriteString(s.At.UTC().Format("15:04"))
		default:
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

// read is a card as somebody reads it.
func read(c chat.Card) string {
	var b strings.Builder
	line := func(s string) {
		if s != "" {
			b.WriteString("    " + strings.ReplaceAll(s, "\n", "\n    ") + "\n")
		}
	}
	line(c.Title)
	line(text(c.Status))
	line(text(c.Body))
	for _, s := range c.Sections {
		line(s.Title)
		for _, f := range s.Fields {
			line("  " + f.Label + ": " + text(f.Value))
		}
	}
	for _, n := range c.Notes {
		line("- " + text(n))
	}
	var buttons []string
	for _, a := range append(slices.Clone(c.Actions), c.Menu...) {
		buttons = append(buttons, "["+a.Label+"]")
	}
	line(strings.Join(buttons, " "))
	line("(" + c.Fallback + ")")
	return b.String()
}

// TestStory writes all cards as they read, for whoever reviews the words.
func TestStory(t *testing.T) {
	var b strings.Builder
	for _, s := range specimens(t) {
		fmt.Fprintf(&b, "== %s\n", s.name)
		for _, k := range s.r.Posts() {
			c, _ := cards.Card(s.r, k, s.now)
			fmt.Fprintf(&b, "  %s\n%s", strings.TrimPrefix(k.String(), s.r.ID+"/"), read(c))
		}
	}
	path := filepath.Join("testdata", "story.txt")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
