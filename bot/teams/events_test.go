package teams

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/bot/teams/teamstest"
)

func (o *office) knows(account string) bool {
	o.Helper()
	_, ok, err := o.book.Contact(account)
	if err != nil {
		o.Error(err)
	}
	return ok
}

// TestAppLeavesATeam: what is taken out of a team is not taken out of the own chat of
// whoever did it.
func TestAppLeavesATeam(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		act := bob.Activity("installationUpdate")
		act["action"], act["conversation"] = "remove", obj{"id": audit, "conversationType": "channel", "tenantId": tenantID}
		if code := o.tenant.Deliver(act).Code; code != http.StatusAccepted || !o.knows("aad-bob") {
			t.Errorf("status %d, Bob is known: %t", code, o.knows("aad-bob"))
		}
		o.must(bob.Uninstall())
		if o.knows("aad-bob") {
			t.Error("Bob took the app out and can be written to")
		}
	})
}

// TestEventsOutOfOrder: the app was taken out and added again; what tells of the former
// comes last.
func TestEventsOutOfOrder(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.tenant.As("bob")
		gone := bob.Activity("installationUpdate")
		gone["action"] = "remove"
		time.Sleep(time.Minute)
		o.must(bob.Install())
		if code := o.tenant.Deliver(gone).Code; code != http.StatusAccepted || !o.knows("aad-bob") {
			t.Errorf("status %d, Bob is known: %t", code, o.knows("aad-bob"))
		}
		gone["timestamp"] = "yesterday" // nothing to judge by
		o.tenant.Deliver(gone)
		if o.knows("aad-bob") {
			t.Error("an event without a time is passed over")
		}
	})
}

// TestConversationUpdate tells of the app too, where no installationUpdate does.
func TestConversationUpdate(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.tenant.As("bob")
		o.tenant.InstallFor("aad-bob")
		act := bob.Activity("conversationUpdate")
		act["membersAdded"] = []any{obj{"id": bob.Person.MRI()}, obj{"id": "28:" + appID}}
		o.tenant.Deliver(act)
		time.Sleep(time.Second)
		if c, ok, _ := o.book.ContactByEmail("bob@example.com"); !ok || c.Account != "aad-bob" {
			t.Errorf("Bob is known as %+v", c)
		}
		delete(act, "membersAdded")
		act["id"], act["timestamp"] = "f:9", time.Now().UTC().Format(time.RFC3339Nano)
		act["membersRemoved"] = []any{obj{"id": "28:" + appID}}
		o.tenant.Deliver(act)
		if o.knows("aad-bob") {
			t.Error("the bot was taken out of Bob's chat and he can be written to")
		}
	})
}

// TestProfiles are judged by what services say in one way or another.
func TestProfiles(t *testing.T) {
	c := &Client{tenantID: tenantID}
	contact := Contact{Account: "aad-bob", TimeZone: "Europe/Berlin"}
	whole := member{ID: "29:b", ObjectID: "aad-bob", Name: "Bob", Email: "Bob@example.com", UPN: "bob@example.com", TenantID: tenantID, Role: "user"}
	for name, tt := range map[string]struct {
		change   func(m *member)
		verified bool
		guest    bool
		called   string
	}{
		"whole":                {func(*member) {}, true, false, "Bob"},
		"no name":              {func(m *member) { m.Name, m.GivenName, m.Surname = "", "Bob", "Baker" }, true, false, "Bob Baker"},
		"no role":              {func(m *member) { m.Role = "" }, true, false, "Bob"},
		"no role and no UPN":   {func(m *member) { m.Role, m.UPN = "", "" }, false, true, "Bob"},
		"no role, guest's UPN": {func(m *member) { m.Role, m.UPN = "", "bob_x#EXT#@example.com" }, false, true, "Bob"},
		"guest":                {func(m *member) { m.Role = "guest" }, false, true, "Bob"},
		"anonymous":            {func(m *member) { m.Role = "anonymous" }, false, true, "Bob"},
		"no tenant":            {func(m *member) { m.TenantID = "" }, false, false, "Bob"},
		"another tenant":       {func(m *member) { m.TenantID = "other" }, false, false, "Bob"},
		"another object":       {func(m *member) { m.ObjectID = "aad-eve" }, false, false, "Bob"},
	} {
		m := whole
		tt.change(&m)
		a := c.judge(contact, m)
		if a.EmailVerified != tt.verified || a.Guest != tt.guest || a.Name != tt.called || a.TimeZone != "Europe/Berlin" || a.Email != "bob@example.com" {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestTheTimeZoneOfAPerson is that of their client.
func TestTheTimeZoneOfAPerson(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		o.service.command = func(chat.Command) chat.Answer { return chat.Say("x") }
		for _, zone := range []any{"America/New_York", nil, 7, strings.Repeat("x", 100)} {
			act := bob.Activity("message")
			act["text"], act["localTimezone"] = "help", zone
			if code := o.tenant.Deliver(act).Code; code != http.StatusAccepted {
				t.Errorf("status %d where the time zone is %v", code, zone)
			}
			time.Sleep(time.Minute)
			a, err := o.client.Account(o.Context(), chat.User{Platform: Platform, ID: "aad-bob", Team: tenantID}, chat.PriorityNow)
			if err != nil || a.TimeZone != "America/New_York" {
				t.Errorf("with %v the time zone is %q, %v", zone, a.TimeZone, err)
			}
		}
	})
}

// TestAMessageWithoutAnID is there, so it is not posted again, and cannot be redrawn.
func TestAMessageWithoutAnID(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		o.tenant.Fail(teamstest.FaultPosted, 1, http.StatusAccepted, "", 0)
		_, ref := o.asked(bob)
		if err := o.client.Update(o.Context(), ref, approval(), chat.PriorityRedraw); chat.KindOf(err) != chat.ErrorGone {
			t.Errorf("a redraw: %v", err)
		}
		if n := len(bob.Messages()); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
}

// TestRefusedInvokes say so in the shape that clients read.
// https://learn.microsoft.com/adaptive-cards/authoring-cards/universal-action-model#response-format
func TestRefusedInvokes(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, _ := o.asked(bob)
		o.inbox.Fail(context.DeadlineExceeded)
		approve := m.Card["actions"].([]any)[0]
		for _, tt := range []struct {
			name  string
			value any
			want  int
		}{
			{"adaptiveCard/action", obj{"action": obj{"data": 7}}, http.StatusBadRequest},
			{"adaptiveCard/action", obj{"action": approve, "trigger": "manual"}, http.StatusInternalServerError},
			{"application/search", obj{"dataset": "x"}, http.StatusBadRequest},
		} {
			act := bob.Activity("invoke")
			act["name"], act["value"] = tt.name, tt.value
			w := o.tenant.Deliver(act)
			var got struct {
				Status int `json:"statusCode"`
				Type   string
				Value  struct{ Code, Message string }
			}
			err := json.Unmarshal(w.Body.Bytes(), &got)
			if err != nil || w.Code != tt.want || got.Status != tt.want || got.Type != "application/vnd.microsoft.error" || got.Value.Code == "" || got.Value.Message == "" {
				t.Errorf("%s: %d %s, %v", tt.name, w.Code, w.Body, err)
			}
		}
		o.inbox.Fail(nil)
	})
}

// TestSearchIsPaged as the client asks.
func TestSearchIsPaged(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		dataset := dataset(chat.Form{ID: chat.FormRequest}, "resources")
		for query, want := range map[string]string{
			`{"skip":0,"top":15}`: "a%2Cb c", `{"skip":1,"top":15}`: "c", `{"skip":2,"top":15}`: "", `{"skip":-1,"top":-1}`: "a%2Cb c", `{"top":1}`: "a%2Cb", `7`: "a%2Cb c",
		} {
			act := bob.Activity("invoke")
			act["name"], act["value"] = "application/search", obj{"queryText": query, "dataset": dataset, "queryOptions": json.RawMessage(query)}
			var got struct {
				Value struct{ Results []struct{ Value string } }
			}
			if err := json.Unmarshal(o.tenant.Deliver(act).Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			var values []string
			for _, r := range got.Value.Results {
				values = append(values, r.Value)
			}
			if s := strings.Join(values, " "); s != want {
				t.Errorf("%s finds %q, want %q", query, s, want)
			}
		}
	})
}

// TestOpeningChats keeps to its limit: as many as messages to one conversation.
func TestOpeningChats(t *testing.T) {
	inOffice(t, func(o *office) {
		o.tenant.InstallFor("aad-bob")
		begun := time.Now()
		for range 30 { // the tenant objects to more than it allows
			if _, err := o.client.open(o.Context(), "aad-bob", chat.PriorityAudit); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// greeting is a service that greets whom it knows.
type greeting struct{ *service }

func (g greeting) Greet(_ context.Context, u chat.User) (chat.Card, bool) {
	return chat.Card{Body: chat.T("Hello " + u.ID), Fallback: "Hello"}, u.ID != "aad-gus"
}

// TestGreeting: whoever gets the app is greeted once, however many events tell of it,
// also over a restart; whoever takes it out and adds it is new. Channels, and people whom
// the service does not know, are not greeted.
func TestGreeting(t *testing.T) {
	inOffice(t, func(o *office) {
		greeted := func(a *teamstest.Actor) (n int) {
			time.Sleep(time.Minute)
			for _, m := range a.Messages() {
				if strings.Contains(teamstest.Text(m.Card), "Hello "+a.Person.ID) {
					n++
				}
			}
			return n
		}
		start := func() { o.start(); o.adapter.handler = greeting{o.service} }
		o.stop()
		start()
		bob, gus := o.enter("bob"), o.enter("gus") // by two events each
		if n := greeted(bob); n != 1 || greeted(gus) != 0 {
			t.Errorf("Bob is greeted %d times, Gus %d times", n, greeted(gus))
		}
		o.service.command = func(chat.Command) chat.Answer { return chat.Say("x") }
		again := func() {
			act := bob.Activity("conversationUpdate")
			act["membersAdded"] = []any{obj{"id": "28:" + appID}}
			o.tenant.Deliver(act)
			act = bob.Activity("message")
			act["text"], act["localTimezone"] = "help", "Europe/Berlin"
			o.tenant.Deliver(act)
		}
		again()
		o.stop()
		start()
		again()
		if n := greeted(bob); n != 1 {
			t.Errorf("Bob is greeted %d times", n)
		}
		o.must(bob.Uninstall())
		o.must(bob.Install())
		if n := greeted(bob); n != 2 {
			t.Errorf("Bob is greeted %d times after he added the app again", n)
		}
		act := bob.Activity("installationUpdate")
		act["action"], act["conversation"] = "add", obj{"id": audit, "conversationType": "channel", "tenantId": tenantID}
		o.tenant.Deliver(act)
		act["action"], act["id"] = "add-upgrade", "f:upgrade"
		act["conversation"] = obj{"id": bob.Chat(), "conversationType": "personal", "tenantId": tenantID}
		o.tenant.Deliver(act)
		if n := greeted(bob); n != 2 || len(o.tenant.In(audit)) != 0 {
			t.Errorf("Bob is greeted %d times, the channel reads %v", n, o.tenant.In(audit))
		}
	})
}
