package slacksim

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
)

func limited(err error) time.Duration {
	if rl, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		return rl.RetryAfter
	}
	return 0
}

func TestPostLimits(t *testing.T) {
	bubble(t, world(), func(t *testing.T, _ context.Context, w *Workspace) {
		api := newAPI(w)
		say := func(channel string) error {
			_, _, err := api.PostMessage(channel, slack.MsgOptionText("t", true))
			return err
		}
		if err := say("C0GENERAL1"); err != nil {
			t.Fatal(err)
		}
		if got := limited(say("C0GENERAL1")); got != time.Second {
			t.Errorf("second message at once: retry after %v", got)
		}
		if got := limited(say("#general")); got != time.Second {
			t.Errorf("the same channel by name: retry after %v", got)
		}
		if err := say("U0ALICE001"); err != nil {
			t.Errorf("another channel: %v", err)
		}
		time.Sleep(time.Second)
		if err := say("C0GENERAL1"); err != nil {
			t.Errorf("after a second: %v", err)
		}
		if diff := cmp.Diff(map[string]int{"chat.postMessage": 2}, w.RateLimited()); diff != "" {
			t.Errorf("counters (-want +got):\n%s", diff)
		}
	})
	o := world()
	o.PostBurst = 3
	bubble(t, o, func(t *testing.T, _ context.Context, w *Workspace) {
		api := newAPI(w)
		for i := range 4 {
			_, _, err := api.PostMessage("C0GENERAL1", slack.MsgOptionText("t", true))
			if (err == nil) != (i < 3) {
				t.Errorf("message %d of a burst of 3: %v", i+1, err)
			}
		}
	})
}

func TestWorkspacePostCap(t *testing.T) {
	o := world()
	for i := range 310 {
		o.Channels = append(o.Channels, Channel{ID: "C0MANY" + itoa(1000+i), Name: "many" + itoa(i), BotMember: true})
	}
	bubble(t, o, func(t *testing.T, _ context.Context, w *Workspace) {
		refused := 0
		for i := range 301 {
			if out := post(t, w, "chat.postMessage", map[string]string{"channel": "C0MANY" + itoa(1000+i), "text": "t"}); out["ok"] != true {
				refused++
			}
		}
		if refused != 1 {
			t.Errorf("%d of 301 messages in a minute were refused", refused)
		}
	})
}

// TestTiers has one method of each tier, and the shape of the answer.
func TestTiers(t *testing.T) {
	for method, most := range map[string]int{"users.list": 20, "users.lookupByEmail": 50, "users.info": 100, "auth.test": 300} {
		t.Run(method, func(t *testing.T) {
			bubble(t, world(), func(t *testing.T, _ context.Context, w *Workspace) {
				args := map[string]string{"user": "U0ALICE001", "email": "alice@example.com"}
				for i := range most {
					if out := post(t, w, method, args); out["ok"] != true {
						t.Fatalf("call %d: %v", i+1, out)
					}
				}
				time.Sleep(20 * time.Second)
				resp, out := send(t, w, http.MethodPost, w.APIURL()+method, "application/x-www-form-urlencoded", w.BotToken(), "user=U0ALICE001")
				if diff := cmp.Diff(obj{"ok": false, "error": "ratelimited"}, out); diff != "" {
					t.Errorf("body (-want +got):\n%s", diff)
				}
				if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "40" {
					t.Errorf("status %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
				}
				time.Sleep(40 * time.Second)
				if out := post(t, w, method, args); out["ok"] != true {
					t.Errorf("after Retry-After: %v", out)
				}
			})
		})
	}
}

func TestNoRateLimits(t *testing.T) {
	o := world()
	o.NoRateLimits = true
	bubble(t, o, func(t *testing.T, _ context.Context, w *Workspace) {
		for range 400 {
			if out := post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "t"}); out["ok"] != true {
				t.Fatalf("%v", out)
			}
		}
		w.Faults().RateLimit("chat.postMessage", 1, 7*time.Second)
		_, _, err := newAPI(w).PostMessage("C0GENERAL1", slack.MsgOptionText("t", true))
		if got := limited(err); got != 7*time.Second {
			t.Errorf("forced limit: %v", err)
		}
	})
}

func TestAPIFaults(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		api := newAPI(w)
		w.Faults().Fail("users.info", "internal_error", "fatal_error")
		for _, want := range []string{"internal_error", "fatal_error", ""} {
			_, err := api.GetUserInfo("U0ALICE001")
			if (want == "") != (err == nil) || (err != nil && err.Error() != want) {
				t.Errorf("got %v, want %q", err, want)
			}
		}
		w.Faults().LoseAnswer("chat.postMessage", 1)
		if _, _, err := api.PostMessage("C0GENERAL1", slack.MsgOptionText("t", true)); err == nil {
			t.Error("a lost answer came")
		}
		if n := len(w.Messages("#general")); n != 1 {
			t.Errorf("%d messages after a lost answer: the call must have been carried out", n)
		}
		for kind, check := range map[Outage]func(error, time.Duration) bool{
			Refuse: func(err error, d time.Duration) bool { return err != nil && d < time.Second },
			ServerError: func(err error, d time.Duration) bool {
				var s slack.StatusCodeError
				return errors.As(err, &s) && s.Code == 500
			},
			Hang: func(err error, d time.Duration) bool { return err != nil && d == 10*time.Second },
		} {
			w.Faults().Outage(kind, 10*time.Second)
			began := time.Now()
			_, err := api.AuthTestContext(ctx)
			if d := time.Since(began); !check(err, d) {
				t.Errorf("%s: %v after %v", kind, err, d)
			}
			time.Sleep(10 * time.Second)
			if _, err := api.AuthTest(); err != nil {
				t.Errorf("after %s: %v", kind, err)
			}
		}
		synctest.Wait()
	})
}
