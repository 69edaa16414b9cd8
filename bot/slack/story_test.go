package slack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/chat"
	"apono/bot/platform/platformtest"
	"apono/bot/slack/slacksim"
)

func says(sentence string) func(context.Context, chat.Click) chat.Answer {
	return func(context.Context, chat.Click) chat.Answer { return chat.Say(sentence) }
}

// told returns what a person was told in private.
func (r *rig) told(user string) []string {
	var out []string
	for _, m := range r.As(user).Ephemerals() {
		out = append(out, m.Text)
	}
	return out
}

func (r *rig) wantTold(user string, want ...string) {
	r.t.Helper()
	if diff := cmp.Diff(want, r.told(user)); diff != "" {
		r.t.Errorf("told to %s (-want +got):\n%s\n%s", user, diff, r.log)
	}
}

func TestClickIsCommittedHandledAndAnswered(t *testing.T) {
	s := &service{click: func(_ context.Context, c chat.Click) chat.Answer {
		return chat.Say("You approved " + c.Target.Request + ".")
	}}
	story(t, world(), s, func(r *rig) {
		m := r.post(bob, approval())
		contains(t, m.Text, "Access request AR-12", "Waiting for one of 2", "Requested by: Alice (alice@example.com)",
			"INC-12 <!channel> *burns* & `more`", "prod-postgres", "Resources: orders, users", "You are Alice's manager.")
		if diff := cmp.Diff([]string{"Approve", "Deny", "Details"}, m.Labels()); diff != "" {
			t.Errorf("labels (-want +got):\n%s", diff)
		}
		r.must(r.As(bob).Click(r.ctx, m, "Approve"))
		synctest.Wait()
		want := chat.Click{
			User: chat.User{Platform: "slack", ID: bob, Team: "T0WORKSPACE"}, Action: chat.ActionApprove,
			Target: chat.Target{Request: "AR-12", Version: 3, Stamp: "7kq2m4xa"}, At: time.Now().UTC(),
		}
		if diff := cmp.Diff([]chat.Click{want}, s.clicked()); diff != "" {
			t.Errorf("clicks (-want +got):\n%s", diff)
		}
		r.wantTold(bob, "You approved AR-12.")
		if r.inbox.Received() != 1 || r.inbox.Left() != 0 {
			t.Errorf("inbox: %d received, %d undone", r.inbox.Received(), r.inbox.Left())
		}
		r.must(r.As(bob).Click(r.ctx, m, "Details"))
		synctest.Wait()
		if got := s.clicked()[1]; got.Action != chat.ActionDetails || got.Target != want.Target {
			t.Errorf("menu entry arrived as %+v", got)
		}
	})
}

func TestClickThatIsNotCommittedIsNotAcknowledged(t *testing.T) {
	for name, broken := range map[string]func(*platformtest.Inbox){
		"disk full": func(m *platformtest.Inbox) { m.Fail(errors.New("disk full")) },
		"slow":      func(m *platformtest.Inbox) { m.Delay(time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{click: says("Done.")}
			story(t, world(), s, func(r *rig) {
				m := r.post(bob, approval())
				broken(r.inbox)
				if err := r.As(bob).Click(r.ctx, m, "Approve"); err == nil {
					t.Error("Slack showed no warning for a press that was not written down")
				}
				if len(s.clicked()) != 0 {
					t.Error("a press that was not written down was handled")
				}
				contains(t, r.log.String(), "could not be committed")
				if r.meter.Of("slack_unacked interactive") != 1 {
					t.Errorf("counted %v", r.meter.All())
				}
				r.ForgetViolations()
				r.inbox.Fail(nil)
				r.inbox.Delay(0)
				r.must(r.As(bob).Click(r.ctx, m, "Approve"))
				synctest.Wait()
				r.wantTold(bob, "Done.")
			})
		})
	}
}

func TestRepeatedDeliveryIsHandledOnce(t *testing.T) {
	s := &service{click: says("Done.")}
	story(t, world(), s, func(r *rig) {
		m := r.post(bob, approval())
		r.Faults().Duplicate(1)
		r.must(r.As(bob).Click(r.ctx, m, "Approve"))
		synctest.Wait()
		r.wantTold(bob, "Done.")
		if n := len(s.clicked()); n != 1 || r.meter.Of("slack_duplicate interactive") != 1 {
			t.Errorf("handled %d times, counted %v", n, r.meter.All())
		}
	})
}

func TestClickSurvivesTheEndOfTheProcess(t *testing.T) {
	for name, tc := range map[string]struct {
		answer chat.Answer
		want   []string
	}{
		"told":    {chat.Say("Approved."), []string{"Approved."}},
		"silent":  {chat.Answer{}, nil},
		"to open": {chat.Answer{Open: &chat.Form{ID: chat.FormReason, Title: "Reason", Close: "Cancel"}}, []string{"The bot was restarted before it could open that. Please press the button again."}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{click: func(ctx context.Context, _ chat.Click) chat.Answer {
				<-ctx.Done() // the process ends meanwhile
				return chat.Answer{}
			}}
			story(t, world(), s, func(r *rig) {
				m := r.post(bob, approval())
				r.must(r.As(bob).Click(r.ctx, m, "Approve"))
				at := time.Now().UTC()
				r.end()
				if r.inbox.Left() != 1 {
					t.Fatalf("%d presses are undone", r.inbox.Left())
				}
				s.click = func(context.Context, chat.Click) chat.Answer { return tc.answer }
				time.Sleep(time.Minute)
				r.start()
				synctest.Wait()
				r.wantTold(bob, append([]string{soothing}, tc.want...)...)
				clicks := s.clicked()
				want := clicks[0]
				want.Replayed = true
				if len(clicks) != 2 || !clicks[1].At.Equal(at) || clicks[1] != want {
					t.Errorf("the press was handled as %+v", clicks)
				}
				if r.inbox.Left() != 0 {
					t.Error("the press is still undone")
				}
			})
		})
	}
}

func TestReplayAfterTheResponseURLHasDied(t *testing.T) {
	s := &service{click: func(ctx context.Context, _ chat.Click) chat.Answer { <-ctx.Done(); return chat.Answer{} }}
	story(t, world(), s, func(r *rig) {
		m := r.post(bob, approval())
		r.must(r.As(bob).Click(r.ctx, m, "Approve"))
		r.end()
		s.click = says("Approved.")
		time.Sleep(2 * time.Hour)
		r.start()
		synctest.Wait()
		r.wantTold(bob, soothing, "Approved.")
	})
}

func TestAnswerFindsAnotherWay(t *testing.T) {
	s := &service{click: says("Done.")}
	story(t, world(), s, func(r *rig) {
		m := r.post(bob, approval())
		// An ephemeral message is refused too, so the direct chat is left.
		p := press{Key: "click/x", Click: chat.Click{User: chat.User{Platform: "slack", ID: bob}, At: time.Now()}, Channel: "C0OTHER001", ResponseURL: "http://slack.test/response/none"}
		at := place{user: p.Click.User, channel: p.Channel, responseURL: p.ResponseURL, arrived: time.Now()}
		r.adapter.press(r.ctx, "click", p, at)
		time.Sleep(time.Minute)
		if ms := r.As(bob).DMs(); len(ms) != 2 || ms[1].Text != "Done." || ms[0].TS != m.TS {
			t.Errorf("Bob's messages: %+v\n%s", ms, r.log)
		}
	})
}

func TestAnswerOutlivesAShortOutage(t *testing.T) {
	for _, outage := range []slacksim.Outage{slacksim.Refuse, slacksim.ServerError, slacksim.Hang} {
		t.Run(string(outage), func(t *testing.T) {
			s := &service{}
			story(t, world(), s, func(r *rig) {
				s.click = func(context.Context, chat.Click) chat.Answer {
					r.Faults().Outage(outage, 10*time.Second)
					return chat.Say("Done.")
				}
				m := r.post(bob, approval())
				r.must(r.As(bob).Click(r.ctx, m, "Approve"))
				time.Sleep(time.Minute)
				r.wantTold(bob, "Done.")
				if r.inbox.Left() != 0 {
					t.Error("the press is still undone")
				}
			})
		})
	}
}

func TestAnswerIsGivenUpInALongOutage(t *testing.T) {
	s := &service{}
	story(t, world(), s, func(r *rig) {
		s.click = func(context.Context, chat.Click) chat.Answer {
			r.Faults().Outage(slacksim.ServerError, time.Hour)
			return chat.Say("Done.")
		}
		m := r.post(bob, approval())
		r.must(r.As(bob).Click(r.ctx, m, "Approve"))
		time.Sleep(20 * time.Minute)
		if r.inbox.Left() != 1 || r.meter.Of("slack_dropped private") != 0 {
			t.Errorf("after 20 minutes: %d undone, counted %v", r.inbox.Left(), r.meter.All())
		}
		time.Sleep(20 * time.Minute)
		if r.inbox.Left() != 0 || r.meter.Of("slack_dropped private") != 1 {
			t.Errorf("%d undone, counted %v", r.inbox.Left(), r.meter.All())
		}
	})
}

func credentials(text string) *chat.Form {
	return &chat.Form{ID: chat.FormCredentials, Title: "Credentials", Close: "Close", Parts: []chat.Part{{Kind: chat.PartText, Text: chat.T(text)}}}
}

func TestThenRunsOnceTheFormIsOnTheScreen(t *testing.T) {
	var seen string
	s := &service{}
	story(t, world(), s, func(r *rig) {
		s.click = func(context.Context, chat.Click) chat.Answer {
			return chat.Answer{Open: credentials("One moment …"), Then: func(context.Context) *chat.Form {
				if v, ok := r.As(bob).View(); ok {
					seen = v.Text
				}
				return credentials("password: p*_~`<&>")
			}}
		}
		m := r.post(bob, approval())
		r.Faults().Fail("views.update", "internal_error") // once
		r.must(r.As(bob).Click(r.ctx, m, "Details"))
		time.Sleep(10 * time.Second)
		v, ok := r.As(bob).View()
		if seen != "One moment …" || !ok || v.Text != "password: p*_~`<&>" {
			t.Errorf("first %q, then %q\n%s", seen, v.Text, r.log)
		}
	})
}

// TestShownIsConfirmedBySlack: only what Slack took is told to be on the screen.
func TestShownIsConfirmedBySlack(t *testing.T) {
	for name, tc := range map[string]struct {
		fault func(slacksim.Faults)
		want  []bool
		told  string
	}{
		"well":        {func(slacksim.Faults) {}, []bool{true}, ""},
		"later":       {func(f slacksim.Faults) { f.RateLimit("views.update", 1, 3*time.Second) }, []bool{true}, ""},
		"refused":     {func(f slacksim.Faults) { f.Fail("views.update", "not_found") }, []bool{false}, "The dialog could not be filled in. Please press the button again."},
		"never taken": {func(f slacksim.Faults) { f.Fail("views.update", slices.Repeat([]string{"internal_error"}, 10)...) }, []bool{false}, "The dialog could not be filled in. Please press the button again."},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var got []bool
			s := &service{click: func(context.Context, chat.Click) chat.Answer {
				return chat.Answer{
					Open: credentials("One moment …"), Then: func(context.Context) *chat.Form { return credentials("hunter2") },
					Shown: func(_ context.Context, confirmed bool) {
						mu.Lock()
						defer mu.Unlock()
						got = append(got, confirmed)
					},
				}
			}}
			story(t, world(), s, func(r *rig) {
				m := r.post(bob, approval())
				tc.fault(r.Faults())
				r.must(r.As(bob).Click(r.ctx, m, "Details"))
				time.Sleep(2 * time.Minute)
				mu.Lock()
				defer mu.Unlock()
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if tc.told != "" {
					r.wantTold(bob, tc.told)
				}
			})
		})
	}
}

func TestFormThatCouldNotBeOpened(t *testing.T) {
	spent := false
	answer := chat.Answer{Open: credentials("One moment …"), Then: func(context.Context) *chat.Form { spent = true; return nil }}
	for name, tc := range map[string]struct {
		slow  time.Duration
		press string // an approval opens nothing ahead
		fault func(slacksim.Faults)
		want  string
	}{
		"too late":    {4 * time.Second, "Approve", func(slacksim.Faults) {}, "That took too long to open. Please press the button again."},
		"refused":     {0, "Details", func(f slacksim.Faults) { f.Fail("views.open", "view_too_large") }, "That could not be opened. Please press the button again."},
		"answer lost": {0, "Details", func(f slacksim.Faults) { f.LoseAnswer("views.open", 1) }, "That could not be opened. Please press the button again."},
	} {
		t.Run(name, func(t *testing.T) {
			spent = false
			s := &service{click: func(ctx context.Context, _ chat.Click) chat.Answer { sleep(ctx, tc.slow); return answer }}
			story(t, world(), s, func(r *rig) {
				m := r.post(bob, approval())
				tc.fault(r.Faults())
				r.must(r.As(bob).Click(r.ctx, m, tc.press))
				time.Sleep(10 * time.Second)
				want := []string{tc.want}
				if tc.slow > 0 {
					want = []string{soothing, tc.want}
				}
				r.wantTold(bob, want...)
				if spent {
					t.Error("what may be shown once was spent on a dialog that did not open")
				}
			})
		})
	}
}

func TestCommandIsAnsweredInTheAck(t *testing.T) {
	s := &service{}
	story(t, world(), s, func(r *rig) {
		reply, err := r.As(alice).Slash(r.ctx, "#general", "/apono", "help <me>")
		r.must(err)
		if !reply.Shown || reply.Message.Text != "You typed: help <me>" || !reply.Message.Ephemeral {
			t.Errorf("reply %+v", reply)
		}
		if reply, err = r.As(alice).Slash(r.ctx, "#general", "/other", ""); err != nil || reply.Message.Text != "This bot answers to /apono." {
			t.Errorf("another command: %+v %v", reply, err)
		}
	})
}

func TestSlowOrLongCommand(t *testing.T) {
	long := chat.Card{Fallback: "long", Body: chat.T(strings.Repeat("漢", 2500))}
	for range 40 {
		long.Sections = append(long.Sections, chat.Section{Title: strings.Repeat("ש", 100), Fields: []chat.Field{{Label: "x", Value: chat.T(strings.Repeat("漢", 300))}}})
	}
	for name, f := range map[string]func(context.Context) chat.Answer{
		"slow": func(ctx context.Context) chat.Answer { sleep(ctx, 20*time.Second); return chat.Say("漢 at last") },
		"long": func(context.Context) chat.Answer { return chat.Answer{Private: &long} },
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{command: func(ctx context.Context, _ chat.Command) chat.Answer { return f(ctx) }}
			story(t, world(), s, func(r *rig) {
				reply, err := r.As(alice).Slash(r.ctx, "#general", "/apono", "requests")
				r.must(err)
				if reply.Shown {
					t.Errorf("the ack held an answer of %d bytes", len(reply.Message.Text))
				}
				time.Sleep(time.Minute)
				if told := r.told(alice); len(told) != 1 || !strings.Contains(told[0], "漢") {
					t.Errorf("told %v\n%s", told, r.log)
				}
			})
		})
	}
}

func TestCommandOpensAForm(t *testing.T) {
	form := requestForm()
	s := &service{command: func(context.Context, chat.Command) chat.Answer { return chat.Answer{Open: &form} }}
	story(t, world(), s, func(r *rig) {
		_, err := r.As(alice).Slash(r.ctx, "#other", "/apono", "request")
		r.must(err)
		synctest.Wait()
		v, ok := r.As(alice).View()
		if !ok || v.Title != "Request access" || v.Submit != "Submit" || v.Close != "Cancel" {
			t.Fatalf("view %+v\n%s", v, r.log)
		}
		var labels []string
		for _, f := range v.Fields {
			labels = append(labels, f.Label)
		}
		want := []string{"Integration", "Resource type", "Resources", "Permissions", "Duration", "Justification", "Select all"}
		if diff := cmp.Diff(want, labels); diff != "" {
			t.Errorf("fields (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"Bundle Mode"}, v.Labels()); diff != "" {
			t.Errorf("buttons (-want +got):\n%s", diff)
		}
	})
}

func TestPanicsAreSurvived(t *testing.T) {
	bang := "bang"
	form := requestForm()
	s := &service{
		click:  func(context.Context, chat.Click) chat.Answer { panic(bang) },
		change: func(context.Context, chat.FormEvent) *chat.Form { panic(bang) },
		submit: func(context.Context, chat.FormEvent) chat.Submitted { panic(bang) },
		search: func(context.Context, chat.Search) []chat.Option { panic(bang) },
	}
	s.command = func(_ context.Context, c chat.Command) chat.Answer {
		if c.Text == "panic" {
			panic(bang)
		}
		return chat.Answer{Open: &form, Then: func(context.Context) *chat.Form { panic(bang) }}
	}
	story(t, world(), s, func(r *rig) {
		m := r.post(bob, approval())
		r.must(r.As(bob).Click(r.ctx, m, "Approve"))
		synctest.Wait()
		r.wantTold(bob, "Something went wrong here. Please try again; if it happens twice, tell an admin.")
		if r.inbox.Left() != 0 {
			t.Error("a press that panics comes back at every start")
		}
		reply, err := r.As(alice).Slash(r.ctx, "#general", "/apono", "panic")
		r.must(err)
		contains(t, reply.Message.Text, "Something went wrong here.")
		_, err = r.As(alice).Slash(r.ctx, "#general", "/apono", "")
		r.must(err)
		synctest.Wait()
		v, _ := r.As(alice).View()
		r.must(r.As(alice).Click(r.ctx, v, "Bundle Mode"))
		if options, err := r.As(alice).Suggest(r.ctx, v, "Resources", "x"); err != nil || len(options) > 0 {
			t.Errorf("suggested %v, %v", options, err)
		}
		r.must(r.As(alice).Choose(r.ctx, v, "Resource type", "Option 0"))
		r.must(r.As(alice).Type(r.ctx, v, "Justification", "INC-12"))
		if _, err := r.As(alice).Submit(r.ctx, v); err == nil {
			t.Error("a submission that panics was acknowledged")
		}
		if _, ok := r.As(alice).View(); !ok {
			t.Error("the form was closed")
		}
		r.ForgetViolations()
		for _, kind := range []string{"click", "command", "then", "change", "search", "submission"} {
			if r.meter.Of("slack_panic "+kind) == 0 {
				t.Errorf("no panic of kind %s was counted: %v", kind, r.meter.All())
			}
		}
	})
}

func TestOtherDeliveriesAreAcknowledged(t *testing.T) {
	story(t, world(), &service{}, func(r *rig) {
		r.must(r.As(alice).OpenHome())
		_, err := r.As(alice).Send("#general", "hello")
		r.must(err)
		r.must(r.As(alice).Shortcut(r.ctx, "anything"))
		synctest.Wait()
		contains(t, r.log.String(), "unknown name")
		if r.inbox.Received() != 0 {
			t.Error("what is not handled was committed")
		}
	})
}

func TestCrowdOfClicks(t *testing.T) {
	o := world()
	o.NoRateLimits = true
	for i := range 300 {
		o.Users = append(o.Users, slacksim.User{ID: fmt.Sprintf("U0CROWD%03d", i), Email: fmt.Sprintf("crowd%d@example.com", i)})
	}
	s := &service{click: func(ctx context.Context, _ chat.Click) chat.Answer { sleep(ctx, time.Second); return chat.Say("Done.") }}
	story(t, o, s, func(r *rig) {
		card, err := r.client.PostAudit(r.ctx, approval())
		r.must(err)
		m, _ := r.Message(card.Channel, card.Message)
		clicked := make(chan error, 300)
		for i := range 300 {
			go func() { clicked <- r.As(fmt.Sprintf("U0CROWD%03d", i)).Click(r.ctx, m, "Approve") }()
		}
		for range 300 {
			r.must(<-clicked)
		}
		time.Sleep(time.Minute)
		for i := range 300 {
			want := []string{"Done."}
			if told := r.told(fmt.Sprintf("U0CROWD%03d", i)); len(told) > 1 { // not among the first
				want = []string{soothing, "Done."}
			}
			r.wantTold(fmt.Sprintf("U0CROWD%03d", i), want...)
		}
	})
}
