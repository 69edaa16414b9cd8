package main

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"apono/bot/teams/teamstest"
)

const (
	teamsApp      = "11111111-2222-3333-4444-555555555555"
	teamsPassword = "teams-secret-1z9"
	teamsTenant   = "99999999-8888-7777-6666-555555555555"
	teamsAudit    = "19:audit@thread.tacv2"
)

func tenantOptions() teamstest.Options {
	o := teamstest.Options{AppID: teamsApp, AppPassword: teamsPassword, TenantID: teamsTenant, Channels: []string{teamsAudit}}
	for _, h := range handles {
		o.People = append(o.People, teamstest.Person{ID: "aad-" + h, Name: strings.ToUpper(h[:1]) + h[1:], Email: h + "@example.com", Guest: h == "gus"})
	}
	return o
}

// deliver takes what Teams sends to the bot that runs.
func (w *world) deliver(rw http.ResponseWriter, r *http.Request) {
	p := w.current()
	if p == nil || p.line.isCut() || p.app.messages == nil {
		http.Error(rw, "nobody is there", http.StatusServiceUnavailable)
		return
	}
	p.app.messages.ServeHTTP(rw, r)
}

// teams is what people do and read in Teams:
//
//	teams alice installs                      adds the app
//	teams alice says 'apono requests'
//	teams alice presses 'Request access'      the newest button of that name in her chat
//	teams bob clicks 'AR-1' Approve           a button of the newest message with these words
//	teams alice shows-once 8 'Access details' 'Show credentials'   presses it in eight clients at the same moment: one shows a token
//	teams bob looks 'AR-1'                    keeps the message as it is …
//	teams bob clicks-kept Approve             … and presses what it showed
//	teams alice chooses Bundle ticket-rush    in the open dialog
//	teams alice types Justification 'INC-12'
//	teams alice submits Submit                a button of the dialog
//	teams alice dialog 'pattern' …            text of the open dialog; ! dialog without patterns: none is open
//	teams alice offers Bundle ticket-rush …   what a menu lists
//	teams alice finds Resources refunds …     what a search for the first word brings
//	teams alice reads 'AR-1 asked' …          one message with all patterns
//	teams bob toast 'already'                 what a press was answered with
//	teams bob sees 'pattern'                  what his client shows in place of the card he pressed on
//	teams audit 'AR-1 asked' …                all messages of the channel, in order
//	teams counts teams_call teams_received    what the metrics of the bot that runs have counted
func (s *script) teams(neg bool, args []string) {
	if args[0] == "audit" {
		s.teamsAudit(neg, args[1:])
		return
	}
	if args[0] == "counts" {
		s.teamsCounts(neg, args[1:])
		return
	}
	if s.actors == nil {
		s.actors = map[string]*teamsActor{}
	}
	a := s.actors[args[0]]
	if a == nil {
		a = &teamsActor{Actor: s.world.tenant.As(args[0]), script: s}
		s.actors[args[0]] = a
	}
	verbs := map[string]struct {
		words int
		run   func(neg bool, args []string)
	}{
		"installs": {0, a.installs}, "uninstalls": {0, a.uninstalls}, "says": {1, a.says}, "presses": {1, a.presses}, "clicks": {2, a.clicks},
		"looks": {1, a.looks}, "clicks-kept": {1, a.clicksKept}, "chooses": {2, a.chooses}, "types": {2, a.types}, "submits": {1, a.submits},
		"dialog": {0, a.dialog}, "offers": {2, a.offers}, "finds": {3, a.finds}, "reads": {1, a.reads}, "toast": {1, a.toast}, "sees": {1, a.sees},
		"shows-once": {3, a.showsOnce},
	}
	v, ok := verbs[args[1]]
	if !ok || len(args)-2 < v.words {
		s.ts.Fatalf("teams %s: what does %q mean?", args[0], args[1:])
	}
	v.run(neg, args[2:])
}

// teamsActor is a person in Teams during a script.
type teamsActor struct {
	*teamstest.Actor
	script *script
	kept   teamstest.Message
	shown  map[string]any // in place of a card that was pressed
}

func (a *teamsActor) check(neg bool, err error) {
	if neg {
		a.script.want(neg, err == nil, "%s can do that", a.Person.Name)
		return
	}
	a.script.ts.Check(err)
}

func (a *teamsActor) installs(neg bool, _ []string)   { a.check(neg, a.Install()) }
func (a *teamsActor) uninstalls(neg bool, _ []string) { a.check(neg, a.Uninstall()) }
func (a *teamsActor) says(neg bool, args []string)    { a.check(neg, a.Say(args[0])) }

// find waits for the newest message with all patterns and, if it is not empty, a button.
func (a *teamsActor) find(neg bool, button string, patterns []string) (found teamstest.Message, ok bool) {
	ok = a.script.await(neg, func() bool {
		all := a.Messages()
		slices.Reverse(all)
		for _, m := range all {
			if m.FromBot && (button == "" || slices.Contains(teamstest.Buttons(m.Card), button)) && matchAll(teamstest.Text(m.Card), patterns) {
				found = m
				return true
			}
		}
		return false
	})
	return found, ok
}

func matchAll(text string, patterns []string) bool {
	text = strings.Join(strings.Fields(text), " ")
	return !slices.ContainsFunc(patterns, func(p string) bool { return !pattern(p).MatchString(text) })
}

var compiled sync.Map // patterns by text: stories look for the same ones thousands of times

func pattern(text string) *regexp.Regexp {
	if re, ok := compiled.Load(text); ok {
		return re.(*regexp.Regexp)
	}
	re := regexp.MustCompile(text)
	compiled.Store(text, re)
	return re
}

func (a *teamsActor) chat() string {
	var out []string
	for _, m := range a.Messages() {
		out = append(out, teamstest.Text(m.Card))
	}
	return strings.Join(out, "\n--\n")
}

func (a *teamsActor) press(neg bool, m teamstest.Message, button string) {
	card, err := a.Press(m, button)
	a.shown = card
	a.check(neg, err)
}

func (a *teamsActor) presses(neg bool, args []string) {
	m, ok := a.find(neg, args[0], nil)
	a.script.want(neg, ok, "%s has a button %q in\n%s", a.Person.Name, args[0], a.chat())
	if ok {
		a.press(neg, m, args[0])
	}
}

func (a *teamsActor) clicks(neg bool, args []string) {
	button := args[len(args)-1]
	m, ok := a.find(neg, button, args[:len(args)-1])
	a.script.want(neg, ok, "%s can press %q on %q in\n%s", a.Person.Name, button, args[:len(args)-1], a.chat())
	if ok {
		a.press(neg, m, button)
	}
}

func (a *teamsActor) showsOnce(_ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	a.script.ts.Check(err)
	m, ok := a.find(false, args[2], args[1:2])
	a.script.want(false, ok, "%s can press %q in\n%s", a.Person.Name, args[2], a.chat())
	shown, errs := make([]string, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		client := a.script.world.tenant.As(strings.TrimPrefix(a.Person.ID, "aad-"))
		all.Go(func() {
			_, errs[i] = client.Press(m, args[2])
			if shown[i] = client.Toast; client.Dialog != nil {
				shown[i] = client.Dialog.Text()
			}
		})
	}
	all.Wait()
	a.script.ts.Check(errors.Join(errs...))
	secrets := 0
	for _, text := range shown {
		if strings.Contains(text, "\ntoken\n") {
			secrets++
		} else if !matchAll(text, []string{"were shown once and are erased|are on their way to another dialog"}) {
			a.script.want(false, false, "a client that shows no secret says why: %q", text)
		}
	}
	a.script.want(false, secrets == 1, "one of %d clients shows the secret: %q", n, shown)
}

func (a *teamsActor) looks(neg bool, args []string) {
	m, ok := a.find(neg, "", args)
	a.script.want(neg, ok, "%s has a message %q in\n%s", a.Person.Name, args, a.chat())
	a.kept = m
}

func (a *teamsActor) clicksKept(neg bool, args []string) { a.press(neg, a.kept, args[0]) }

func (a *teamsActor) open() *teamstest.Dialog {
	if a.Dialog == nil {
		a.script.ts.Fatalf("%s has no dialog open; the last answer was %q", a.Person.Name, a.Toast)
	}
	return a.Dialog
}

func (a *teamsActor) chooses(neg bool, args []string) {
	a.check(neg, a.open().Choose(args[0], args[1:]...))
}

func (a *teamsActor) types(neg bool, args []string)   { a.check(neg, a.open().Type(args[0], args[1])) }
func (a *teamsActor) submits(neg bool, args []string) { a.check(neg, a.open().Submit(args[0])) }

func (a *teamsActor) dialog(neg bool, args []string) {
	if len(args) == 0 {
		a.script.want(neg, a.Dialog != nil, "%s has a dialog open", a.Person.Name)
		return
	}
	text := a.open().Text()
	a.script.want(neg, matchAll(text, args), "the dialog says %q:\n%s", args, text)
}

func (a *teamsActor) offers(neg bool, args []string) {
	got, err := a.open().Choices(args[0])
	a.script.ts.Check(err)
	for _, title := range args[1:] {
		a.script.want(neg, slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, title) }), "%s offers %q: %q", args[0], title, got)
	}
}

func (a *teamsActor) finds(neg bool, args []string) {
	got, err := a.open().Search(args[0], args[1])
	a.script.ts.Check(err)
	for _, title := range args[2:] {
		found := false
		for shown := range got {
			found = found || strings.HasPrefix(shown, title)
		}
		a.script.want(neg, found, "a search in %s for %q finds %q: %q", args[0], args[1], title, got)
	}
}

func (a *teamsActor) reads(neg bool, args []string) {
	_, ok := a.find(neg, "", args)
	a.script.want(neg, ok, "%s has one message with %q in\n%s", a.Person.Name, args, a.chat())
}

func (a *teamsActor) toast(neg bool, args []string) {
	a.script.want(neg, matchAll(a.Toast, args), "%s was answered %q: %q", a.Person.Name, args, a.Toast)
}

func (a *teamsActor) sees(neg bool, args []string) {
	text := teamstest.Text(a.shown)
	a.script.want(neg, matchAll(text, args), "the client of %s shows %q:\n%s", a.Person.Name, args, text)
}

// teamsCounts looks at what /metrics would show.
func (s *script) teamsCounts(neg bool, events []string) {
	families, err := s.world.current().app.metrics.Registry.Gather()
	s.ts.Check(err)
	for _, event := range events {
		n := 0.0
		for _, f := range families {
			if f.GetName() != "apono_teams_events_total" {
				continue
			}
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					if l.GetName() == "event" && l.GetValue() == event {
						n += m.GetCounter().GetValue()
					}
				}
			}
		}
		s.want(neg, n > 0, "apono_teams_events_total counts %s", event)
	}
}

func (s *script) teamsAudit(neg bool, patterns []string) {
	var got []string
	ok := s.await(neg, func() bool {
		got = nil
		for _, m := range s.world.tenant.In(teamsAudit) {
			got = append(got, strings.Join(strings.Fields(teamstest.Text(m.Card)), " "))
		}
		if len(got) != len(patterns) {
			return false
		}
		for i, p := range patterns {
			if !regexp.MustCompile(p).MatchString(got[i]) {
				return false
			}
		}
		return true
	})
	s.want(neg, ok, "the channel in Teams says %q:\n%s", patterns, fmt.Sprintf("%q", got))
}
