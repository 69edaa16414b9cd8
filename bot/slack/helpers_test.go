package slack

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
	"apono/bot/platform/platformtest"
	"apono/bot/slack/slacksim"
)

const (
	alice = "U0ALICE001"
	bob   = "U0BOB00001"
	carol = "U0CAROL001"
)

func world() slacksim.Options {
	return slacksim.Options{
		Users: []slacksim.User{
			{ID: alice, Name: "alice", RealName: "Alice", Email: "alice@example.com", TZ: "Europe/Berlin"},
			{ID: bob, Name: "bob", RealName: "Bob", Email: "bob@example.com"},
			{ID: carol, Name: "carol", RealName: "Carol", Email: "carol@example.com"},
		},
		Channels: []slacksim.Channel{
			{ID: "C0GENERAL1", Name: "general", Members: []string{alice, bob, carol}, BotMember: true},
			{ID: "C0AUDIT001", Name: "access-audit", Members: []string{bob}, BotMember: true},
			{ID: "C0OTHER001", Name: "other", Members: []string{alice}},
			{ID: "C0SECRET01", Name: "secret", Private: true, Members: []string{bob}},
			{ID: "C0OLD00001", Name: "old", Archived: true, BotMember: true},
		},
	}
}

// service is a chat.Handler under the test's control. A nil function is a sensible
// small answer.
type service struct {
	command func(context.Context, chat.Command) chat.Answer
	click   func(context.Context, chat.Click) chat.Answer
	change  func(context.Context, chat.FormEvent) *chat.Form
	submit  func(context.Context, chat.FormEvent) chat.Submitted
	search  func(context.Context, chat.Search) []chat.Option
	home    func(context.Context, chat.HomeQuery) chat.Home
	manners map[string]chat.Manner // of a command's text

	mu          sync.Mutex
	clicks      []chat.Click
	changes     []chat.FormEvent
	submissions []chat.FormEvent
	searches    []chat.Search
}

func (s *service) note(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *service) Command(ctx context.Context, c chat.Command) chat.Answer {
	if s.command != nil {
		return s.command(ctx, c)
	}
	return chat.Say("You typed: " + c.Text)
}

func (s *service) Foretell(c chat.Command) chat.Manner { return s.manners[c.Text] }

// ForetellClick: Manners holds "press " and the action.
func (s *service) ForetellClick(c chat.Click) chat.Manner {
	if c.Action.Opens() {
		return chat.MannerOpens
	}
	return s.manners["press "+string(c.Action)]
}

func (s *service) Click(ctx context.Context, c chat.Click) chat.Answer {
	s.note(func() { s.clicks = append(s.clicks, c) })
	if s.click != nil {
		return s.click(ctx, c)
	}
	return chat.Answer{}
}

func (s *service) Change(ctx context.Context, e chat.FormEvent) *chat.Form {
	s.note(func() { s.changes = append(s.changes, e) })
	if s.change != nil {
		return s.change(ctx, e)
	}
	return nil
}

func (s *service) Submit(ctx context.Context, e chat.FormEvent) chat.Submitted {
	s.note(func() { s.submissions = append(s.submissions, e) })
	if s.submit != nil {
		return s.submit(ctx, e)
	}
	return chat.Submitted{}
}

func (s *service) Search(ctx context.Context, q chat.Search) []chat.Option {
	s.note(func() { s.searches = append(s.searches, q) })
	if s.search != nil {
		return s.search(ctx, q)
	}
	return nil
}

func (s *service) Home(ctx context.Context, q chat.HomeQuery) chat.Home {
	if s.home != nil {
		return s.home(ctx, q)
	}
	return chat.Home{Notes: []chat.Text{chat.T("Nobody is at home.")}}
}

func (s *service) clicked() []chat.Click {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]chat.Click(nil), s.clicks...)
}

func (s *service) submitted() []chat.FormEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]chat.FormEvent(nil), s.submissions...)
}

// rig is a workspace with a bot in it, in virtual time.
type rig struct {
	*slacksim.Workspace
	t       *testing.T
	ctx     context.Context
	client  *Client
	adapter *Adapter
	service *service
	inbox   *platformtest.Inbox
	meter   *platformtest.Counts
	log     *platformtest.Journal
	stop    context.CancelFunc
	ended   chan error
	options Options
}

// story runs in a bubble. At its end the bot is stopped and Slack has to be content.
func story(t *testing.T, o slacksim.Options, s *service, tell func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, o, s)
		defer r.Close()
		r.start()
		defer r.end()
		synctest.Wait()
		tell(r)
		r.end()
		r.Close()
		for _, v := range r.Violations() {
			t.Errorf("Slack would mind: %s %s %s", v.Kind, v.ID, v.Detail)
		}
		if t.Failed() {
			t.Log(r.log.String())
		}
	})
}

func newRig(t *testing.T, o slacksim.Options, s *service) *rig {
	t.Helper()
	w := slacksim.New(o)
	r := &rig{Workspace: w, t: t, ctx: t.Context(), service: s, inbox: platformtest.NewInbox(), meter: &platformtest.Counts{}, log: &platformtest.Journal{}}
	r.options = Options{
		AppToken: platform.Token(w.AppToken()), BotToken: platform.Token(w.BotToken()), APIURL: w.APIURL(), HTTP: w.HTTPClient(), Dialer: w.Dialer(),
		AuditChannel: "#access-audit", Meter: r.meter,
		Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	return r
}

// start runs a new bot on the same inbox.
func (r *rig) start() {
	r.t.Helper()
	var err error
	if r.client, err = NewClient(r.options); err != nil {
		r.t.Fatal(err)
	}
	if r.adapter, err = NewAdapter(r.options, r.client, r.service, r.inbox); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.ctx)
	a, ended := r.adapter, make(chan error, 1)
	r.stop, r.ended = cancel, ended
	go func() {
		defer close(ended)
		ended <- a.Run(ctx)
	}()
}

// end stops the bot in the orderly way.
func (r *rig) end() {
	r.t.Helper()
	r.stop()
	if err, ok := <-r.ended; ok && err != nil && !errors.Is(err, context.Canceled) {
		r.t.Errorf("Run: %v", err)
	}
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("%v\n%s", err, r.log)
	}
}

// note is must for goroutines.
func (r *rig) note(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Error(err)
	}
}

// post sends a card to a person and returns what the person sees.
func (r *rig) post(user string, card chat.Card) slacksim.Message {
	r.t.Helper()
	ref, err := r.client.Post(r.ctx, chat.Recipient{ID: user}, card, chat.PriorityApprover)
	r.must(err)
	for _, m := range r.As(user).DMs() {
		if m.TS == ref.Message {
			return m
		}
	}
	r.t.Fatalf("%s does not see %v", user, ref)
	return slacksim.Message{}
}

// approval is an approver's card.
func approval() chat.Card {
	target := chat.Target{Request: "AR-12", Version: 3, Stamp: "7kq2m4xa"}
	return chat.Card{
		Title: "Access request AR-12", Status: chat.T("Waiting for one of 2"), Tone: chat.ToneWaiting, Fallback: "Alice asks for prod-postgres",
		Sections: []chat.Section{
			{Fields: []chat.Field{
				{Label: "Requested by", Value: chat.Text{chat.Person("Alice", "alice@example.com")}},
				{Label: "Duration", Value: chat.T("2 hours")},
				{Label: "Justification", Value: chat.T("INC-12 <!channel> *burns* & `more`")},
			}},
			{Title: "prod-postgres", Fields: []chat.Field{
				{Label: "Resource type", Value: chat.T("database")},
				{Label: "Resources", Value: chat.Text{chat.Code("orders"), chat.Plain(", "), chat.Code("users")}},
				{Label: "Permissions", Value: chat.Text{chat.Code("read_only")}},
			}},
		},
		Notes: []chat.Text{{chat.Plain("You are Alice's manager. Asked "), chat.At(time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC)), chat.Plain(".")}},
		Actions: []chat.Action{
			{ID: chat.ActionApprove, Label: "Approve", Style: chat.StylePrimary, Target: target},
			{ID: chat.ActionDeny, Label: "Deny", Style: chat.StyleDanger, Target: target},
		},
		Menu: []chat.Action{{ID: chat.ActionDetails, Label: "Details", Target: target}},
	}
}

func contains(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%q is missing in\n%s", w, text)
		}
	}
}
