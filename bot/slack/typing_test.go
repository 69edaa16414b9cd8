package slack

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/chat"
	"apono/bot/slack/slacksim"
)

// TestTyping: a dialog follows what is typed once the person pauses, and is not
// redrawn where nothing but the typed text has changed. What is typed meanwhile stays.
func TestTyping(t *testing.T) {
	s := &service{change: func(_ context.Context, e chat.FormEvent) *chat.Form {
		form := requestForm()
		form.Parts[5].Value = e.Values.First("duration")
		form.Parts[9].Text = chat.T("Too long.")
		if d := e.Values.First("duration"); d == "1h" || d == "1h3" || d == "1h30m" {
			form.Parts[9].Text = chat.T("Fine.")
		}
		return &form
	}}
	dialog(t, s, requestForm(), func(r *rig, v slacksim.View) {
		p := r.As(alice)
		write := func(texts ...string) {
			for _, text := range texts {
				r.must(p.Type(r.ctx, r.view(), "Duration", text))
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(typingPause)
			synctest.Wait()
		}
		for _, step := range []struct {
			keys    []string
			changes int // that the service was asked about
			redraws int
			says    string
		}{
			{[]string{"9", "99", "99h"}, 1, 1, "Too long."},
			{[]string{"", "1", "1h"}, 1, 1, "Fine."},
			{[]string{"1h3"}, 1, 0, "Fine."},
			{[]string{"1h30", "1h30m"}, 1, 0, "Fine."},
		} {
			before, drawn := len(s.changes), r.meter.Of("slack_call views.update ok")
			write(step.keys...)
			if n := len(s.changes) - before; n != step.changes {
				t.Errorf("%q: %d changes", step.keys, n)
			}
			if n := r.meter.Of("slack_call views.update ok") - drawn; n != step.redraws {
				t.Errorf("%q: %d redraws", step.keys, n)
			}
			contains(t, r.view().Text, step.says)
			last := step.keys[len(step.keys)-1]
			if f := r.field("Duration"); len(f.Values) != 1 || f.Values[0] != last {
				t.Errorf("%q: the field holds %q", step.keys, f.Values)
			}
			if e := s.changes[len(s.changes)-1]; e.Field != "duration" || e.Values.First("duration") != last {
				t.Errorf("%q: the service was asked about %q, which holds %q", step.keys, e.Field, e.Values.First("duration"))
			}
		}
	})
}
