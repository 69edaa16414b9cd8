package slack

import (
	"net/http"
	"testing"
	"time"

	"apono/bot/chat"
)

// After a restart everybody who pressed meanwhile is judged at once, and each of them
// needs to know whose bot this is: one answer is for all, whatever Slack's pace.
func TestManyAtOnceLearnWhoTheBotIsTogether(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		o := r.options
		o.HTTP = &http.Client{Transport: lagging{o.HTTP.Transport, 100 * time.Millisecond}}
		client, err := NewClient(o)
		r.must(err)
		began := time.Now()
		errs := make(chan error)
		const people = 300
		for range people {
			go func() {
				_, err := client.Account(r.ctx, chat.User{Platform: Platform, ID: alice}, chat.PriorityNow)
				errs <- err
			}()
		}
		for range people {
			r.must(<-errs)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("the last of %d waited for %s, want no turns taken for what is known", people, took)
		}
		if n := len(r.Calls("auth.test")); n > testAuth.burst {
			t.Errorf("Slack was asked %d times", n)
		}
	})
}
