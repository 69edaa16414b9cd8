package bot_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"apono/bot"
	"apono/bot/chat"
	"apono/flows"
)

// handover keeps the delegations of an office, and lets its world have them.
type handover struct{ o *office }

func (h handover) Delegate(ctx context.Context, now time.Time, d flows.Delegation) error {
	defer h.o.change()
	return h.o.store.Delegate(ctx, now, d)
}

func (h handover) EndDelegation(ctx context.Context, now time.Time, id string, by flows.PersonRef) error {
	defer h.o.change()
	_, err := h.o.store.EndDelegation(ctx, now, id, by)
	return err
}

// found is an office in which the platform finds accounts by address.
type found struct{ *office }

func (f found) Find(ctx context.Context, _ string, p *flows.Person) (chat.Account, error) {
	name, _, _ := strings.Cut(p.Email, "@")
	if _, ok := f.accounts[name]; !ok {
		return chat.Account{}, flows.Errorf(flows.CodeNotFound, "There is no such account.")
	}
	return f.Account(ctx, chat.User{ID: name}, chat.PriorityNow)
}

// delegating is an office on Wednesday, 25 November 2026, at 9:00 in UTC.
func delegating(t *testing.T) *office {
	t.Helper()
	o := newOffice(t)
	o.Accounts = found{o}
	o.Delegations = handover{o}
	o.Now = wednesday
	world := o.World
	o.World = func() flows.World {
		w := world()
		all, err := o.store.Delegations()
		if err != nil {
			t.Error(err)
		}
		w.Delegations = flows.NewDelegations(all).At(o.Now())
		return w
	}
	return o
}

func (o *office) handedOver() string {
	o.t.Helper()
	all, err := o.store.Delegations()
	if err != nil {
		o.t.Fatal(err)
	}
	var out []string
	for _, d := range all {
		out = append(out, d.From.DisplayName()+" to "+d.To.DisplayName()+" until "+d.Until.Format("Mon 15:04:05"))
	}
	return strings.Join(out, ", ")
}

// TestDelegateLine: whom people name, and until when, by their own clock.
func TestDelegateLine(t *testing.T) {
	for _, tt := range []struct{ line, want, says string }{
		{"@carol until friday", "Bob to Carol until Fri 22:59:59", "Carol"},
		{"to carol@example.com until 18:00", "Bob to Carol until Wed 17:00:00", "Carol"},
		{"<@UCAROL> until tomorrow 9:00", "Bob to Carol until Thu 08:00:00", "Carol"},
		{"<@UCAROL|carol> for 4h", "Bob to Carol until Wed 13:00:00", "Carol"},
		{"Carol for 2 days", "Bob to Carol until Fri 09:00:00", "Carol"},
		{"<@UGUEST> until friday", "", "is a guest and could not decide"},
		{"<@UBOT> until friday", "", "is a bot and could not decide"},
		{"<@UGONE> until friday", "", "is deactivated and could not decide"},
		{"<@UELSE> until friday", "", "belongs to another workspace"},
		{"<@USTRANGER> until friday", "", "I cannot tell who that account is"},
		{"dan@example.com until friday", "", "Dan is a guest and could not decide"},
		{"eve until friday", "", "Eve cannot be reached in chat"},
		{"@gus until friday", "", "Gus is deactivated in the directory"},
		{"@sam until friday", "", `2 people are called "sam"`},
		{"@bob until friday", "", "to yourself"},
		{"@carol until monday 9:00 or so", "", "I cannot read"},
		{"@carol 18:00", "", "Please say until when"},
		{"@carol @dan until friday", "", "Please name one person"},
		{"<@UCAROL> and <@UGUEST> until friday", "", "Please name one person"},
		{"carol@example.com, dan@example.com until friday", "", "Please name one person"},
		{"carol from monday until friday", "", "It begins at once; a later beginning cannot be chosen"},
		{"for 3 days", "", "Please say who"},
	} {
		o := delegating(t)
		o.people = append(o.people, flows.Person{Email: "gus@example.com", Name: "Gus", Disabled: true},
			flows.Person{Email: "sam.a@example.com", Name: "Sam"}, flows.Person{Email: "sam.b@example.com", Name: "Sam"})
		o.person("bob").TimeZone = "Europe/Berlin"
		o.change()
		carol := o.accounts["carol"]
		o.accounts["UCAROL"] = carol
		maps.Copy(o.accounts, map[string]chat.Account{
			"UGUEST": {Guest: true}, "UBOT": {Bot: true}, "UGONE": {Deactivated: true}, "UELSE": {External: true}, "USTRANGER": {Email: "who@example.com", EmailVerified: true},
			"dan": {Guest: true, Email: "dan@example.com"},
		})
		delete(o.accounts, "eve")
		answer := o.command("bob", "delegate "+tt.line)
		if got := o.handedOver(); got != tt.want || !strings.Contains(said(answer), tt.says) {
			t.Errorf("%s: %q, and Bob reads %q", tt.line, got, said(answer))
		}
	}
}

// TestDelegateLineIsKept: it acts, so a platform keeps it until it is done, and a repeat
// changes nothing. What cannot be found out is tried again.
func TestDelegateLineIsKept(t *testing.T) {
	o := delegating(t)
	for text, want := range map[string]chat.Manner{"delegate": chat.MannerTells, "delegate @carol until friday": chat.MannerActs, "DELEGATE stop": chat.MannerActs} {
		if got := o.Foretell(chat.Command{Text: text}); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for range 2 {
		o.command("bob", "delegate @carol until friday")
	}
	events, err := o.store.Audit(1, 10)
	if err != nil || len(events) != 1 || events[0].Fact.Kind != flows.FactDelegated {
		t.Errorf("the trail has %+v, %v", events, err)
	}
	o.broken = &chat.Error{Kind: chat.ErrorRetry, Err: errors.New("down")}
	if answer := o.command("bob", "delegate @dan until friday"); !answer.Later {
		t.Errorf("Slack is down, and Bob reads %q", said(answer))
	}
	o.broken = nil
	o.Delegations = nil
	if answer := o.command("bob", "delegate @dan until friday"); !strings.Contains(said(answer), "cannot be handed over here") {
		t.Errorf("Bob reads %q", said(answer))
	}
}

// TestDelegateDecides: Carol decides for Bob while it lasts, and the record says so.
func TestDelegateDecides(t *testing.T) {
	o := delegating(t)
	o.command("bob", "delegate @carol for 3 days")
	r := o.ask("one")
	if len(r.Asked) != 1 || r.Asked[0].Email != "carol@example.com" {
		t.Fatalf("asked %+v", r.Asked)
	}
	if answer := o.command("bob", "tasks"); len(answer.Private.Sections) != 1 {
		t.Errorf("Bob cannot find what he may decide: %+v", answer.Private)
	}
	if answer := o.click("carol", chat.ActionApprove, r.ID); answer.Private != nil {
		t.Fatalf("Carol reads %q", said(answer))
	}
	d := o.request(r.ID).Decisions[0]
	if d.By.Email != "carol@example.com" || len(d.For) != 1 || d.For[0].For.Email != "bob@example.com" || d.Own() {
		t.Errorf("on record is %+v", d)
	}
	second := o.ask("two")
	o.command("bob", "delegate stop")
	if answer := o.click("carol", chat.ActionApprove, second.ID); said(answer) == "" || len(o.request(second.ID).Decisions) != 0 {
		t.Errorf("Carol decides after it is over, and reads %q", said(answer))
	}
	if answer := o.click("bob", chat.ActionApprove, second.ID); answer.Private != nil {
		t.Errorf("Bob reads %q", said(answer))
	}
}

// TestStopDelegation: either of the two, and nobody else, by a button or a line.
func TestStopDelegation(t *testing.T) {
	o := delegating(t)
	o.command("bob", "delegate @carol until friday")
	all, err := o.store.Delegations()
	if err != nil {
		t.Fatal(err)
	}
	press := func(name string) string {
		return said(o.clickOn(name, chat.ActionStopDelegation, chat.Target{Item: all[0].ID, List: true}))
	}
	for _, name := range []string{"dan", "alice"} {
		if got := press(name); got != "That delegation is over." || o.handedOver() == "" {
			t.Errorf("%s stops it, and reads %q", name, got)
		}
	}
	if got := press("carol"); !strings.Contains(got, "you do not stand in for Bob any more") || o.handedOver() != "" {
		t.Errorf("Carol reads %q", got)
	}
	if got := press("bob"); got != "That delegation is over." {
		t.Errorf("Bob reads %q", got)
	}
}

var _ bot.Finder = found{}
