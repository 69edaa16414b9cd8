package teams

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/chat"
	"apono/bot/teams/teamstest"
)

func reasonForm() *chat.Form {
	return &chat.Form{
		ID: chat.FormReason, Title: "Reason", Submit: "Deny", Close: "Cancel", State: `{"r":"AR-7"}`,
		Parts: []chat.Part{{Kind: chat.PartText, Text: chat.T("Alice asks.")}, {Kind: chat.PartInput, Field: "reason", Label: "Reason", Multi: true, Max: 2000}},
	}
}

func TestDenyAsksForAReason(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, _ := o.asked(bob)
		o.service.click = func(context.Context, chat.Click) chat.Answer { return chat.Answer{Open: reasonForm()} }
		o.service.submit = func(e chat.FormEvent) chat.Submitted {
			if e.Values.First("reason") == "" {
				return chat.Submitted{Errors: map[string]string{"reason": "Please give a reason.", "other": "And look."}}
			}
			if strings.Contains(e.Values.First("reason"), "bad") {
				return chat.Submitted{Errors: map[string]string{"reason": "Not that one."}}
			}
			return chat.Submitted{}
		}
		_, err := bob.Press(m, "Deny")
		o.must(err)
		if bob.Dialog == nil || bob.Dialog.Title != "Reason" {
			t.Fatalf("dialog %+v", bob.Dialog)
		}
		o.must(bob.Dialog.Submit("Deny"))
		if text := bob.Dialog.Text(); !strings.Contains(text, "[Reason]\nPlease give a reason.") || !strings.Contains(text, "And look.") || !strings.Contains(text, "Alice asks.") {
			t.Errorf("errors are shown as\n%s", text)
		}
		o.must(bob.Dialog.Type("Reason", "a bad one, with , and % in it"))
		o.must(bob.Dialog.Submit("Deny"))
		if v, err := bob.Dialog.Value("Reason"); err != nil || v != "a bad one, with , and % in it" {
			t.Errorf("what was typed is %q, %v", v, err)
		}
		o.must(bob.Dialog.Type("Reason", "no"))
		o.must(bob.Dialog.Submit("Deny"))
		if bob.Dialog != nil {
			t.Errorf("still open: %s", bob.Dialog.Text())
		}
		got := o.service.submits[len(o.service.submits)-1]
		if diff := cmp.Diff(chat.Values{"reason": {"no"}}, got.Values); diff != "" || got.State != `{"r":"AR-7"}` || got.User.ID != "aad-bob" {
			t.Errorf("submitted %+v\n%s", got, diff)
		}
		if first := o.service.submits[0]; first.Key == "" || first.Key != got.Key {
			t.Errorf("keys %q and %q of one dialog", first.Key, got.Key)
		}
	})
}

func TestApproveMayNeedAReason(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, _ := o.asked(bob)
		o.service.click = func(context.Context, chat.Click) chat.Answer { return chat.Answer{Open: reasonForm()} }
		card, err := bob.Press(m, "Approve")
		o.must(err)
		_, err = bob.Press(teamstest.Message{ID: m.ID, Card: card}, "Deny")
		o.must(err)
		if bob.Dialog == nil || bob.Dialog.Title != "Reason" {
			t.Errorf("dialog %+v", bob.Dialog)
		}
	})
}

func TestARefusalInsteadOfADialog(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, _ := o.asked(bob)
		o.service.click = func(context.Context, chat.Click) chat.Answer { return chat.Say("You are not an approver of AR-7.") }
		_, err := bob.Press(m, "Details")
		o.must(err)
		if bob.Dialog != nil || bob.Toast != "You are not an approver of AR-7." {
			t.Errorf("toast %q", bob.Toast)
		}
	})
}

// What is shown once is in a dialog alone, and a client that did not get it can ask
// again.
func TestCredentialsAreShownInADialogAlone(t *testing.T) {
	inOffice(t, func(o *office) {
		alice := o.enter("alice")
		card := chat.Card{Title: "Access details", Fallback: "x", Actions: []chat.Action{{ID: chat.ActionCredentials, Label: "Show credentials", Target: chat.Target{Request: "AR-7", Integration: "db"}}}}
		_, err := o.client.Post(o.Context(), chat.Recipient{ID: "aad-alice"}, card, chat.PriorityRequester)
		o.must(err)
		spent := 0
		o.service.click = func(context.Context, chat.Click) chat.Answer {
			return chat.Answer{Open: &chat.Form{ID: chat.FormCredentials, Title: "Credentials"}, Then: func(context.Context) *chat.Form {
				spent++
				return &chat.Form{ID: chat.FormCredentials, Title: "Credentials", Parts: []chat.Part{
					{Kind: chat.PartText, Text: chat.Text{chat.Bold("password"), chat.Plain("\n"), chat.Code("hunter2-9$")}}, {Kind: chat.PartVerbatim, Value: "a\n  key"},
				}}
			}}
		}
		press := alice.Activity("invoke")
		press["name"], press["value"] = "task/fetch", obj{"data": o.last(alice).Card["actions"].([]any)[0].(obj)["data"]}
		first, err := alice.Invoke(press)
		o.must(err)
		_, err = alice.Press(o.last(alice), "Show credentials")
		o.must(err)
		if text := alice.Dialog.Text(); spent != 2 || !strings.Contains(text, "hunter2-9$") {
			t.Errorf("of two presses the service was asked %d times:\n%s", spent, text)
		}
		if v, err := alice.Dialog.Value("To be copied"); err != nil || v != "a\n  key" {
			t.Errorf("to be copied: %q, %v", v, err)
		}
		again, err := alice.Invoke(press) // the connector repeats it
		o.must(err)
		if spent != 2 || string(again) != string(first) || !strings.Contains(string(again), "hunter2-9$") {
			t.Errorf("spent %d times; the repeat gets\n%s", spent, again)
		}
		for _, m := range alice.Messages() {
			if strings.Contains(teamstest.Text(m.Card), "hunter2") {
				t.Error("the secret is in the chat")
			}
		}
		if strings.Contains(o.log.String(), "hunter2") {
			t.Error("the secret is in the log")
		}
	})
}

// choosing draws the request form as the service does: what is asked for depends on
// what was chosen above it.
func choosing(e chat.FormEvent) *chat.Form {
	f := &chat.Form{ID: chat.FormRequest, Title: "Request access", Submit: "Submit", Close: "Cancel", State: "s"}
	mode := "Bundle Mode"
	if e.Action == chat.ActionMode {
		mode = "Resource Mode"
	}
	f.Parts = []chat.Part{
		{Kind: chat.PartText, Text: chat.T("Choose."), Action: &chat.Action{ID: chat.ActionMode, Label: mode}},
		{Kind: chat.PartSelect, Field: "integration", Label: "Integration", Options: []chat.Option{{Value: "pg", Label: "prod"}, {Value: "my", Label: "mysql"}}, Live: true},
	}
	if e.Values.First("integration") != "" {
		f.Parts[1].Selected = []chat.Option{{Value: e.Values.First("integration")}}
		f.Parts = append(f.Parts, chat.Part{Kind: chat.PartMulti, Field: "resources", Generation: e.Values.First("integration"), Label: "Resources", Search: true})
	}
	f.Parts = append(f.Parts, chat.Part{Kind: chat.PartInput, Field: "justification", Label: "Justification", Multi: true})
	if len(e.Values["resources"]) > 0 {
		f.Parts = append(f.Parts, chat.Part{Kind: chat.PartNote, Text: chat.T("Asked: Bob (your manager)")})
	}
	return f
}

func TestTheRequestForm(t *testing.T) {
	inOffice(t, func(o *office) {
		alice := o.enter("alice")
		o.service.command = func(chat.Command) chat.Answer { return chat.Answer{Open: choosing(chat.FormEvent{})} }
		o.service.change = choosing
		o.service.submit = func(chat.FormEvent) chat.Submitted { return chat.Submitted{} }
		o.must(alice.Say("<at>apono</at>&nbsp;request x for 2h"))
		_, err := alice.Press(o.last(alice), "Request access")
		o.must(err)
		d := alice.Dialog
		want := []chat.Command{{User: chat.User{Platform: "teams", ID: "aad-alice", Team: tenantID}, Text: "request x for 2h"}}
		want = append(want, want[0])
		if diff := cmp.Diff(want, o.service.commands); diff != "" {
			t.Errorf("commands (-want +got):\n%s", diff)
		}

		// The mode button keeps what was typed, and Submit on a choice that asks for
		// more shows that first.
		o.must(d.Type("Justification", "INC-12"))
		o.must(d.Submit("Bundle Mode"))
		if !strings.Contains(alice.Dialog.Text(), "(Resource Mode)") {
			t.Errorf("after the mode button:\n%s", alice.Dialog.Text())
		}
		o.must(d.Choose("Integration", "prod"))
		o.must(d.Submit("Submit"))
		d = alice.Dialog
		if text := d.Text(); !strings.Contains(text, "Nothing is sent yet") || !slices.Contains(teamstest.Inputs(d.Card), "Resources") {
			t.Errorf("after the first choice:\n%s", text)
		}
		if v, _ := d.Value("Justification"); v != "INC-12" {
			t.Errorf("what was typed is %q", v)
		}

		// Something is listed before anybody types; what is found is chosen by value.
		if got, err := d.Choices("Resources"); err != nil || len(got) != 2 {
			t.Errorf("listed: %q, %v", got, err)
		}
		found, err := d.Search("Resources", "ord")
		o.must(err)
		if diff := cmp.Diff(map[string]string{"orders — main": "a%2Cb", "users": "c"}, found); diff != "" {
			t.Errorf("found (-want +got):\n%s", diff)
		}
		last := o.service.searches[len(o.service.searches)-1]
		if last.Form != chat.FormRequest || last.Field != "resources" || last.State != "s" || last.Query != "ord" || last.User.ID != "aad-alice" {
			t.Errorf("searched %+v", last)
		}
		o.must(d.Choose("Resources", "users"))

		// What was chosen of one system is not asked for in another.
		o.must(d.Choose("Integration", "mysql"))
		o.must(d.Submit("Submit"))
		d = alice.Dialog
		if v, _ := d.Value("Resources"); v != "" || !strings.Contains(d.Text(), "Nothing is sent yet") {
			t.Errorf("after another system, with resources %q:\n%s", v, d.Text())
		}
		_, err = d.Search("Resources", "")
		o.must(err)
		o.must(d.Choose("Resources", "orders", "users"))
		o.must(d.Submit("Submit")) // who will be asked is no field
		if alice.Dialog != nil {
			t.Fatalf("still open:\n%s", alice.Dialog.Text())
		}
		if diff := cmp.Diff(chat.Values{"integration": {"my"}, "resources": {"a,b", "c"}, "justification": {"INC-12"}}, o.service.submits[0].Values); diff != "" {
			t.Errorf("submitted (-want +got):\n%s", diff)
		}
		o.must(d.Submit("Submit")) // the client sends it again
		if len(o.service.submits) != 1 {
			t.Errorf("submitted %d times", len(o.service.submits))
		}
	})
}

func TestErrorsOfTheRequestForm(t *testing.T) {
	inOffice(t, func(o *office) {
		alice := o.enter("alice")
		o.service.command = func(chat.Command) chat.Answer { return chat.Answer{Open: choosing(chat.FormEvent{})} }
		o.service.change = choosing
		o.service.submit = func(chat.FormEvent) chat.Submitted {
			return chat.Submitted{Errors: map[string]string{"integration": "Please choose an integration."}}
		}
		o.must(alice.Say("apono"))
		_, err := alice.Press(o.last(alice), "Request access")
		o.must(err)
		o.must(alice.Dialog.Type("Justification", "because"))
		o.must(alice.Dialog.Submit("Submit"))
		if text := alice.Dialog.Text(); !strings.Contains(text, "[Integration]\nPlease choose an integration.") {
			t.Errorf("the error is shown as\n%s", text)
		}
		if v, _ := alice.Dialog.Value("Justification"); v != "because" {
			t.Errorf("what was typed is %q", v)
		}
		o.service.submit = func(chat.FormEvent) chat.Submitted {
			return chat.Submitted{Show: &chat.Form{ID: chat.FormNotice, Title: "Not done", Parts: []chat.Part{{Kind: chat.PartText, Text: chat.T("Too late.")}}}}
		}
		o.must(alice.Dialog.Type("Justification", "another"))
		o.must(alice.Dialog.Submit("Submit"))
		if text := alice.Dialog.Text(); !strings.Contains(text, "Not done") || !strings.Contains(text, "Too late.") {
			t.Errorf("instead of the form:\n%s", text)
		}
	})
}

func TestMessages(t *testing.T) {
	for text, want := range map[string]string{
		"apono": "", "Apono ": "", "/apono requests": "requests", "requests": "requests", "request x because apono": "request x because apono",
		"<at>apono</at> tasks\n": "tasks", "<at id=\"0\">x y</at>&nbsp;help": "help", "a &lt;b&gt;": "a <b>", "aponoo": "aponoo", strings.Repeat("ü", 4000): strings.Repeat("ü", 3000),
	} {
		if got := command(text); got != want {
			t.Errorf("command(%.40q) = %.40q, want %.40q", text, got, want)
		}
	}
	inOffice(t, func(o *office) {
		alice := o.enter("alice")
		o.service.command = func(chat.Command) chat.Answer { return chat.Say("Nothing waits for you.") }
		o.must(alice.Say("tasks"))
		o.must(alice.Say("tasks"))
		if n := len(o.service.commands); n != 2 {
			t.Errorf("%d commands; what is written twice is meant twice", n)
		}
		if text := teamstest.Text(o.last(alice).Card); text != "Nothing waits for you." {
			t.Errorf("answered %q", text)
		}
		act := alice.Activity("message")
		act["text"] = "tasks"
		for range 2 {
			if code := o.tenant.Deliver(act).Code; code != 202 {
				t.Errorf("status %d", code)
			}
			synctest.Wait()
		}
		if n := len(o.service.commands); n != 3 {
			t.Errorf("%d commands after a repeat", n)
		}

		// In a channel everybody would read along.
		act = alice.Activity("message")
		act["text"], act["conversation"] = "<at>apono</at> requests", obj{"id": audit + ";messageid=1", "conversationType": "channel", "tenantId": tenantID}
		o.tenant.Deliver(act)
		time.Sleep(10 * time.Second) // a good deal was asked of the tenant
		in := o.tenant.In(audit)
		if len(in) != 1 || !strings.Contains(teamstest.Text(in[0].Card), "in your own chat") || len(o.service.commands) != 3 {
			t.Errorf("in the channel: %+v", in)
		}

		// A client without Action.Execute presses by a message.
		m, _ := o.asked(alice)
		o.service.click = func(context.Context, chat.Click) chat.Answer { return chat.Say("That was you.") }
		act = alice.Activity("message")
		act["value"], act["replyToId"] = m.Card["actions"].([]any)[0].(obj)["fallback"].(obj)["data"], m.ID
		o.tenant.Deliver(act)
		time.Sleep(10 * time.Second) // Alice was written to a lot
		if text := teamstest.Text(o.last(alice).Card); text != "That was you." || o.service.clicks[0].Action != chat.ActionApprove {
			t.Errorf("answered %q", text)
		}
	})
}

func TestRefreshDrawsForTheViewer(t *testing.T) {
	inOffice(t, func(o *office) {
		bob, alice := o.enter("bob"), o.enter("alice")
		m, _ := o.asked(bob)
		o.service.redraw = func(c chat.Click) (chat.Card, bool) {
			return chat.Card{Title: "For " + c.User.ID, Fallback: "x"}, c.User.ID == "aad-bob"
		}
		card, err := bob.Refresh(m)
		o.must(err)
		if text := teamstest.Text(card); text != "For aad-bob" {
			t.Errorf("Bob sees %q", text)
		}
		if card, err = alice.Refresh(m); err != nil || card != nil {
			t.Errorf("Alice's client asks for a card that is not hers: %v, %v", card, err)
		}
		if len(o.service.clicks) != 0 {
			t.Error("a refresh is a click")
		}
	})
}

// A client without dialogs sends their buttons as messages, Microsoft's playground
// for example. It gets forms as messages, and no secrets.
func TestAClientWithoutDialogs(t *testing.T) {
	inOffice(t, func(o *office) {
		alice := o.enter("alice")
		o.service.command = func(chat.Command) chat.Answer { return chat.Answer{Open: choosing(chat.FormEvent{})} }
		o.service.change = choosing
		o.service.submit = func(chat.FormEvent) chat.Submitted { return chat.Submitted{} }
		// send presses a button with fields beside it, as such a client does.
		send := func(title string, fields obj) teamstest.Message {
			o.Helper()
			m := o.last(alice)
			for _, m = range slices.Backward(alice.Messages()) {
				if slices.Contains(teamstest.Buttons(m.Card), title) {
					break
				}
			}
			for _, b := range m.Card["actions"].([]any) {
				if b := b.(obj); b["title"] == title {
					act := alice.Activity("message")
					data := obj{}
					maps.Copy(data, b["data"].(obj))
					maps.Copy(data, fields)
					act["value"], act["replyToId"] = data, m.ID
					if code := o.tenant.Deliver(act).Code; code != 202 {
						t.Errorf("status %d", code)
					}
					time.Sleep(10 * time.Second)
					return o.last(alice)
				}
			}
			o.Fatalf("no button %q in\n%s", title, teamstest.Text(m.Card))
			return m
		}
		o.must(alice.Say("apono"))
		m := send("Request access", nil)
		if got := teamstest.Inputs(m.Card); !slices.Contains(got, "Integration") || m.Card["fallbackText"] != "Request access" {
			t.Fatalf("fields %q, told of as %q", got, m.Card["fallbackText"])
		}
		m = send("Submit", obj{"integration": "pg", "justification": "INC-12"})
		if text := teamstest.Text(m.Card); !strings.Contains(text, "Nothing is sent yet") || !strings.Contains(text, "[Resources]") {
			t.Errorf("then:\n%s", text)
		}
		send("Submit", obj{"integration": "pg", "justification": "INC-12", "resources": "c"})
		if n := len(o.service.submits); n != 1 || o.service.submits[0].Values.First("resources") != "c" {
			t.Errorf("submitted %+v", o.service.submits)
		}
		// The form stays in the chat: what is sent with it later is sent, and not taken for
		// the same because it has the same form.
		send("Submit", obj{"integration": "pg", "justification": "INC-12", "resources": "c"})
		send("Submit", obj{"integration": "pg", "justification": "INC-13", "resources": "c"})
		told := 0
		for _, m := range alice.Messages() {
			told += strings.Count(teamstest.Text(m.Card), "sent before")
		}
		if told != 1 {
			t.Errorf("%d times it is said that something was sent before", told)
		}
		if all := o.service.submits; len(all) != 3 || all[0].Key != all[1].Key || all[0].Key == all[2].Key {
			t.Errorf("submitted %+v", all)
		}

		o.service.click = func(context.Context, chat.Click) chat.Answer {
			return chat.Answer{Open: &chat.Form{Title: "Credentials"}, Then: func(context.Context) *chat.Form { t.Error("spent"); return nil }}
		}
		card := chat.Card{Title: "Access details", Fallback: "x", Actions: []chat.Action{{ID: chat.ActionCredentials, Label: "Show credentials"}}}
		_, err := o.client.Post(o.Context(), chat.Recipient{ID: "aad-alice"}, card, chat.PriorityRequester)
		o.must(err)
		if text := teamstest.Text(send("Show credentials", nil).Card); !strings.Contains(text, "in a dialog alone") {
			t.Errorf("answered %q", text)
		}
	})
}
