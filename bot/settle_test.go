package bot_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

type desk struct {
	settled []string
	err     error
}

func (d *desk) Settle(_ context.Context, _ time.Time, hold string, by flows.PersonRef, proceed bool) (string, error) {
	if d.err != nil {
		return "", d.err
	}
	d.settled = append(d.settled, hold+" "+by.Name+" "+map[bool]string{true: "proceeds", false: "discards"}[proceed])
	return "Done.", nil
}

// TestOnlyAdminsSettle: the button proves nothing; rights are judged at the press.
func TestOnlyAdminsSettle(t *testing.T) {
	o := newOffice(t)
	press := func(who string, action chat.ActionID, replayed bool) string {
		t.Helper()
		return said(o.Click(t.Context(), chat.Click{
			User: chat.User{Platform: "slack", ID: who}, Action: action, Target: chat.Target{Integration: "sync/people/1f", List: true}, Replayed: replayed,
		}))
	}
	if got := press("eve", chat.ActionProceed, false); got != "Nothing is held any more." {
		t.Errorf("without holds: %q", got)
	}
	d := &desk{}
	o.Holds = d
	for _, who := range []string{"alice", "bob"} {
		if got := press(who, chat.ActionProceed, false); got != "Only an admin can decide on this." {
			t.Errorf("%s: %q", who, got)
		}
	}
	if got := press("eve", chat.ActionProceed, false); got != "Done." {
		t.Errorf("eve: %q", got)
	}
	if got := press("eve", chat.ActionDiscard, true); got != "The bot was restarted after you pressed Discard. Done." {
		t.Errorf("eve, over a restart: %q", got)
	}
	d.err = flows.Errorf(flows.CodeLate, "That is decided.")
	if got := press("eve", chat.ActionProceed, false); got != "That is decided." {
		t.Errorf("late: %q", got)
	}
	d.err = errors.New("the disk is full")
	if got := press("eve", chat.ActionProceed, false); got == "" || got == "Done." {
		t.Errorf("broken: %q", got)
	}
	if want := []string{"sync/people/1f Eve proceeds", "sync/people/1f Eve discards"}; len(d.settled) != 2 || d.settled[0] != want[0] || d.settled[1] != want[1] {
		t.Errorf("settled %q", d.settled)
	}
}
