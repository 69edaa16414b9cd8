package living_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/cmd/bot/internal/living"
	"apono/flows"
)

// TestARestartTakesNoHeldAnswerOver: an answer that is held is asked about again after a
// restart, and one that was discarded is not; what the source said before stays in force.
// Where the source was whole in between, the same answer is a new question.
func TestARestartTakesNoHeldAnswerOver(t *testing.T) {
	kept := &shelf{rows: map[string]flows.SourceSnapshot{}}
	whole, broken := &source{names: []string{"a", "b", "c", "d", "e"}}, &source{}
	told := 0
	start := func(desk *source) *living.Context {
		c := living.New(setup(of("desk", desk, "1")), quiet())
		c.TellHeld(func(context.Context, living.Held) { told++ })
		if err := c.Remember(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
		c.Sync(t.Context())
		c.Sync(t.Context())
		return c
	}
	look := func(c *living.Context, times, held int) {
		t.Helper()
		if got := c.Held(); told != times || len(got) != held || len(c.World().Inventory.Resources("desk", "queue")) != 5 {
			t.Errorf("told %d times, want %d; held: %v, want %d; %d resources", told, times, got, held, len(c.World().Inventory.Resources("desk", "queue")))
		}
	}
	discard := func(c *living.Context) {
		t.Helper()
		if err := settle(t, c, "desk", "", false); err != nil {
			t.Fatal(err)
		}
	}
	start(whole)
	look(start(broken), 1, 1)
	c := start(broken) // nobody has decided
	look(c, 2, 1)
	kept.full = true
	if err := settle(t, c, "desk", "", false); err == nil {
		t.Error("what could not be kept and told was not called an error")
	}
	kept.full = false
	c = start(broken) // nobody has decided, as far as anything tells
	look(c, 3, 1)
	discard(c)
	if diff := cmp.Diff([]string{"desk: proceed false"}, kept.told); diff != "" {
		t.Errorf("the audit trail (-want +got):\n%s", diff)
	}
	look(start(broken), 3, 0)
	c = start(broken)
	look(c, 3, 0)
	if err := settle(t, c, "desk", "", true); flows.ErrorCode(err) != flows.CodeLate {
		t.Errorf("settled twice: %v", err)
	}
	if h := c.Health(); len(h) != 1 || h[0].Held == "" {
		t.Errorf("nobody can see that it is held: %+v", h)
	}
	c = start(&source{names: []string{"a"}}) // something else is missing
	look(c, 4, 1)
	discard(c)
	look(start(whole), 4, 0)
	c = start(broken)
	look(c, 5, 1)
	if err := settle(t, c, "desk", "", true); err != nil || len(c.World().Inventory.Resources("desk", "queue")) > 0 {
		t.Errorf("%v, %d resources", err, len(c.World().Inventory.Resources("desk", "queue")))
	}
	if want := "desk: proceed true"; kept.told[len(kept.told)-1] != want {
		t.Errorf("told %q", kept.told)
	}
}
