package bot_test

import (
	"strings"
	"testing"

	"apono/bot/chat"
)

func TestRedrawIsForThoseWhoWereAsked(t *testing.T) {
	o := newOffice(t)
	r := o.ask("k")
	redraw := func(name, id, stamp string) (string, bool) {
		c, ok := o.Redraw(t.Context(), chat.Click{User: user(name), Target: chat.Target{Request: id, Stamp: stamp}})
		return c.Title + " " + c.Status.Words(100), ok
	}
	if got, ok := redraw("bob", r.ID, r.Stamp); !ok || !strings.Contains(got, "Waiting for a decision") {
		t.Errorf("Bob sees %q, %t", got, ok)
	}
	o.click("bob", chat.ActionApprove, r.ID)
	if got, ok := redraw("bob", r.ID, r.Stamp); !ok || !strings.Contains(got, "Approved by Bob") {
		t.Errorf("Bob sees %q, %t", got, ok)
	}
	for _, tt := range [][3]string{{"carol", r.ID, r.Stamp}, {"alice", r.ID, r.Stamp}, {"nobody", r.ID, r.Stamp}, {"bob", "AR-9", r.Stamp}, {"bob", r.ID, "another"}} {
		if got, ok := redraw(tt[0], tt[1], tt[2]); ok || strings.TrimSpace(got) != "" {
			t.Errorf("%v: %q", tt, got)
		}
	}
}

func TestTeamsIsToldWhatToTypeThere(t *testing.T) {
	o := newOffice(t)
	o.accounts["aad-alice"] = chat.Account{Email: "alice@example.com", EmailVerified: true}
	got := o.Command(t.Context(), chat.Command{User: chat.User{Platform: "teams", ID: "aad-alice"}, Text: "revoke"})
	if text := got.Private.Body.Words(200); !strings.Contains(text, "example: apono revoke AR-12") {
		t.Errorf("answered %q", text)
	}
}
