package slack

import (
	"fmt"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/bot/slack/slacksim"
)

// TestFormWaitsForNobodysAddress: whose address it is is asked for a form as long as that
// costs nobody a wait; what is known already is believed.
func TestFormWaitsForNobodysAddress(t *testing.T) {
	o := world()
	o.Users = append(o.Users, slacksim.User{ID: "U0TWIN0001", RealName: "Alice", Email: "alice@example.com"})
	quiet(t, o, func(r *rig) {
		shared := func(id, email string) (bool, error) {
			return r.client.Shared(r.ctx, chat.Account{User: chat.User{Platform: Platform, ID: id}, Email: email, EmailVerified: true}, chat.PriorityForm)
		}
		begun := time.Now()
		twin := func() {
			t.Helper()
			if yes, err := shared("U0TWIN0001", "alice@example.com"); err != nil || !yes {
				t.Errorf("two accounts with one address: %t %v", yes, err)
			}
		}
		twin()
		const more = 30 // than Slack answers at once
		var last error
		for i := range more {
			_, last = shared("U0NOBODY01", fmt.Sprintf("c%d@example.com", i))
		}
		wantError(t, last, chat.ErrorRetry, codeNotSent)
		twin()
		if d := time.Since(begun); d > time.Second {
			t.Errorf("a form waited %s to know whose address it is", d)
		}
	})
}
