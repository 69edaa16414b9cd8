package living_test

import (
	"context"
	"testing"

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
		if _, err := c.Settle(t.Context(), "desk", "", false); err != nil {
			t.Fatal(err)
		}
	}
	start(whole)
	look(start(broken), 1, 1)
	c := start(broken) // nobody has decided
	look(c, 2, 1)
	discard(c)
	look(start(broken), 2, 0)
	c = start(broken)
	look(c, 2, 0)
	if _, err := c.Settle(t.Context(), "desk", "", true); flows.ErrorCode(err) != flows.CodeLate {
		t.Errorf("settled twice: %v", err)
	}
	if h := c.Health(); len(h) != 1 || h[0].Held == "" {
		t.Errorf("nobody can see that it is held: %+v", h)
	}
	c = start(&source{names: []string{"a"}}) // something else is missing
	look(c, 3, 1)
	discard(c)
	look(start(whole), 3, 0)
	look(start(broken), 4, 1)
}
