package main

import (
	"cmp"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"apono/bot/teams/teamstest"
)

// onTeams is the stage where people use Teams, and nobody has Slack. What Slack does
// while people choose and type, Teams does when they press Submit: it then shows what
// is new, and sends nothing. Whoever plays a script knows that.
type onTeams struct {
	*script
	actors  map[string]*teamstest.Actor
	kept    map[string]teamstest.Message // by handle, a card as it was when looked at
	changed bool                         // something was chosen or typed, and not looked at yet
}

func newOnTeams(s *script) *onTeams {
	t := &onTeams{script: s, actors: map[string]*teamstest.Actor{}, kept: map[string]teamstest.Message{}}
	for _, h := range handles {
		t.actors[h] = s.world.tenant.As(h)
	}
	return t
}

// arrive lets everybody add the app, and the bot get to know them.
func (s *onTeams) arrive() error {
	var errs []error
	for _, h := range handles {
		errs = append(errs, s.actors[h].Install())
	}
	time.Sleep(time.Second)
	synctest.Wait()
	return errors.Join(errs...)
}

func (s *onTeams) actor(handle string) *teamstest.Actor {
	a, ok := s.actors[handle]
	if !ok {
		s.ts.Fatalf("there is nobody called %s", handle)
	}
	return a
}

var buttonLine = regexp.MustCompile(`(?m)^\((.*)\)$`)

// asRead is the text of a card, its buttons written as Slack's are.
func asRead(card map[string]any) string {
	return buttonLine.ReplaceAllString(teamstest.Text(card), "[$1]")
}

func (s *onTeams) fromBot(handle string) (out []teamstest.Message) {
	for _, m := range s.actor(handle).Messages() {
		if m.FromBot {
			out = append(out, m)
		}
	}
	return out
}

func (s *onTeams) chat(handle string) string {
	var out []string
	for _, m := range s.fromBot(handle) {
		out = append(out, asRead(m.Card))
	}
	return strings.Join(out, "\n---\n")
}

// as writes to the bot. Teams opens no dialog for a message: the person presses the
// button that comes in its place.
func (s *onTeams) as(neg bool, args []string) {
	s.who, s.errors = args[0], nil
	a := s.actor(s.who)
	a.Toast = ""
	before := len(s.fromBot(s.who))
	err := a.Say(strings.TrimPrefix(strings.Join(args[1:], " "), "/"))
	s.want(neg, err == nil, "the bot takes what %s writes; %v", s.who, err)
	if err != nil {
		return
	}
	var offer teamstest.Message
	until(2*time.Second, func() bool {
		for _, m := range s.fromBot(s.who)[before:] {
			if strings.Contains(teamstest.Text(m.Card), "Press the button to go on.") {
				offer = m
			}
		}
		return offer.ID != ""
	})
	s.want(false, len(s.fromBot(s.who)) > before, "%s gets an answer", s.who)
	if offer.ID != "" {
		s.ts.Check(s.pressed(s.who, func(a *teamstest.Actor) (map[string]any, error) {
			return a.Press(offer, teamstest.Buttons(offer.Card)[0])
		}))
	}
	synctest.Wait()
}

// open is the dialog of the person who is in mind.
func (s *onTeams) open() *teamstest.Dialog {
	d := s.actor(s.who).Dialog
	if d == nil {
		s.ts.Fatalf("%s sees no dialog; the last answer was %q", s.who, s.actor(s.who).Toast)
	}
	return d
}

func (s *onTeams) press(neg bool, args []string) {
	err := s.open().Submit(args[0])
	s.want(neg, err == nil, "%s can press %q: %v", s.who, args[0], err)
	s.changed = false
	synctest.Wait()
}

// settled waits until something holds. What was changed shows its consequences when
// Submit is pressed.
func (s *onTeams) settled(neg bool, cond func() bool) bool {
	if got := cond(); got != neg {
		return got
	}
	if s.changed && s.actor(s.who).Dialog != nil {
		s.send()
	}
	return s.await(neg, cond)
}

// send presses the button that sends the form.
func (s *onTeams) send() {
	d := s.open()
	s.changed = false
	title, ok := d.Main()
	s.want(false, ok, "%s can send the form:\n%s", s.who, d.Text())
	s.ts.Check(d.Submit(title))
	synctest.Wait()
	s.errors = nil
	if d := s.actor(s.who).Dialog; d != nil {
		s.errors = d.Problems()
	}
}

func (s *onTeams) hasField(label string) {
	s.settled(false, func() bool { _, err := s.open().Value(label); return err == nil })
}

func (s *onTeams) choose(neg bool, args []string) {
	s.hasField(args[0])
	err := s.open().Choose(args[0], args[1:]...)
	if err != nil && s.changed {
		s.send()
		err = s.open().Choose(args[0], args[1:]...)
	}
	s.want(neg, err == nil, "%s can choose %q: %v", s.who, args[1:], err)
	s.changed = true
}

func (s *onTeams) typeIn(_ bool, args []string) {
	s.hasField(args[0])
	s.ts.Check(s.open().Type(args[0], strings.Join(args[1:], " ")))
	s.changed = true
}

// submit presses Submit, and again where the form says that there was something new.
func (s *onTeams) submit(neg bool, _ []string) {
	for range 3 {
		s.send()
		if d := s.actor(s.who).Dialog; d == nil || !strings.Contains(d.Text(), "Nothing is sent yet") {
			break
		}
	}
	s.want(neg, len(s.errors) == 0, "the form is taken; under its fields: %v", s.errors)
}

func (s *onTeams) closeAll(bool, []string) { s.actor(s.who).Dialog = nil }

func (s *onTeams) message(handle string, patterns []string, having string) (teamstest.Message, bool) {
	for _, m := range slices.Backward(s.fromBot(handle)) {
		if s.match(asRead(m.Card), patterns) && (having == "" || slices.Contains(teamstest.Buttons(m.Card), having)) {
			return m, true
		}
	}
	return teamstest.Message{}, false
}

// settle gives cards that have to change the time for that, before somebody says
// what is not there.
func (s *onTeams) settle(neg bool) {
	if neg {
		s.advance(false, []string{"2s"})
	}
}

func (s *onTeams) dm(neg bool, args []string) {
	s.settle(neg)
	got := s.await(neg, func() bool { _, ok := s.message(args[0], args[1:], ""); return ok })
	s.want(neg, got, "%s has a message with %q; there are:\n%s", args[0], args[1:], s.chat(args[0]))
}

// private is what the client answers a press with, or a message in the person's chat.
func (s *onTeams) private(neg bool, args []string) {
	got := s.await(neg, func() bool {
		_, ok := s.message(args[0], args[1:], "")
		return ok || s.match(s.actor(args[0]).Toast, args[1:])
	})
	s.want(neg, got, "%s is told in private %q; the answer was %q, messages:\n%s", args[0], args[1:], s.actor(args[0]).Toast, s.chat(args[0]))
}

// pressed presses a button, and the next one where the card says that a dialog is
// needed: Teams opens none for a button that changes something.
func (s *onTeams) pressed(handle string, press func(a *teamstest.Actor) (map[string]any, error)) error {
	a := s.actor(handle)
	card, err := press(a)
	if err == nil && card != nil && strings.Contains(teamstest.Text(card), "One thing more is needed") {
		_, err = a.Press(teamstest.Message{Card: card}, teamstest.Buttons(card)[0])
	}
	return err
}

func (s *onTeams) click(neg bool, args []string) {
	handle, label := args[0], args[len(args)-1]
	s.settle(neg)
	var m teamstest.Message
	found := s.await(neg, func() bool { var ok bool; m, ok = s.message(handle, args[1:len(args)-1], label); return ok })
	s.want(neg, found, "%s can press %q; the messages are:\n%s", handle, label, s.chat(handle))
	if !neg {
		s.who = handle
		s.ts.Check(s.pressed(handle, func(a *teamstest.Actor) (map[string]any, error) { return a.Press(m, label) }))
		synctest.Wait()
	}
}

// ownCard is what the messages of one request begin with, which are no lists.
var ownCard = regexp.MustCompile(`^(Access request )?AR-\d+`)

func (s *onTeams) pressListed(neg bool, args []string) {
	s.who = args[0]
	err := errors.New("there is no such button")
	for _, m := range slices.Backward(s.fromBot(args[0])) {
		if !ownCard.MatchString(asRead(m.Card)) && slices.Contains(teamstest.Buttons(m.Card), args[2]) && s.match(asRead(m.Card), args[1:2]) {
			err = s.pressed(args[0], func(a *teamstest.Actor) (map[string]any, error) { return a.PressNear(m, args[1], args[2]) })
			break
		}
	}
	s.want(neg, err == nil, "%s can press %s of %s: %v", args[0], args[2], args[1], err)
	synctest.Wait()
}

func (s *onTeams) together(_ bool, args []string) {
	var wg sync.WaitGroup
	errs, presses := make([]error, len(args)), make([]func() error, len(args))
	for i, line := range args {
		words := strings.Fields(line)
		if len(words) != 4 || words[0] != "click" {
			s.ts.Fatalf("%q is not: click WHO PATTERN BUTTON", line)
		}
		var m teamstest.Message
		s.want(false, until(soon, func() bool { var ok bool; m, ok = s.message(words[1], words[2:3], words[3]); return ok }), "%s can press %s", words[1], words[3])
		presses[i] = func() error { _, err := s.actor(words[1]).Press(m, words[3]); return err }
	}
	for i, press := range presses {
		wg.Go(func() { errs[i] = press() })
	}
	wg.Wait()
	s.ts.Check(errors.Join(errs...))
	synctest.Wait()
}

func (s *onTeams) look(_ bool, args []string) {
	s.want(false, until(soon, func() bool { var ok bool; s.kept[args[0]], ok = s.message(args[0], args[1:], ""); return ok }), "%s has a message with %q:\n%s", args[0], args[1:], s.chat(args[0]))
}

func (s *onTeams) lateClick(_ bool, args []string) {
	s.who = args[0]
	s.ts.Check(s.pressed(args[0], func(a *teamstest.Actor) (map[string]any, error) { return a.Press(s.kept[args[0]], args[1]) }))
	synctest.Wait()
}

func (s *onTeams) takeToken(_ bool, args []string) {
	s.who = args[0]
	d := s.open()
	_, token, _ := strings.Cut(d.Text(), "\ntoken\n")
	token, _, _ = strings.Cut(token, "\n")
	s.tokens[args[0]] = token
	s.want(false, token != "", "the dialog shows a token:\n%s", d.Text())
	for _, m := range s.fromBot(args[0]) {
		s.want(true, strings.Contains(teamstest.Text(m.Card), token), "the token is in the chat history")
	}
	s.want(true, strings.Contains(s.world.log.String(), token), "the token is in the log")
}

// reads is all that the person in mind reads in a dialog, or in place of one.
func (s *onTeams) reads() string {
	a := s.actor(s.who)
	if a.Dialog == nil {
		return a.Toast
	}
	lines := []string{buttonLine.ReplaceAllString(a.Dialog.Text(), "[$1]")}
	for _, label := range teamstest.Inputs(a.Dialog.Card) {
		lines = append(lines, label+": "+strings.Join(a.Dialog.Chosen(label), ", "))
	}
	return strings.Join(lines, "\n")
}

func (s *onTeams) dialog(neg bool, args []string) {
	got := s.settled(neg, func() bool { return s.match(s.reads(), args) })
	s.want(neg, got, "the dialog says %q; it says:\n%s", args, s.reads())
}

func (s *onTeams) field(neg bool, args []string) {
	have := func() []string { return s.open().Chosen(args[0]) }
	got := s.settled(neg, func() bool { return slices.Equal(have(), args[1:]) })
	s.want(neg, got, "%s holds %q; it holds %q", args[0], args[1:], have())
}

func (s *onTeams) offers(neg bool, args []string) {
	have := func() []string {
		titles, err := s.open().Choices(args[0])
		if err != nil {
			return nil
		}
		return bare(titles)
	}
	got := s.settled(neg, func() bool { return slices.Equal(have(), args[1:]) })
	s.want(neg, got, "%s offers %q; it offers %q", args[0], args[1:], have())
}

// bare is titles without what says more about them.
func bare(titles []string) (out []string) {
	for _, t := range titles {
		t, _, _ = strings.Cut(t, " — ")
		out = append(out, t)
	}
	return out
}

func (s *onTeams) finds(neg bool, args []string) {
	s.hasField(args[0])
	want := slices.Sorted(slices.Values(args[2:]))
	found, err := s.open().Search(args[0], args[1])
	if err != nil && s.changed {
		s.send()
		found, err = s.open().Search(args[0], args[1])
	}
	s.ts.Check(err)
	have := slices.Sorted(slices.Values(bare(slices.Collect(maps.Keys(found)))))
	s.want(neg, slices.Equal(have, want), "the search finds %q; it finds %q", want, have)
}

func (s *onTeams) fieldError(neg bool, args []string) {
	said := cmp.Or(s.errors[args[0]], s.errors[""])
	s.want(neg, said != "" && s.match(said, args[1:]), "an error under %s says %q; errors: %q", args[0], args[1:], s.errors)
}

func (s *onTeams) auditedInWords() []string { return s.audited() }

func (s *onTeams) audited() (out []string) {
	for _, m := range s.world.tenant.In(teamsAudit) {
		out = append(out, asRead(m.Card))
	}
	return out
}
