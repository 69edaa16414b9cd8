package teams

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/chat"
	"apono/bot/platform/platformtest"
	"apono/bot/teams/teamstest"
)

// book keeps contacts in memory.
type book struct {
	mu  sync.Mutex
	all map[string]Contact
}

func (b *book) SaveContact(_ context.Context, c Contact) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all[c.Account] = c
	return nil
}

func (b *book) RemoveContact(_ context.Context, account string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.all, account)
	return nil
}

func (b *book) Contact(account string) (Contact, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.all[account]
	return c, ok, nil
}

func (b *book) ContactByEmail(email string) (Contact, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.all {
		if c.Email == email {
			return c, true, nil
		}
	}
	return Contact{}, false, nil
}

func (b *book) Arriving() (all []Contact, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.all {
		if c.Arriving {
			all = append(all, c)
		}
	}
	return all, nil
}

// service answers as it is told to, and writes down what it was asked.
type service struct {
	mu       sync.Mutex
	clicks   []chat.Click
	commands []chat.Command
	submits  []chat.FormEvent
	searches []chat.Search
	click    func(context.Context, chat.Click) chat.Answer
	command  func(chat.Command) chat.Answer
	change   func(chat.FormEvent) *chat.Form
	submit   func(chat.FormEvent) chat.Submitted
	redraw   func(chat.Click) (chat.Card, bool)
	manner   chat.Manner // of commands
}

func (s *service) Foretell(chat.Command) chat.Manner { return s.manner }

func (s *service) ForetellClick(chat.Click) chat.Manner { return chat.MannerActs }

func (s *service) Command(_ context.Context, c chat.Command) chat.Answer {
	s.mu.Lock()
	s.commands = append(s.commands, c)
	s.mu.Unlock()
	return s.command(c)
}

func (s *service) Click(ctx context.Context, c chat.Click) chat.Answer {
	s.mu.Lock()
	s.clicks = append(s.clicks, c)
	s.mu.Unlock()
	return s.click(ctx, c)
}

func (s *service) Change(_ context.Context, e chat.FormEvent) *chat.Form {
	if s.change == nil {
		return nil
	}
	return s.change(e)
}

func (s *service) Submit(_ context.Context, e chat.FormEvent) chat.Submitted {
	s.mu.Lock()
	s.submits = append(s.submits, e)
	s.mu.Unlock()
	return s.submit(e)
}

func (s *service) Search(_ context.Context, q chat.Search) []chat.Option {
	s.mu.Lock()
	s.searches = append(s.searches, q)
	s.mu.Unlock()
	return []chat.Option{{Value: "a,b", Label: "orders", Description: "main"}, {Value: "c", Label: "users"}}
}

func (s *service) Redraw(_ context.Context, c chat.Click) (chat.Card, bool) {
	if s.redraw == nil {
		return chat.Card{}, false
	}
	return s.redraw(c)
}

// office is a tenant with a bot in it.
type office struct {
	*testing.T
	tenant  *teamstest.Tenant
	client  *Client
	adapter *Adapter
	service *service
	inbox   *platformtest.Inbox
	book    *book
	greets  bool // the service, whoever it is
	log     platformtest.Journal
	stop    func()
}

func inOffice(t *testing.T, f func(o *office)) {
	t.Helper()
	inOfficeOf(t, nil, f)
}

// inOfficeOf has more people in it.
func inOfficeOf(t *testing.T, more []teamstest.Person, f func(o *office)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := &office{T: t, tenant: newTenant(t, more...), service: &service{}, inbox: platformtest.NewInbox(), book: &book{all: map[string]Contact{}}}
		o.start()
		f(o)
		o.stop()
		for _, v := range o.tenant.Violations() {
			t.Errorf("Teams objects: %s", v)
		}
	})
}

func (o *office) start() {
	o.Helper()
	var err error
	if o.client, err = NewClient(optionsFor(o.tenant, &o.log), o.book); err != nil {
		o.Fatal(err)
	}
	o.adapter = NewAdapter(o.client, o.service, o.inbox)
	if o.greets {
		o.adapter.handler = greeting{o.service}
	}
	o.tenant.Serve(o.adapter)
	ctx, cancel := context.WithCancel(o.Context())
	done := make(chan error, 1)
	go func() { done <- o.adapter.Run(ctx) }()
	o.stop = func() {
		cancel()
		if err := <-done; err != nil {
			o.Error(err)
		}
	}
	synctest.Wait()
	if !o.adapter.Ready() {
		o.Fatal("not ready")
	}
	time.Sleep(restartPause)
	synctest.Wait()
}

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
	synctest.Wait()
}

// enter makes a person who has the app.
func (o *office) enter(handle string) *teamstest.Actor {
	o.Helper()
	a := o.tenant.As(handle)
	o.must(a.Install())
	return a
}

func (o *office) last(a *teamstest.Actor) teamstest.Message {
	o.Helper()
	synctest.Wait()
	all := a.Messages()
	if len(all) == 0 {
		o.Fatalf("%s has no messages", a.Person.Name)
	}
	return all[len(all)-1]
}

func approval() chat.Card {
	at := chat.Target{Request: "AR-7", Version: 18446744073709551615}
	return chat.Card{
		Title: "Access request AR-7", Status: chat.T("Waiting"), Tone: chat.ToneWaiting, Fallback: "AR-7: Alice asks",
		Actions: []chat.Action{{ID: chat.ActionApprove, Label: "Approve", Style: chat.StylePrimary, Target: at}, {ID: chat.ActionDeny, Label: "Deny", Target: at}},
		Menu:    []chat.Action{{ID: chat.ActionDetails, Label: "Details", Target: at}},
	}
}

// asked posts the approver's card to somebody.
func (o *office) asked(a *teamstest.Actor) (teamstest.Message, chat.MessageRef) {
	o.Helper()
	ref, err := o.client.Post(o.Context(), chat.Recipient{Email: a.Person.Email}, approval(), chat.PriorityApprover)
	o.must(err)
	return o.last(a), ref
}

// TestALostAnswerToAPost: nobody can tell whether the message is there, so it may be
// there twice. The older copy shows what is true all the same: it refreshes itself when
// it comes into view, and a press on it is a press.
func TestALostAnswerToAPost(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		o.tenant.Fail(teamstest.FaultPosted, 1, 0, "", 0)
		if _, err := o.client.Post(o.Context(), chat.Recipient{Email: bob.Person.Email}, approval(), chat.PriorityApprover); chat.KindOf(err) != chat.ErrorUnknown {
			t.Fatalf("the answer was lost: %v", err)
		}
		_, ref := o.asked(bob)
		copies := bob.Messages()
		if len(copies) != 2 || copies[1].ID != ref.Message {
			t.Fatalf("%d copies, the last is not %v", len(copies), ref)
		}
		over := chat.Card{Title: "Access request AR-7", Status: chat.T("Approved by Carol"), Fallback: "x"}
		o.service.redraw = func(chat.Click) (chat.Card, bool) { return over, true }
		o.service.click = func(context.Context, chat.Click) chat.Answer {
			return chat.Say("That is too late: Carol approved it.")
		}
		o.must(o.client.Update(o.Context(), ref, over, chat.PriorityRedraw))
		seen, err := bob.Refresh(copies[0])
		if err != nil || !strings.Contains(teamstest.Text(seen), "Approved by Carol") {
			t.Errorf("the older copy shows %v, %v", seen, err)
		}
		_, err = bob.Press(copies[0], "Approve")
		if err != nil || !strings.Contains(bob.Toast, "too late") {
			t.Errorf("a press on the older copy: %q, %v", bob.Toast, err)
		}
		now := bob.Messages()
		if now[1].Edits != 1 || !strings.Contains(teamstest.Text(now[1].Card), "Approved by Carol") {
			t.Errorf("the later copy: %+v", now[1])
		}
	})
}

func TestAClickIsCommittedHandledAndAnswered(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, ref := o.asked(bob)
		o.service.click = func(context.Context, chat.Click) chat.Answer {
			if n := o.inbox.Left(); n != 1 {
				t.Errorf("%d clicks are committed when one is handled", n)
			}
			return chat.Answer{}
		}
		o.service.redraw = func(c chat.Click) (chat.Card, bool) {
			return chat.Card{Title: "Approved by " + c.User.ID, Fallback: "x"}, true
		}
		card, err := bob.Press(m, "Approve")
		o.must(err)
		if text := teamstest.Text(card); !strings.Contains(text, "Approved by aad-bob") {
			t.Errorf("Bob sees %q", text)
		}
		want := []chat.Click{{User: chat.User{Platform: "teams", ID: "aad-bob", Team: tenantID}, Action: chat.ActionApprove, Target: chat.Target{Request: "AR-7", Version: 18446744073709551615}}}
		got := o.service.clicks
		got[0].At = time.Time{}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("clicks (-want +got):\n%s", diff)
		}
		if n := o.inbox.Left(); n != 0 {
			t.Error("the click is not finished")
		}
		o.must(o.client.Update(o.Context(), ref, chat.Card{Title: "Decided", Fallback: "x"}, chat.PriorityApprover))
		if now := o.last(bob); now.Edits != 1 || !strings.Contains(teamstest.Text(now.Card), "Decided") {
			t.Errorf("the message shows %q", teamstest.Text(now.Card))
		}
	})
}

func TestARepeatedInvokeIsHandledOnce(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, _ := o.asked(bob)
		o.service.click = func(context.Context, chat.Click) chat.Answer { return chat.Say("No.") }
		press := bob.Activity("invoke")
		press["name"], press["replyToId"] = "adaptiveCard/action", m.ID
		press["value"] = map[string]any{"action": m.Card["actions"].([]any)[0], "trigger": "manual"}
		first, err := bob.Invoke(press)
		o.must(err)
		second, err := bob.Invoke(press) // the connector repeats it
		o.must(err)
		press["id"] = "f:another"
		third, err := bob.Invoke(press) // the client does
		o.must(err)
		if string(first) != string(second) || string(first) != string(third) {
			t.Errorf("answers %s, %s, %s", first, second, third)
		}
		if n := len(o.service.clicks); n != 1 {
			t.Errorf("handled %d times", n)
		}
		time.Sleep(time.Minute)
		press["id"] = "f:later"
		_, err = bob.Invoke(press)
		o.must(err)
		if n := len(o.service.clicks); n != 2 {
			t.Errorf("a press of its own was handled %d times", n-1)
		}
	})
}

func TestWithoutACommitNothingIsDone(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, _ := o.asked(bob)
		o.inbox.Fail(errors.New("disk full"))
		if _, err := bob.Press(m, "Approve"); err == nil {
			t.Error("the press was acknowledged")
		}
		o.inbox.Fail(nil)
		o.service.click = func(context.Context, chat.Click) chat.Answer { return chat.Answer{} }
		_, err := bob.Press(m, "Approve")
		o.must(err)
		if n := len(o.service.clicks); n != 1 || bob.Toast == "" {
			t.Errorf("handled %d times, toast %q", n, bob.Toast)
		}
	})
}

func TestACommittedClickSurvivesARestart(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, _ := o.asked(bob)
		payload, err := json.Marshal(press{
			Key: "teams/k", Click: chat.Click{User: chat.User{Platform: "teams", ID: "aad-bob"}, Action: chat.ActionApprove, Target: chat.Target{Request: "AR-7"}},
			Where: spot{bob.Chat(), o.tenant.ServiceURL(), bob.Person.MRI()}.String(),
		})
		o.must(err)
		o.stop()
		_, err = o.inbox.Receive(o.Context(), time.Now(), "teams/k", payload)
		o.must(err)
		_, err = o.inbox.Receive(o.Context(), time.Now(), "slack/k", []byte(`{"click":{"user":{"platform":"slack"}}}`))
		o.must(err)
		o.service.click = func(context.Context, chat.Click) chat.Answer { return chat.Say("AR-7 is decided.") }
		o.start()
		if got := o.last(bob); !strings.Contains(teamstest.Text(got.Card), "AR-7 is decided.") || got.ID == m.ID {
			t.Errorf("Bob was told %q", teamstest.Text(got.Card))
		}
		if n := o.inbox.Left(); n != 1 || len(o.service.clicks) != 1 {
			t.Errorf("%d undone, %d handled; the one of the other platform is not ours", o.inbox.Left(), len(o.service.clicks))
		}
	})
}

func TestASlowHandlerIsAnsweredInTime(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, _ := o.asked(bob)
		o.service.click = func(context.Context, chat.Click) chat.Answer {
			time.Sleep(7 * time.Second)
			return chat.Answer{}
		}
		_, err := bob.Press(m, "Approve") // the tenant objects to over five seconds
		o.must(err)
		if !strings.Contains(bob.Toast, "longer than usual") {
			t.Errorf("toast %q", bob.Toast)
		}
		time.Sleep(5 * time.Second)
		_, err = bob.Press(m, "Approve")
		o.must(err)
		if bob.Toast != done || len(o.service.clicks) != 1 {
			t.Errorf("toast %q after %d clicks", bob.Toast, len(o.service.clicks))
		}
	})
}

func TestAPanicIsSurvived(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, _ := o.asked(bob)
		o.service.click = func(context.Context, chat.Click) chat.Answer { panic("in the handler") }
		_, err := bob.Press(m, "Approve")
		o.must(err)
		if !strings.Contains(bob.Toast, "went wrong") || !strings.Contains(o.log.String(), "chat handler panicked") {
			t.Errorf("toast %q", bob.Toast)
		}
	})
}

func TestHostileInvokes(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		for _, name := range []string{"adaptiveCard/action", "task/fetch", "task/submit", "application/search", "signin/verifyState"} {
			for _, value := range []any{
				nil, "text", 7,
				[]any{},
				obj{},
				obj{"action": 1},
				obj{"action": obj{"data": "x"}},
				obj{"action": obj{"data": obj{"bot": "x"}}},
				obj{"action": obj{"data": obj{"bot": obj{"do": "nothing"}}}},
				obj{"data": obj{"bot": obj{"do": "form"}}},
				obj{"data": obj{"bot": obj{"do": "click", "target": obj{"version": "-1"}}}},
				obj{"data": obj{"bot": obj{"do": "form", "form": obj{"state": strings.Repeat("x", 50_000)}}}},
				obj{"dataset": "x"},
				obj{"dataset": `{"form":1}`},
				obj{"action": obj{"data": obj{"bot": obj{"do": "click", "target": obj{"version": "1", "request": strings.Repeat("x", 5000)}}}}},
			} {
				act := bob.Activity("invoke")
				act["name"], act["value"] = name, value
				if code := o.tenant.Deliver(act).Code; code != 200 && code != 400 && code != 501 {
					t.Errorf("%s %v: status %d", name, value, code)
				}
			}
		}
		if log := o.log.String(); strings.Contains(log, "level=ERROR") || strings.Contains(log, `"level":"ERROR"`) {
			t.Errorf("what is none of the bot's is an error in its log:\n%s", log)
		}
		act := bob.Activity("invoke")
		act["from"] = obj{"id": "29:nobody"}
		act["name"] = "task/fetch"
		if code := o.tenant.Deliver(act).Code; code != http.StatusForbidden {
			t.Errorf("without an account: %d", code)
		}
		if len(o.service.clicks) != 0 || len(o.service.submits) != 0 {
			t.Error("something was done")
		}
	})
}
