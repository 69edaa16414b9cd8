package main

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing/synctest"

	"apono/bot/slack/slacksim"
)

// onSlack is the stage where people use Slack.
type onSlack struct {
	*script
	replies map[string]string           // to the slash command, by handle
	lists   map[string]slacksim.Message // the same, to press buttons in
	kept    map[string]slacksim.Message // by handle, a card as it was when looked at
}

func newOnSlack(s *script) *onSlack {
	return &onSlack{script: s, replies: map[string]string{}, lists: map[string]slacksim.Message{}, kept: map[string]slacksim.Message{}}
}

func (*onSlack) arrive() error { return nil }

func (s *onSlack) auditedInWords() (out []string) {
	for _, m := range s.world.ws.Messages("#access-audit") {
		out = append(out, m.Text)
	}
	return out
}

func (s *onSlack) audited() (out []string) {
	for _, m := range s.world.ws.Messages("#access-audit") {
		out = append(out, m.String())
	}
	return out
}

func (s *onSlack) as(neg bool, args []string) {
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

func (s *onSlack) view(holds func(v slacksim.View) bool) slacksim.View {
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

func (s *onSlack) withField(label string) slacksim.View {
	return s.view(func(v slacksim.View) bool { _, ok := v.Field(label); return ok })
}

func (s *onSlack) press(neg bool, args []string) {
	v := s.view(func(v slacksim.View) bool { return neg || slices.Contains(v.Labels(), args[0]) })
	err := s.person(s.who).Click(s.ctx, v, args[0])
	s.want(neg, err == nil, "%s can press %q: %v", s.who, args[0], err)
	synctest.Wait()
}

func (s *onSlack) choose(neg bool, args []string) {
	v := s.withField(args[0])
	err := s.person(s.who).Choose(s.ctx, v, args[0], args[1:]...)
	s.want(neg, err == nil, "%s can choose %q: %v", s.who, args[1:], err)
	synctest.Wait()
}

func (s *onSlack) typeIn(_ bool, args []string) {
	s.ts.Check(s.person(s.who).Type(s.ctx, s.withField(args[0]), args[0], strings.Join(args[1:], " ")))
	synctest.Wait()
}

func (s *onSlack) submit(neg bool, _ []string) {
	v := s.view(func(v slacksim.View) bool { return v.Submit != "" })
	done, err := s.person(s.who).Submit(s.ctx, v)
	s.ts.Check(err)
	s.errors = done.Errors
	s.want(neg, len(done.Errors) == 0, "the form is taken; under its fields: %v", done.Errors)
	synctest.Wait()
}

func (s *onSlack) closeAll(bool, []string) { s.ts.Check(s.person(s.who).CloseAll(s.ctx)) }

func (s *onSlack) message(handle string, patterns []string, having string) (slacksim.Message, bool) {
	for _, m := range slices.Backward(s.person(handle).DMs()) {
		if s.match(m.String(), patterns) && (having == "" || slices.Contains(m.Labels(), having)) {
			return m, true
		}
	}
	return slacksim.Message{}, false
}

func (s *onSlack) dm(neg bool, args []string) {
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

func (s *onSlack) private(neg bool, args []string) {
	p := s.person(args[0])
	got := s.await(neg, func() bool {
		return s.match(s.replies[args[0]], args[1:]) || slices.ContainsFunc(p.Ephemerals(), func(m slacksim.Message) bool { return s.match(m.Text, args[1:]) })
	})
	s.want(neg, got, "%s is told in private %q; the reply was %q, messages:\n%s", args[0], args[1:], s.replies[args[0]], all(p.Ephemerals()))
}

func (s *onSlack) click(neg bool, args []string) {
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

func (s *onSlack) pressListed(neg bool, args []string) {
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

func (s *onSlack) together(_ bool, args []string) {
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

func (s *onSlack) look(_ bool, args []string) {
	s.want(false, until(soon, func() bool { var ok bool; s.kept[args[0]], ok = s.message(args[0], args[1:], ""); return ok }), "%s has a message with %q", args[0], args[1:])
}

func (s *onSlack) lateClick(_ bool, args []string) {
	s.who = args[0]
	s.ts.Check(s.person(args[0]).ClickStale(s.ctx, s.kept[args[0]], args[1]))
	synctest.Wait()
}

func shown(v slacksim.View) string {
	return strings.Join(append([]string{v.Title, v.Submit, v.Close, v.String()}, v.Labels()...), "\n")
}

func (s *onSlack) dialog(neg bool, args []string) {
	p := s.person(s.who)
	got := s.await(neg, func() bool { v, open := p.View(); return open && s.match(shown(v), args) })
	v, _ := p.View()
	s.want(neg, got, "the dialog says %q; it says:\n%s", args, v)
}

func (s *onSlack) field(neg bool, args []string) {
	var have []string
	got := s.await(neg, func() bool {
		v, _ := s.person(s.who).View()
		f, there := v.Field(args[0])
		have = f.Values
		return there && slices.Equal(f.Values, args[1:])
	})
	s.want(neg, got, "%s holds %q; it holds %q", args[0], args[1:], have)
}

func (s *onSlack) offers(neg bool, args []string) {
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

func (s *onSlack) finds(neg bool, args []string) {
	found, err := s.person(s.who).Suggest(s.ctx, s.withField(args[0]), args[0], args[1])
	s.ts.Check(err)
	s.want(neg, slices.Equal(texts(found), args[2:]), "the search finds %q; it finds %q", args[2:], texts(found))
}

func (s *onSlack) fieldError(neg bool, args []string) {
	s.want(neg, s.errors[args[0]] != "" && s.match(s.errors[args[0]], args[1:]), "an error under %s says %q; errors: %q", args[0], args[1:], s.errors)
}

func (s *onSlack) takeToken(_ bool, args []string) {
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
