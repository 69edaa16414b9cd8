package bot_test

import (
	"strings"
	"testing"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// TestRequestAgainSaysWhatNoLongerApplies: the form opens filled in, and what cannot
// be asked for any more is named.
func TestRequestAgainSaysWhatNoLongerApplies(t *testing.T) {
	for name, tt := range map[string]struct {
		values chat.Values
		state  string
		change func(o *office)
		want   string // in the form; empty: nothing is left out
	}{
		"nothing has changed": {want: ""},
		"the bundle is gone": {
			values: chat.Values{"bundle": {"prod-incident"}, "justification": {"INC-12"}}, state: `{"m":true,"b":"prod-incident"}`,
			change: func(o *office) { o.policy.Flows[0].Targets = o.policy.Flows[0].Targets[:2] },
			want:   "Not on offer: You cannot ask for the bundle prod-incident at the moment.",
		},
		"the resource is gone": {
			change: func(o *office) { o.holdings[0].Resources = o.holdings[0].Resources[1:] },
			want:   "Some of these resources are not there any more. Please choose again.",
		},
		"the integration is gone": {
			change: func(o *office) { o.holdings[0].Integration = "other" },
			want:   "Not on offer: You cannot ask for the integration pg at the moment.",
		},
		"the flow of the bundle is closed": {
			values: chat.Values{"bundle": {"prod-incident"}, "justification": {"INC-12"}}, state: `{"m":true,"b":"prod-incident"}`,
			change: func(o *office) {
				at := o.policy.Flows[0]
				at.Name, at.Targets, at.Timeframe = "Mornings", at.Targets[2:], &flows.Timeframe{Days: []time.Weekday{time.Monday}, From: 0, To: 1, TimeZone: "UTC", Zone: time.UTC}
				o.policy.Flows[0].Targets = o.policy.Flows[0].Targets[:2]
				o.policy.Flows = append(o.policy.Flows, at)
			},
			want: "Not on offer: You cannot ask for the bundle prod-incident at the moment. The access flow Mornings is open Mon 00:00 to 00:01 (UTC), next on Monday,",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.Now = wednesday
			if tt.values == nil {
				o.ask("k")
			} else {
				o.Submit(t.Context(), chat.FormEvent{User: user("alice"), Form: chat.FormRequest, State: tt.state, Values: tt.values, Key: "k"})
			}
			o.click("alice", chat.ActionWithdraw, "AR-1")
			if tt.change != nil {
				tt.change(o)
				o.change()
			}
			a := o.click("alice", chat.ActionAgain, "AR-1")
			if a.Open == nil {
				t.Fatalf("no form: %q", said(a))
			}
			s := &session{office: o, values: chat.Values{}}
			s.show(a.Open)
			hints := s.hints()
			if tt.want == "" {
				if strings.Contains(hints, "Missing") || strings.Contains(hints, "Not on offer") || s.values.First(cards.FieldJustification) != "INC-12" {
					t.Errorf("holds %v and says:\n%s", s.values, hints)
				}
				return
			}
			if !strings.Contains(hints, tt.want) {
				t.Errorf("%q is not said, but:\n%s", tt.want, hints)
			}
		})
	}
}

// TestRevokeIsExplained: every refusal of /apono revoke says why, and an outsider
// learns nothing.
func TestRevokeIsExplained(t *testing.T) {
	o := newOffice(t)
	o.ask("pending")
	o.ask("active")
	o.activate("AR-2")
	o.ask("withdrawn")
	o.click("alice", chat.ActionWithdraw, "AR-3")
	for _, tt := range []struct{ by, text, want string }{
		{"alice", "revoke", "Please name the request, for example: /apono revoke AR-12"},
		{"alice", "revoke 2", "Please name the request, for example: /apono revoke AR-12"},
		{"alice", "revoke AR-1", "AR-1 is still waiting for approval, so there is nothing to end."},
		{"alice", "revoke AR-3", "AR-3 was withdrawn by you."},
		{"alice", "revoke AR-9", "You may not end AR-9; its grantee, requestor, approvers and the admins may."},
		{"carol", "revoke AR-2", "You may not end AR-2; its grantee, requestor, approvers and the admins may."},
		{"eve", "revoke AR-2, because the fire is out", "The access of AR-2 is being ended."},
		{"alice", "revoke AR-2", "The access of AR-2 is already being ended."},
	} {
		if got := said(o.command(tt.by, tt.text)); got != tt.want {
			t.Errorf("%s: %s: %q, want %q", tt.by, tt.text, got, tt.want)
		}
	}
	if r := o.request("AR-2"); r.State != flows.StateRevoking || r.Ending.Reason != "the fire is out" {
		t.Errorf("AR-2 is %s because of %q", r.State, r.Ending.Reason)
	}
}
