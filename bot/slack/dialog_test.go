package slack

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/chat"
	"apono/bot/slack/slacksim"
)

// dialog is a story in which Alice has a form open.
func dialog(t *testing.T, s *service, form chat.Form, tell func(r *rig, v slacksim.View)) {
	t.Helper()
	s.command = func(context.Context, chat.Command) chat.Answer { return chat.Answer{Open: &form} }
	story(t, world(), s, func(r *rig) {
		_, err := r.As(alice).Slash(r.ctx, "#general", "/apono", "request")
		r.must(err)
		synctest.Wait()
		tell(r, r.view())
	})
}

// view is the dialog as Alice sees it now.
func (r *rig) view() slacksim.View {
	r.t.Helper()
	v, ok := r.As(alice).View()
	if !ok {
		r.t.Fatalf("no dialog is open\n%s", r.log)
	}
	return v
}

func (r *rig) field(label string) slacksim.Field {
	r.t.Helper()
	f, ok := r.view().Field(label)
	if !ok {
		r.t.Fatalf("no field %q in %s", label, r.view())
	}
	return f
}

func TestFormValuesComeBack(t *testing.T) {
	s := &service{search: func(_ context.Context, q chat.Search) []chat.Option {
		return []chat.Option{{Value: "orders", Label: "orders"}, {Value: "users", Label: "users of " + q.Query}}
	}}
	dialog(t, s, requestForm(), func(r *rig, v slacksim.View) {
		p := r.As(alice)
		r.must(p.Choose(r.ctx, v, "Integration", "Option 2"))
		r.must(p.Choose(r.ctx, v, "Resource type", "Option 1"))
		options, err := p.Suggest(r.ctx, v, "Resources", "us")
		r.must(err)
		if len(options) != 2 || options[1].Text != "users of us" {
			t.Errorf("options %+v", options)
		}
		r.must(p.Choose(r.ctx, v, "Permissions", "Option 1", "Option 3"))
		r.must(p.Type(r.ctx, v, "Duration", "3h"))
		r.must(p.Type(r.ctx, v, "Justification", "INC-12\nis <burning>"))
		got, err := p.Submit(r.ctx, v)
		r.must(err)
		if !got.Cleared {
			t.Errorf("after submit: %+v", got)
		}
		want := chat.FormEvent{
			User: chat.User{Platform: "slack", ID: alice, Team: "T0WORKSPACE"}, Form: chat.FormRequest, State: `{"mode":"resource"}`,
			Values: chat.Values{
				"integration": {"v2"}, "resource_type": {"v1"}, "resources": {"orders"}, "permissions": {"v1", "v3"},
				"duration": {"3h"}, "justification": {"INC-12\nis <burning>"}, "all": {"all"},
			},
		}
		sent := s.submitted()[0]
		if !strings.HasPrefix(sent.Key, "view/"+v.ID+"/") {
			t.Errorf("key %q", sent.Key)
		}
		sent.Key = ""
		if diff := cmp.Diff(want, sent); diff != "" {
			t.Errorf("submission (-want +got):\n%s", diff)
		}
		q := s.searches[0]
		if q.Field != "resources" || q.Query != "us" || q.Form != chat.FormRequest || q.State != want.State || q.User != want.User {
			t.Errorf("search %+v", q)
		}
	})
}

func TestErrorsStayUnderTheirFieldsAndNothingTypedIsLost(t *testing.T) {
	form := chat.Form{ID: chat.FormReason, Title: "Reason", Submit: "Deny", Close: "Cancel", Parts: []chat.Part{
		{Kind: chat.PartInput, Field: "reason", Generation: "7", Label: "Reason"},
		{Kind: chat.PartInput, Field: "other", Label: "Other", Optional: true},
	}}
	var refuse atomic.Bool
	refuse.Store(true)
	s := &service{submit: func(context.Context, chat.FormEvent) chat.Submitted {
		if refuse.Load() {
			return chat.Submitted{Errors: map[string]string{"reason": "Say more.", "nowhere": "And <this>."}}
		}
		return chat.Submitted{}
	}}
	dialog(t, s, form, func(r *rig, v slacksim.View) {
		r.must(r.As(alice).Type(r.ctx, v, "Reason", "no"))
		got, err := r.As(alice).Submit(r.ctx, v)
		r.must(err)
		if diff := cmp.Diff(map[string]string{"Reason": "Say more.", "Other": "And <this>."}, got.Errors); diff != "" {
			t.Errorf("errors (-want +got):\n%s", diff)
		}
		if f := r.field("Reason"); f.Error != "Say more." || f.Values[0] != "no" {
			t.Errorf("field %+v", f)
		}
		_, err = r.As(alice).Submit(r.ctx, v)
		r.must(err)
		r.must(r.As(alice).Type(r.ctx, v, "Reason", "not now"))
		refuse.Store(false)
		got, err = r.As(alice).Submit(r.ctx, v)
		r.must(err)
		if !got.Cleared {
			t.Errorf("after submit: %+v", got)
		}
		keys := s.submitted()
		if keys[0].Key != keys[1].Key || keys[1].Key == keys[2].Key {
			t.Errorf("keys %q, %q, %q: the first two are one submission, the third is another", keys[0].Key, keys[1].Key, keys[2].Key)
		}
	})
}

func TestSubmissionKey(t *testing.T) {
	of := func(id, hash, value string) string {
		v := view{ID: id, Hash: hash}
		v.State.Values = map[string]map[string]fieldState{"b": {"f": {Value: value}, "g": {Value: "x"}}}
		return v.submissionKey()
	}
	key := of("V1", "h1", "a")
	if again := of("V1", "h1", "a"); again != key {
		t.Errorf("a repeat of %q has the key %q", key, again)
	}
	for _, other := range []string{of("V2", "h1", "a"), of("V1", "h2", "a"), of("V1", "h1", "b")} {
		if other == key {
			t.Errorf("two submissions have the key %q", other)
		}
	}
}

func TestErrorWithoutAnyField(t *testing.T) {
	s := &service{submit: func(context.Context, chat.FormEvent) chat.Submitted {
		return chat.Submitted{Errors: map[string]string{"x": "It is too late."}}
	}}
	form := chat.Form{ID: chat.FormReason, Title: "Sure?", Submit: "Yes", Close: "No", Parts: []chat.Part{{Kind: chat.PartText, Text: chat.T("Sure?")}}}
	dialog(t, s, form, func(r *rig, v slacksim.View) {
		got, err := r.As(alice).Submit(r.ctx, v)
		r.must(err)
		if got.Updated == nil || got.Updated.Text != "It is too late." {
			t.Errorf("after submit: %+v", got)
		}
	})
}

func TestSubmissionShowsAnotherForm(t *testing.T) {
	long := chat.Form{ID: chat.FormDetails, Title: "Details", Close: "Close"}
	for i := range 30 {
		long.Parts = append(long.Parts, chat.Part{Kind: chat.PartText, Text: chat.T(fmt.Sprintf("%d %s", i, strings.Repeat("漢", 1000)))})
	}
	for name, show := range map[string]chat.Form{"short": *credentials("Sent."), "long": long} {
		t.Run(name, func(t *testing.T) {
			s := &service{submit: func(context.Context, chat.FormEvent) chat.Submitted { return chat.Submitted{Show: &show} }}
			dialog(t, s, chat.Form{ID: chat.FormReason, Title: "Sure?", Submit: "Yes", Close: "No"}, func(r *rig, v slacksim.View) {
				got, err := r.As(alice).Submit(r.ctx, v)
				r.must(err)
				if got.Updated == nil || got.Updated.Title != show.Title {
					t.Errorf("after submit: %+v", got)
				}
				synctest.Wait()
				if v := r.view(); !strings.HasPrefix(v.Text, plain(show.Parts[0].Text)) {
					t.Errorf("the dialog shows %.80q", v.Text)
				}
			})
		})
	}
}

func TestSlowSubmissionLosesNothing(t *testing.T) {
	var slow atomic.Bool
	slow.Store(true)
	s := &service{submit: func(ctx context.Context, _ chat.FormEvent) chat.Submitted {
		if slow.Load() {
			sleep(ctx, 10*time.Second)
		}
		return chat.Submitted{}
	}}
	dialog(t, s, requestForm(), func(r *rig, v slacksim.View) {
		r.must(r.As(alice).Choose(r.ctx, v, "Resource type", "Option 1"))
		r.must(r.As(alice).Type(r.ctx, v, "Justification", "INC-12"))
		if _, err := r.As(alice).Submit(r.ctx, v); err == nil {
			t.Error("Slack showed no trouble")
		}
		if f := r.field("Justification"); f.Values[0] != "INC-12" {
			t.Errorf("field %+v", f)
		}
		r.ForgetViolations()
		slow.Store(false)
		got, err := r.As(alice).Submit(r.ctx, v)
		r.must(err)
		if keys := s.submitted(); !got.Cleared || len(keys) != 2 || keys[0].Key != keys[1].Key {
			t.Errorf("after submit: %+v, keys %v", got, keys)
		}
	})
}

func TestSearchIsAnsweredInTime(t *testing.T) {
	many := make([]chat.Option, 500)
	for i := range many {
		many[i] = chat.Option{Value: fmt.Sprintf("%d%s", i, strings.Repeat("v", 140)), Label: fmt.Sprintf("%d %s", i, strings.Repeat("x", 80))}
	}
	s := &service{search: func(ctx context.Context, q chat.Search) []chat.Option {
		switch q.Query {
		case "slow":
			sleep(context.WithoutCancel(ctx), 10*time.Second)
			return many
		case "many":
			return many
		}
		return nil
	}}
	dialog(t, s, requestForm(), func(r *rig, v slacksim.View) {
		for query, least := range map[string]int{"none": 0, "slow": 0, "many": 50} {
			options, err := r.As(alice).Suggest(r.ctx, v, "Resources", query)
			if err != nil || len(options) < least || (least == 0) != (len(options) == 0) {
				t.Errorf("%s: %d options, %v", query, len(options), err)
			}
		}
		time.Sleep(time.Minute)
	})
}

// dependent redraws the request form: another integration has other resource types.
func dependent(_ context.Context, e chat.FormEvent) *chat.Form {
	form := requestForm()
	chosen := e.Values.First("integration")
	mode := e.State
	if e.Action == chat.ActionMode {
		mode = `{"mode":"bundle"}`
	}
	form.State = mode
	form.Parts[0].Text = chat.T(mode)
	form.Parts[1].Selected = []chat.Option{{Value: chosen}}
	form.Parts[2].Generation = chosen
	form.Parts[2].Options = []chat.Option{{Value: "type-" + chosen, Label: "Type of " + chosen}}
	form.Parts[9].Text = chat.T("Verdict on " + chosen + " for " + e.Values.First("duration"))
	return &form
}

func TestDependentFieldsForgetAndOthersKeep(t *testing.T) {
	s := &service{change: dependent}
	dialog(t, s, requestForm(), func(r *rig, v slacksim.View) {
		p := r.As(alice)
		r.must(p.Choose(r.ctx, v, "Resource type", "Option 1"))
		r.must(p.Type(r.ctx, v, "Justification", "INC-12"))
		synctest.Wait()
		r.must(p.Choose(r.ctx, r.view(), "Integration", "Option 2"))
		synctest.Wait()
		if f := r.field("Resource type"); len(f.Values) != 0 || f.Options[0].Text != "Type of v2" {
			t.Errorf("resource type %+v", f)
		}
		if f := r.field("Justification"); len(f.Values) != 1 || f.Values[0] != "INC-12" {
			t.Errorf("what was typed is lost: %+v", f)
		}
		r.must(p.Type(r.ctx, r.view(), "Duration", "4h"))
		time.Sleep(typingPause)
		synctest.Wait()
		contains(t, r.view().Text, "Verdict on v2 for 4h")
	})
}

func TestNewestChangeWins(t *testing.T) {
	s := &service{change: func(ctx context.Context, e chat.FormEvent) *chat.Form {
		if e.Values.First("integration") == "v1" {
			sleep(ctx, 2*time.Second) // the older change takes longer
		}
		return dependent(ctx, e)
	}}
	dialog(t, s, requestForm(), func(r *rig, v slacksim.View) {
		p := r.As(alice)
		r.must(p.Choose(r.ctx, v, "Integration", "Option 1"))
		synctest.Wait()
		r.must(p.Choose(r.ctx, v, "Integration", "Option 0"))
		r.must(p.Choose(r.ctx, v, "Integration", "Option 2"))
		time.Sleep(10 * time.Second)
		contains(t, r.view().Text, "Verdict on v2")
		var chosen []string
		for _, e := range s.changes {
			chosen = append(chosen, e.Values.First("integration"))
		}
		if diff := cmp.Diff([]string{"v1", "v2"}, chosen); diff != "" {
			t.Errorf("handled changes, the overtaken one left out (-want +got):\n%s", diff)
		}
	})
}

func TestLineOfADialog(t *testing.T) {
	change := func(at, value string) pending {
		return pending{at: at, event: chat.FormEvent{Values: chat.Values{"f": {value}}}}
	}
	button := func(at string) pending {
		return pending{at: at, event: chat.FormEvent{Action: chat.ActionMode, Values: chat.Values{"f": {"old"}}}}
	}
	for name, tc := range map[string]struct {
		first, then []pending
		want        []string
	}{
		"in order":                      {nil, []pending{change("1.1", "a"), change("1.2", "b")}, []string{"1.2 b"}},
		"overtaken on the way":          {nil, []pending{change("1.2", "b"), change("1.1", "a")}, []string{"1.2 b"}},
		"overtaken and handled":         {[]pending{change("1.2", "b")}, []pending{change("1.1", "a")}, nil},
		"buttons stay":                  {nil, []pending{button("1.1"), change("1.2", "b"), button("1.3")}, []string{"1.1 old", "1.3 old"}},
		"a late button has new values":  {[]pending{change("1.2", "b")}, []pending{button("1.1")}, []string{"1.1 b"}},
		"a late button keeps its place": {nil, []pending{change("1.2", "b"), button("1.1")}, []string{"1.1 old", "1.2 b"}},
		"a second more":                 {nil, []pending{change("9.9", "a"), change("10.1", "b")}, []string{"10.1 b"}},
		"a second less":                 {nil, []pending{change("10.1", "b"), change("9.9", "a")}, []string{"10.1 b"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := &viewLine{}
			for _, p := range tc.first {
				l.join(p)
				l.next()
			}
			for _, p := range tc.then {
				l.join(p)
			}
			var got []string
			for p, ok := l.next(); ok; p, ok = l.next() {
				got = append(got, p.at+" "+p.event.Values.First("f"))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("handled (-want +got):\n%s", diff)
			}
		})
	}
}

func TestChangeBeforeARedrawDoesNotUndoIt(t *testing.T) {
	s := &service{change: func(ctx context.Context, e chat.FormEvent) *chat.Form {
		sleep(ctx, time.Second)
		return dependent(ctx, e)
	}}
	dialog(t, s, requestForm(), func(r *rig, v slacksim.View) {
		p := r.As(alice)
		r.must(p.Click(r.ctx, v, "Bundle Mode"))
		r.must(p.Choose(r.ctx, v, "Integration", "Option 2")) // from the dialog as it still is
		time.Sleep(10 * time.Second)
		contains(t, r.view().Text, `{"mode":"bundle"}`, "Verdict on v2")
		if r.view().PrivateMetadata != `{"mode":"bundle"}` {
			t.Errorf("state %q", r.view().PrivateMetadata)
		}
	})
}

func TestClosedDialogIsLeftAlone(t *testing.T) {
	s := &service{change: func(ctx context.Context, e chat.FormEvent) *chat.Form {
		sleep(ctx, time.Second)
		return dependent(ctx, e)
	}}
	dialog(t, s, requestForm(), func(r *rig, v slacksim.View) {
		r.must(r.As(alice).Choose(r.ctx, v, "Integration", "Option 1"))
		r.must(r.As(alice).CloseView(r.ctx, v))
		time.Sleep(10 * time.Second)
		if strings.Contains(r.log.String(), "could not be redrawn") {
			t.Error("closing a dialog is reported as a failure")
		}
	})
}

func TestRedrawOutlivesABusySlack(t *testing.T) {
	s := &service{change: dependent}
	dialog(t, s, requestForm(), func(r *rig, v slacksim.View) {
		r.Faults().RateLimit("views.update", 1, 2*time.Second)
		r.must(r.As(alice).Choose(r.ctx, v, "Integration", "Option 1"))
		time.Sleep(10 * time.Second)
		contains(t, r.view().Text, "Verdict on v1")
	})
}
