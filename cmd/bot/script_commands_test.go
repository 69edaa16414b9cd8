package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"apono/bot/slack/slacksim"
)

type scriptKey struct{}

// script is a world and what the person who plays it has in mind.
type script struct {
	world   *world
	base    string
	ts      *testscript.TestScript
	ctx     context.Context
	who     string                      // whose dialog the commands for dialogs are about
	errors  map[string]string           // under the fields, after a refused submission
	replies map[string]string           // to the slash command, by handle
	lists   map[string]slacksim.Message // the same, to press buttons in
	tokens  map[string]string           // that people read in dialogs, by handle
	kept    map[string]slacksim.Message // by handle, a card as it was when looked at
	up      map[string]func()           // of systems that are down
	actors  map[string]*teamsActor      // people in Teams, by handle
}

// Time that the bot gets to do its part, and that people wait before they say
// that nothing came.
const (
	soon  = 20 * time.Second
	quiet = 5 * time.Second
)

// commands of the scripts. A command with `!` before it wants the opposite, where
// that makes sense. Patterns are regular expressions over text on one line.
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	out := map[string]func(*testscript.TestScript, bool, []string){}
	all := map[string]command{
		// People.
		"as":           {2, (*script).as},          // as alice /apono request …: types a slash command
		"press":        {1, (*script).press},       // presses a button in the open dialog
		"choose":       {1, (*script).choose},      // choose 'Bundle' ticket-rush: sets a menu
		"type":         {2, (*script).typeIn},      // type Justification 'INC-12'
		"submit":       {0, (*script).submit},      // `! submit`: is refused
		"close":        {0, (*script).closeAll},    // closes the dialog
		"click":        {3, (*script).click},       // click bob 'AR-1' Approve: a button of a direct message
		"press-listed": {3, (*script).pressListed}, // press-listed bob AR-2 Approve: a button in a list that only bob sees
		"together":     {1, (*script).together},    // together 'click …' 'click …': at the same moment
		"look":         {2, (*script).look},        // look bob 'AR-1': keeps the card as it is now …
		"late-click":   {2, (*script).lateClick},   // … late-click bob Approve: presses what it showed
		"use-token":    {1, (*script).useToken},    // use-token alice: her token opens the door of the desk
		"take-token":   {1, (*script).takeToken},   // take-token alice: reads it in the dialog
		// What they see.
		"dm":      {2, (*script).dm},      // dm bob 'AR-1' 'Approve': one message, all patterns, buttons included
		"private": {2, (*script).private}, // private bob 'already approved': only bob sees it
		"dialog":  {1, (*script).dialog},  // text of the open dialog, title and buttons included
		"field":   {1, (*script).field},   // field Justification 'INC-12': what a field holds; none: empty
		"offers":  {2, (*script).offers},  // offers Bundle ticket-rush …: what a menu offers
		"finds":   {3, (*script).finds},   // finds Resources ref refunds …: what a search brings
		"error":   {2, (*script).fieldError},
		"audit":   {0, (*script).audit}, // patterns of all that the audit channel says, in order
		"teams":   {2, (*script).teams}, // teams alice says apono: people in Teams, see script_teams_test.go
		"home":    {1, (*script).home}, "on-home": {2, (*script).onHome}, "press-home": {3, (*script).pressHome}, "shortcut": {1, (*script).shortcut},
		// Systems.
		"expect-target": {4, (*script).expectTarget}, // expect-target alice has q-refunds read | hasnt
		"target-down":   {1, (*script).targetDown},   // target-down support-desk
		"target-up":     {1, (*script).targetUp},
		"target-says":   {2, (*script).targetSays},  // target-says support-desk 'No seats left.': refuses the next call
		"target-fails":  {2, (*script).targetFails}, // the same, and is down from then on until target-up
		"target-loses":  {2, (*script).targetLoses}, // target-loses support-desk 2: offers so many resources less; 0: all again
		"sync":          {0, (*script).sync},        // the bot reads all integrations, or those named, now
		// Time and the bot.
		"advance": {1, (*script).advance}, "file": {1, (*script).file}, // file 'pattern' …: one file in the audit channel has all of them
		"shutdown":    {0, (*script).stop},
		"start":       {0, (*script).start},
		"restart":     {0, (*script).restart},
		"crash":       {0, (*script).kill},        // a crash: nothing is ended in order
		"policy":      {1, (*script).policy},      // policy new.yaml: takes effect at the next start
		"unreachable": {1, (*script).unreachable}, // unreachable bob: his Slack account is gone
		"leaves":      {1, (*script).leaves},      // leaves alice: is not in the directory from the next start on
		// The configuration while the bot runs.
		"save":   {1, (*script).save},   // save new.yaml: the policy, as an editor saves it
		"write":  {1, (*script).write},  // write 'half of' 'a file': the whole configuration, in place, a second a piece
		"edit":   {2, (*script).edit},   // edit 'old' 'new' …: changes the configuration and saves it
		"hangup": {0, (*script).hangup}, // SIGHUP
		"told":   {1, (*script).tells},  // told 'pattern' …: one message of the audit channel has all of them; how often: `told 2x 'pattern'`
	}
	maps.Copy(all, outageCommands())
	for name, c := range all {
		out[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			s := ts.Value(scriptKey{}).(*script)
			s.ts, s.ctx = ts, context.Background()
			if len(args) < c.args {
				ts.Fatalf("%s wants at least %d words", name, c.args)
			}
			c.run(s, neg, args)
		}
	}
	return out
}

type command struct {
	args int
	run  func(s *script, neg bool, args []string)
}

func (s *script) person(handle string) *slacksim.Person {
	if !slices.Contains(handles, handle) {
		s.ts.Fatalf("there is nobody called %s", handle)
	}
	return s.world.ws.As(slackID(handle))
}

// want fails unless got is what the script says.
func (s *script) want(neg, got bool, format string, args ...any) {
	if got == neg {
		not := "this should be: "
		if neg {
			not = "this should not be: "
		}
		s.ts.Fatalf(not+format, args...)
	}
}

func (s *script) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	s.ts.Check(err)
	return d
}

// await is until, or for what should not be, that it is not within a while.
func (s *script) await(neg bool, cond func() bool) bool {
	if neg {
		return until(quiet, cond)
	}
	return until(soon, cond)
}

func (s *script) as(neg bool, args []string) {
	s.who, s.errors = args[0], nil
	p := s.person(s.who)
	reply, err := p.Slash(s.ctx, "#general", args[1], strings.Join(args[2:], " "))
	s.want(neg, err == nil, "%s answers; %v", args[1], err)
	s.replies[s.who] = ""
	delete(s.lists, s.who)
	if reply.Shown {
		s.replies[s.who], s.lists[s.who] = reply.Message.Text, reply.Message
	}
	synctest.Wait()
}

// view waits for a dialog of the person who is in mind.
func (s *script) view(holds func(v slacksim.View) bool) slacksim.View {
	var v slacksim.View
	p := s.person(s.who)
	if !until(soon, func() bool {
		var open bool
		v, open = p.View()
		return open && holds(v)
	}) {
		if v.ID == "" {
			s.ts.Fatalf("%s sees no dialog", s.who)
		}
		s.ts.Fatalf("the dialog does not hold that; %s sees:\n%s", s.who, v)
	}
	return v
}

func (s *script) withField(label string) slacksim.View {
	return s.view(func(v slacksim.View) bool { _, ok := v.Field(label); return ok })
}

func (s *script) press(neg bool, args []string) {
	v := s.view(func(v slacksim.View) bool { return neg || slices.Contains(v.Labels(), args[0]) })
	err := s.person(s.who).Click(s.ctx, v, args[0])
	s.want(neg, err == nil, "%s can press %q: %v", s.who, args[0], err)
	synctest.Wait()
}

func (s *script) choose(neg bool, args []string) {
	v := s.withField(args[0])
	err := s.person(s.who).Choose(s.ctx, v, args[0], args[1:]...)
	s.want(neg, err == nil, "%s can choose %q: %v", s.who, args[1:], err)
	synctest.Wait()
}

func (s *script) typeIn(_ bool, args []string) {
	s.ts.Check(s.person(s.who).Type(s.ctx, s.withField(args[0]), args[0], strings.Join(args[1:], " ")))
	synctest.Wait()
}

func (s *script) submit(neg bool, _ []string) {
	v := s.view(func(v slacksim.View) bool { return v.Submit != "" })
	done, err := s.person(s.who).Submit(s.ctx, v)
	s.ts.Check(err)
	s.errors = done.Errors
	s.want(neg, len(done.Errors) == 0, "the form is taken; under its fields: %v", done.Errors)
	synctest.Wait()
}

func (s *script) closeAll(bool, []string) { s.ts.Check(s.person(s.who).CloseAll(s.ctx)) }

// match reports whether all patterns are found in one text.
func (s *script) match(text string, patterns []string) bool {
	text = flat(text)
	return !slices.ContainsFunc(patterns, func(p string) bool {
		re, err := regexp.Compile(p)
		s.ts.Check(err)
		return !re.MatchString(text)
	})
}

// message finds the newest direct message with all patterns.
func (s *script) message(handle string, patterns []string, having string) (slacksim.Message, bool) {
	for _, m := range slices.Backward(s.person(handle).DMs()) {
		if s.match(m.String(), patterns) && (having == "" || slices.Contains(m.Labels(), having)) {
			return m, true
		}
	}
	return slacksim.Message{}, false
}

func (s *script) dm(neg bool, args []string) {
	got := s.await(neg, func() bool { _, ok := s.message(args[0], args[1:], ""); return ok })
	s.want(neg, got, "%s has a message with %q; there are:\n%s", args[0], args[1:], all(s.person(args[0]).DMs()))
}

func all(messages []slacksim.Message) string {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString(m.String() + "\n---\n")
	}
	return b.String()
}

func (s *script) private(neg bool, args []string) {
	p := s.person(args[0])
	got := s.await(neg, func() bool {
		return s.match(s.replies[args[0]], args[1:]) || slices.ContainsFunc(p.Ephemerals(), func(m slacksim.Message) bool { return s.match(m.Text, args[1:]) })
	})
	s.want(neg, got, "%s is told in private %q; the reply was %q, messages:\n%s", args[0], args[1:], s.replies[args[0]], all(p.Ephemerals()))
}

func (s *script) click(neg bool, args []string) {
	handle, label := args[0], args[len(args)-1]
	var m slacksim.Message
	found := s.await(neg, func() bool { var ok bool; m, ok = s.message(handle, args[1:len(args)-1], label); return ok })
	s.want(neg, found, "%s can press %q; the messages are:\n%s", handle, label, all(s.person(handle).DMs()))
	if !neg {
		s.who = handle
		s.ts.Check(s.person(handle).Click(s.ctx, m, label))
		synctest.Wait()
	}
}

// pressListed presses a button of one entry in the newest list, which is the answer to
// the slash command or came later.
func (s *script) pressListed(neg bool, args []string) {
	p := s.person(args[0])
	s.who = args[0]
	var lists []slacksim.Message
	if m, ok := s.lists[args[0]]; ok {
		lists = append(lists, m)
	}
	synctest.Wait()
	err := slacksim.ErrNotThere
	for _, m := range slices.Backward(append(lists, p.Ephemerals()...)) {
		if !slices.Contains(m.Labels(), args[2]) {
			continue
		}
		err = p.Click(s.ctx, m, args[2], slacksim.Near(args[1]))
		break
	}
	s.want(neg, err == nil, "%s can press %s of %s: %v", args[0], args[2], args[1], err)
	synctest.Wait()
}

func (s *script) together(_ bool, args []string) {
	var wg sync.WaitGroup
	cards := make([]slacksim.Message, len(args))
	for i, line := range args {
		words := strings.Fields(line)
		if len(words) != 4 || words[0] != "click" {
			s.ts.Fatalf("%q is not: click WHO PATTERN BUTTON", line)
		}
		s.want(false, until(soon, func() bool { var ok bool; cards[i], ok = s.message(words[1], words[2:3], words[3]); return ok }), "%s can press %s", words[1], words[3])
	}
	errs := make([]error, len(args))
	for i, line := range args {
		words := strings.Fields(line)
		wg.Go(func() { errs[i] = s.person(words[1]).ClickStale(s.ctx, cards[i], words[3]) })
	}
	wg.Wait()
	s.ts.Check(errors.Join(errs...))
	synctest.Wait()
}

func (s *script) look(_ bool, args []string) {
	s.want(false, until(soon, func() bool { var ok bool; s.kept[args[0]], ok = s.message(args[0], args[1:], ""); return ok }), "%s has a message with %q", args[0], args[1:])
}

func (s *script) lateClick(_ bool, args []string) {
	s.who = args[0]
	s.ts.Check(s.person(args[0]).ClickStale(s.ctx, s.kept[args[0]], args[1]))
	synctest.Wait()
}

// shown is all that a person reads in a dialog.
func shown(v slacksim.View) string {
	return strings.Join(append([]string{v.Title, v.Submit, v.Close, v.String()}, v.Labels()...), "\n")
}

func (s *script) dialog(neg bool, args []string) {
	p := s.person(s.who)
	got := s.await(neg, func() bool { v, open := p.View(); return open && s.match(shown(v), args) })
	v, _ := p.View()
	s.want(neg, got, "the dialog says %q; it says:\n%s", args, v)
}

func (s *script) field(neg bool, args []string) {
	var have []string
	got := s.await(neg, func() bool {
		v, _ := s.person(s.who).View()
		f, there := v.Field(args[0])
		have = f.Values
		return there && slices.Equal(f.Values, args[1:])
	})
	s.want(neg, got, "%s holds %q; it holds %q", args[0], args[1:], have)
}

func (s *script) offers(neg bool, args []string) {
	var have []string
	got := s.await(neg, func() bool {
		v, _ := s.person(s.who).View()
		f, there := v.Field(args[0])
		have = texts(f.Options)
		return there && slices.Equal(have, args[1:])
	})
	s.want(neg, got, "%s offers %q; it offers %q", args[0], args[1:], have)
}

func texts(options []slacksim.Option) []string {
	var out []string
	for _, o := range options {
		out = append(out, o.Text)
	}
	return out
}

func (s *script) finds(neg bool, args []string) {
	found, err := s.person(s.who).Suggest(s.ctx, s.withField(args[0]), args[0], args[1])
	s.ts.Check(err)
	s.want(neg, slices.Equal(texts(found), args[2:]), "the search finds %q; it finds %q", args[2:], texts(found))
}

func (s *script) fieldError(neg bool, args []string) {
	s.want(neg, s.errors[args[0]] != "" && s.match(s.errors[args[0]], args[1:]), "an error under %s says %q; errors: %q", args[0], args[1:], s.errors)
}

var auditLineStart = regexp.MustCompile(`^(AR-\d+ (?:BREAK GLASS )?(asked|approved|granted|denied|expired|revoked|extended|withdrawn|timed out|failed|overdue|no longer overdue|no longer covered|covered again|explained|not explained)\b.*)$`)

// told is what the audit channel says, one line an event.
func (s *script) told() []string {
	var out []string
	for _, m := range s.world.ws.Messages("#access-audit") {
		for line := range strings.Lines(m.Text) {
			if f := auditLineStart.FindStringSubmatch(strings.TrimSpace(line)); f != nil {
				out = append(out, f[1])
			}
		}
	}
	return out
}

func (s *script) audit(_ bool, args []string) {
	until(soon, func() bool { return len(s.told()) >= len(args) })
	s.advance(false, []string{quiet.String()})
	got := s.told()
	if len(got) != len(args) {
		s.ts.Fatalf("the audit channel should say %d things; it says:\n%s", len(args), strings.Join(got, "\n"))
	}
	for i, p := range args {
		s.want(false, s.match(got[i], []string{"^" + p}), "the audit channel says as number %d %q; it says:\n%s", i+1, p, strings.Join(got, "\n"))
	}
}

func (s *script) system(name string) *system {
	sys, ok := s.world.systems[name]
	if !ok {
		s.ts.Fatalf("there is no system %s", name)
	}
	return sys
}

func (s *script) expectTarget(neg bool, args []string) {
	has := map[string]bool{"has": true, "hasnt": false}[args[1]]
	got := s.await(neg, func() bool {
		for _, sys := range s.world.systems {
			if sys.Holds(args[0]+"@example.com", args[2], args[3]) {
				return has
			}
		}
		return !has
	})
	s.want(neg, got, "%s", strings.Join(args, " "))
}

func (s *script) targetDown(_ bool, args []string) { s.up[args[0]] = s.system(args[0]).Down() }
func (s *script) targetUp(_ bool, args []string)   { s.up[args[0]]() }

func (s *script) targetSays(_ bool, args []string) {
	s.system(args[0]).refuseNext(strings.Join(args[1:], " "))
}

func (s *script) targetFails(_ bool, args []string) {
	sys, ups := s.system(args[0]), make(chan func(), 1)
	sys.AnswerNext(1, func(w http.ResponseWriter, r *http.Request) {
		refuse(strings.Join(args[1:], " "))(w, r)
		ups <- sys.Down()
	})
	s.up[args[0]] = func() { (<-ups)() }
}

func (s *script) takeToken(_ bool, args []string) {
	s.who = args[0]
	v := s.view(func(v slacksim.View) bool { return strings.Contains(v.Text, "Copy them now") })
	for _, b := range v.Blocks {
		if name, value, ok := strings.Cut(b.Text, "\n"); ok && strings.TrimSpace(name) == "token" {
			s.tokens[args[0]] = strings.TrimSpace(value)
		}
	}
	token := s.tokens[args[0]]
	s.want(false, token != "", "the dialog shows a token:\n%s", v)
	for _, m := range s.person(args[0]).DMs() {
		s.want(true, strings.Contains(m.Raw+m.String(), token), "the token is in the chat history")
	}
	s.want(true, strings.Contains(s.world.log.String(), token), "the token is in the log")
}

func (s *script) useToken(neg bool, args []string) {
	status := 0
	s.want(neg, s.await(neg, func() bool {
		status = s.system("support-desk").knock(cmp.Or(s.tokens[args[0]], "none"))
		return status == 200
	}), "the token of %s opens the door; it answers %d", args[0], status)
}

func (s *script) advance(_ bool, args []string) {
	time.Sleep(s.duration(args[0]))
	synctest.Wait()
}

func (s *script) stop(bool, []string) { s.ts.Check(s.world.stop()) }

func (s *script) start(bool, []string) {
	s.ts.Check(s.world.start())
	synctest.Wait()
}

func (s *script) restart(bool, []string) {
	s.stop(false, nil)
	s.start(false, nil)
	s.want(false, s.world.ready(), "Slack can reach the bot again")
}

func (s *script) kill(bool, []string) {
	synctest.Wait()
	s.world.current().kill()
}

func (s *script) policy(_ bool, args []string) {
	b, err := os.ReadFile(filepath.Join(s.world.dir, args[0]))
	s.ts.Check(err)
	s.world.text = s.base + string(b)
}

func (s *script) leaves(_ bool, args []string) {
	line := regexp.MustCompile(`(?m)^.*email: ` + args[0] + `@example\.com.*\n`)
	s.want(false, line.MatchString(s.world.text), "%s is in the directory", args[0])
	s.base, s.world.text = line.ReplaceAllString(s.base, ""), line.ReplaceAllString(s.world.text, "")
}
