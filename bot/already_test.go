package bot_test

import (
	"strings"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// TestAlreadyAskedAndAlreadyThere: the form says what is pending or held already, also
// of a part, to whoever may know it, and keeps nobody from asking.
func TestAlreadyAskedAndAlreadyThere(t *testing.T) {
	o := newOffice(t)
	form := func(resources ...string) string {
		return hints(o.Change(t.Context(), chat.FormEvent{User: user("alice"), Form: chat.FormRequest, State: `{"i":"pg","t":"database"}`, Values: chat.Values{
			"integration": {"pg"}, "type": {"database"}, "resources": resources, "permissions": {"read"},
		}}))
	}
	check := func(where, got string, want ...string) {
		t.Helper()
		for _, w := range want {
			if without, no := strings.CutPrefix(w, "! "); strings.Contains(got, without) == no {
				t.Errorf("%s: %q of:\n%s", where, w, got)
			}
		}
	}
	check("nothing was asked", form("db-1"), "! Already")
	o.ask("k1")
	check("pending", form("db-1"), "Already asked: This waits for a decision as AR-1, since ", "Asked: Bob. There is no need to ask again.")
	check("a part is pending", form("db-1", "db-2"), "Already asked: A part of this waits for a decision as AR-1")
	check("another", form("db-2"), "! Already")
	o.activate("AR-1")
	check("held", form("db-1"), "Already there: This is granted as AR-1; you have it until ", "! Already asked")
	o.ask("k2") // all the same
	check("held and asked", form("db-1"), "Already there: This is granted as AR-1", "Already asked: This waits for a decision as AR-2")
	o.click("alice", chat.ActionWithdraw, "AR-2")
	o.click("alice", chat.ActionEndAccess, "AR-1")
	if _, err := o.store.Apply(t.Context(), time.Now(), "AR-1", flows.Event{Kind: flows.EventGone, Integration: "pg"}); err != nil {
		t.Fatal(err)
	}
	check("over", form("db-1"), "! Already")
}
