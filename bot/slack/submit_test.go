package slack

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/chat"
	"apono/bot/slack/slacksim"
)

// TestNoRedrawAfterASubmission: what was typed last is not drawn any more into a
// dialog that is gone; where the submission was refused the dialog is open, and is.
func TestNoRedrawAfterASubmission(t *testing.T) {
	for name, tc := range map[string]struct {
		out     chat.Submitted
		pause   time.Duration // between the last key and Submit
		redraws int
	}{
		"taken while a redraw waits":             {chat.Submitted{}, 0, 0},
		"taken while the form is made":           {chat.Submitted{}, typingPause + 50*time.Millisecond, 0},
		"refused":                                {chat.Submitted{Errors: map[string]string{"justification": "Say more."}}, 0, 1},
		"refused while the form is made":         {chat.Submitted{Errors: map[string]string{"justification": "Say more."}}, typingPause + 50*time.Millisecond, 1},
		"another dialog takes the first's place": {chat.Submitted{Show: credentials("Sent.")}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{
				change: func(ctx context.Context, e chat.FormEvent) *chat.Form {
					sleep(ctx, 200*time.Millisecond)
					form := requestForm()
					form.Parts[9].Text = chat.T("Verdict on " + e.Values.First("duration"))
					return &form
				},
				submit: func(ctx context.Context, _ chat.FormEvent) chat.Submitted {
					sleep(ctx, time.Second)
					return tc.out
				},
			}
			dialog(t, s, requestForm(), func(r *rig, v slacksim.View) {
				p := r.As(alice)
				r.must(p.Choose(r.ctx, v, "Resource type", "Option 1"))
				r.must(p.Type(r.ctx, r.view(), "Justification", "INC-12"))
				time.Sleep(time.Second)
				synctest.Wait()
				drawn := r.meter.Of("slack_call views.update ok")
				r.must(p.Type(r.ctx, r.view(), "Duration", "3h"))
				time.Sleep(tc.pause)
				_, err := p.Submit(r.ctx, r.view())
				r.must(err)
				time.Sleep(10 * time.Second)
				if n := r.meter.Of("slack_call views.update ok") - drawn; n != tc.redraws {
					t.Errorf("%d redraws", n)
				}
				if n := r.meter.Of("slack_call views.update gone"); n != 0 {
					t.Errorf("%d redraws of a dialog that is gone", n)
				}
				if strings.Contains(r.log.String(), "could not be redrawn") {
					t.Errorf("it is reported as a failure:\n%s", r.log)
				}
			})
		})
	}
}
