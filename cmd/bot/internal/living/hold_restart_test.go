package living_test

import (
	"testing"

	"apono/cmd/bot/internal/living"
	"apono/flows"
)

// TestARestartTakesNoHeldAnswerOver: that an answer is held, or was discarded, is
// forgotten at a restart. Then it is asked about again, and what the source said before
// stays in force.
func TestARestartTakesNoHeldAnswerOver(t *testing.T) {
	kept := &shelf{rows: map[string]flows.SourceSnapshot{}}
	start := func(desk *source) *living.Context {
		c := living.New(setup(of("desk", desk, "1")), quiet())
		if err := c.Remember(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
		c.Sync(t.Context())
		return c
	}
	start(&source{names: []string{"a", "b", "c", "d", "e"}})
	for range 2 {
		c := start(&source{})
		if held := c.Held(); len(held) != 1 || len(c.World().Inventory.Resources("desk", "queue")) != 5 {
			t.Fatalf("held: %v, %d resources", held, len(c.World().Inventory.Resources("desk", "queue")))
		}
		if _, err := c.Settle(t.Context(), "desk", "", false); err != nil {
			t.Fatal(err)
		}
	}
}
