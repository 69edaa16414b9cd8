package slack

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/chat"
	"apono/bot/platform/platformtest"
	"apono/bot/slack/slacksim"
)

// TestPressIsKeptUntilItCanBeDone: what the service cannot do yet stays in the inbox and
// is tried again, also over a restart, and whoever pressed is told to wait.
func TestPressIsKeptUntilItCanBeDone(t *testing.T) {
	s := &service{}
	var out atomic.Bool
	out.Store(true)
	s.click = func(context.Context, chat.Click) chat.Answer {
		if out.Load() {
			a := chat.Say("Something went wrong.")
			a.Later = true
			return a
		}
		return chat.Say("Done.")
	}
	const wait = "I cannot do that at the moment. It is kept and tried again, so you need not do it again."
	story(t, world(), s, func(r *rig) {
		m := r.post(bob, approval())
		r.must(r.As(bob).Click(r.ctx, m, "Approve"))
		time.Sleep(10 * time.Minute)
		r.wantTold(bob, wait)
		if n := len(s.clicked()); r.inbox.Left() != 1 || n < 10 || n > 20 {
			t.Errorf("%d undone after %d tries", r.inbox.Left(), n)
		}
		r.end()
		r.start()
		time.Sleep(2 * time.Second)
		out.Store(false)
		time.Sleep(time.Minute)
		r.wantTold(bob, wait, "Done.")
		if r.inbox.Left() != 0 {
			t.Error("the press is still undone")
		}
	})
}

func TestPressIsGivenUpAfterADay(t *testing.T) {
	s := &service{click: func(context.Context, chat.Click) chat.Answer {
		a := chat.Say("Something went wrong.")
		a.Later = true
		return a
	}}
	story(t, world(), s, func(r *rig) {
		r.must(r.As(bob).Click(r.ctx, r.post(bob, approval()), "Approve"))
		time.Sleep(23 * time.Hour)
		if r.inbox.Left() != 1 {
			t.Error("given up within a day")
		}
		time.Sleep(2 * time.Hour)
		if dms := r.As(bob).DMs(); r.inbox.Left() != 0 || !strings.Contains(fmt.Sprint(dms, r.told(bob)), "Something went wrong.") {
			t.Errorf("%d undone; Bob reads %v %v", r.inbox.Left(), r.told(bob), dms)
		}
	})
}

// TestCommandThatActs is committed before it is acknowledged.
func TestCommandThatActs(t *testing.T) {
	var done atomic.Int32
	s := &service{manners: map[string]chat.Manner{"revoke AR-1": chat.MannerActs}}
	s.command = func(ctx context.Context, c chat.Command) chat.Answer {
		<-ctx.Done() // the process ends meanwhile
		a := chat.Say("no")
		a.Later = true
		return a
	}
	story(t, world(), s, func(r *rig) {
		_, err := r.As(alice).Slash(r.ctx, "#general", "/apono", "revoke AR-1")
		r.must(err)
		if r.inbox.Left() != 1 {
			t.Fatalf("%d commands are kept", r.inbox.Left())
		}
		r.end()
		s.command = func(_ context.Context, c chat.Command) chat.Answer {
			done.Add(1)
			return chat.Say("Ended by " + c.User.ID + ": " + c.Text)
		}
		r.start()
		time.Sleep(time.Minute)
		r.wantTold(alice, soothing, "Ended by "+alice+": revoke AR-1")
		if done.Load() != 1 || r.inbox.Left() != 0 {
			t.Errorf("done %d times, %d undone", done.Load(), r.inbox.Left())
		}
	})
}

// TestRepeatsOfWhatIsNotKept: a command and a change in a dialog that Slack delivers
// twice, over both sockets, are done once.
func TestRepeatsOfWhatIsNotKept(t *testing.T) {
	form := requestForm()
	var commands atomic.Int32
	s := &service{command: func(context.Context, chat.Command) chat.Answer {
		commands.Add(1)
		return chat.Answer{Open: &form}
	}}
	story(t, world(), s, func(r *rig) {
		time.Sleep(time.Second)
		r.Faults().Duplicate(1)
		_, err := r.As(alice).Slash(r.ctx, "#general", "/apono", "")
		r.must(err)
		time.Sleep(10 * time.Second)
		r.wantTold(alice)
		v, ok := r.As(alice).View()
		if !ok || commands.Load() != 1 {
			t.Fatalf("view %t, the command ran %d times", ok, commands.Load())
		}
		r.Faults().Duplicate(1)
		r.must(r.As(alice).Click(r.ctx, v, "Bundle Mode"))
		time.Sleep(10 * time.Second)
		s.note(func() {
			if len(s.changes) != 1 {
				t.Errorf("the mode was changed %d times", len(s.changes))
			}
		})
		for _, again := range []string{"", ""} { // typed again is not a repeat
			_, err := r.As(alice).Slash(r.ctx, "#general", "/apono", again)
			r.must(err)
		}
		synctest.Wait()
		if commands.Load() != 3 {
			t.Errorf("the command ran %d times", commands.Load())
		}
	})
}

// TestUnacknowledgedIsNoRepeat: what was not acknowledged is done when it comes again.
func TestUnacknowledgedIsNoRepeat(t *testing.T) {
	a := &Adapter{repeats: newRepeats(), meter: &platformtest.Counts{}}
	d := delivery{envelope: envelope{ID: "e", Type: "slash_commands", Payload: []byte(`{"trigger_id":"1.2"}`)}, acked: new(atomic.Bool)}
	n := 0
	a.once(t.Context(), d, func() { n++ })
	a.once(t.Context(), d, func() { n++ })
	if n != 2 {
		t.Errorf("done %d times", n)
	}
}

// TestDialogIsOpenedAhead: with calls of 1.5 seconds a form is on the screen in time,
// though it takes two calls to know what is in it; a refusal is read in its place.
func TestDialogIsOpenedAhead(t *testing.T) {
	form := requestForm()
	for name, tc := range map[string]struct {
		answer chat.Answer
		title  string
	}{
		"form":    {chat.Answer{Open: &form}, "Request access"},
		"refusal": {chat.Say("Guests cannot use this."), "Please note"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{manners: map[string]chat.Manner{"": chat.MannerOpens}}
			s.command = func(ctx context.Context, _ chat.Command) chat.Answer {
				sleep(ctx, 3*time.Second) // two calls
				return tc.answer
			}
			slow(t, s, 1500*time.Millisecond, func(r *rig) {
				_, err := r.As(alice).Slash(r.ctx, "#general", "/apono", "")
				r.must(err)
				time.Sleep(10 * time.Second)
				v, ok := r.As(alice).View()
				if !ok || v.Title != tc.title || strings.Contains(v.Text, "One moment") {
					t.Errorf("view %t %q %q\n%s", ok, v.Title, v.Text, r.log)
				}
				if tc.title == "Please note" && !strings.Contains(v.Text, "Guests cannot use this.") {
					t.Errorf("the refusal reads %q", v.Text)
				}
				r.wantTold(alice)
			})
		})
	}
}

// TestApproveOpensItsDialogAhead: with an identity that takes longer than the trigger
// works, the reason that a flow asks for is on the screen all the same; one that needs
// none opens nothing.
func TestApproveOpensItsDialogAhead(t *testing.T) {
	form := requestForm()
	for name, tc := range map[string]struct {
		manner chat.Manner
		answer chat.Answer
		title  string // empty: no dialog
		told   []string
	}{
		"with a reason": {chat.MannerOpens, chat.Answer{Open: &form}, "Request access", nil},
		"refused":       {chat.MannerOpens, chat.Say("You are not an approver of AR-12."), "Please note", nil},
		"without":       {chat.MannerActs, chat.Answer{}, "", []string{soothing}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{manners: map[string]chat.Manner{"press approve": tc.manner}}
			s.click = func(ctx context.Context, _ chat.Click) chat.Answer {
				sleep(ctx, 10*time.Second)
				return tc.answer
			}
			story(t, world(), s, func(r *rig) {
				r.must(r.As(bob).Click(r.ctx, r.post(bob, approval()), "Approve"))
				time.Sleep(time.Minute)
				if v, ok := r.As(bob).View(); ok != (tc.title != "") || v.Title != tc.title || strings.Contains(v.Text, "One moment") {
					t.Errorf("view %t %q %q\n%s", ok, v.Title, v.Text, r.log)
				}
				r.wantTold(bob, tc.told...)
			})
		})
	}
}

// TestWhoPressesGoesBeforeWhoLooks: hundreds whom the bot never met open their homes at
// once, which is more than Slack answers questions about in minutes; a press is judged
// within moments, and every home is drawn in the end.
func TestWhoPressesGoesBeforeWhoLooks(t *testing.T) {
	o := world()
	const crowd = 200
	for i := range crowd {
		u := slacksim.User{ID: fmt.Sprintf("U0CROWD%03d", i), Name: fmt.Sprintf("c%d", i), Email: fmt.Sprintf("c%d@example.com", i)}
		o.Users = append(o.Users, u)
		o.Channels[0].Members = append(o.Channels[0].Members, u.ID)
	}
	var r *rig
	known := func(ctx context.Context, u chat.User, p chat.Priority) bool {
		a, err := r.client.Account(ctx, u, p)
		if err == nil {
			_, err = r.client.Shared(ctx, a, p)
		}
		return err == nil
	}
	s := &service{}
	s.home = func(ctx context.Context, q chat.HomeQuery) chat.Home {
		if !known(ctx, q.User, chat.PriorityRequester) {
			return chat.Home{Notes: []chat.Text{chat.T("I could not find out who you are.")}}
		}
		return chat.Home{Notes: []chat.Text{chat.T("Home of " + q.User.ID)}}
	}
	s.click = func(ctx context.Context, c chat.Click) chat.Answer {
		if !known(ctx, c.User, chat.PriorityNow) {
			t.Error("nobody knows who pressed")
		}
		return chat.Say("Judged.")
	}
	story(t, o, s, func(begun *rig) {
		r = begun
		m := r.post(bob, approval())
		for i := range crowd {
			r.must(r.As(fmt.Sprintf("U0CROWD%03d", i)).OpenHome())
		}
		time.Sleep(10 * time.Second)
		r.must(r.As(bob).Click(r.ctx, m, "Approve"))
		time.Sleep(8 * time.Second)
		r.wantTold(bob, "Judged.")
		time.Sleep(10 * time.Minute)
		for i := range crowd {
			id := fmt.Sprintf("U0CROWD%03d", i)
			if v, ok := r.As(id).Home(); !ok || !strings.Contains(v.Text, "Home of "+id) {
				t.Fatalf("the home of %s reads %q", id, v.Text)
			}
		}
	})
}

// TestQuickAnswerOpensNothingAhead: where the answer is there at once, no dialog flashes.
func TestQuickAnswerOpensNothingAhead(t *testing.T) {
	s := &service{manners: map[string]chat.Manner{"request x": chat.MannerOpens}}
	story(t, world(), s, func(r *rig) {
		reply, err := r.As(alice).Slash(r.ctx, "#general", "/apono", "request x")
		r.must(err)
		time.Sleep(time.Minute)
		if _, ok := r.As(alice).View(); ok || !reply.Shown || len(r.Calls("views.open")) != 0 {
			t.Errorf("a dialog was opened; reply %+v", reply)
		}
	})
}

// TestDialogAheadThatWasClosed: who has closed the dialog is still told a refusal, and
// a secret is not spent on it.
func TestDialogAheadThatWasClosed(t *testing.T) {
	spent := false
	form := requestForm()
	answers := []chat.Answer{chat.Say("No."), {Open: &form, Then: func(context.Context) *chat.Form { spent = true; return nil }}}
	s := &service{manners: map[string]chat.Manner{"": chat.MannerOpens}}
	s.command = func(ctx context.Context, _ chat.Command) chat.Answer {
		sleep(ctx, 5*time.Second)
		a := answers[0]
		answers = answers[1:]
		return a
	}
	story(t, world(), s, func(r *rig) {
		for range 2 {
			_, err := r.As(alice).Slash(r.ctx, "#general", "/apono", "")
			r.must(err)
			time.Sleep(time.Second)
			r.must(r.As(alice).CloseAll(r.ctx))
			time.Sleep(10 * time.Second)
		}
		r.wantTold(alice, "No.")
		if spent {
			t.Error("a secret was spent on a closed dialog")
		}
	})
}

// slow is story with a Web API that takes its time.
func slow(t *testing.T, s *service, d time.Duration, tell func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, world(), s)
		defer r.Close()
		inner := r.options.HTTP.Transport
		r.options.HTTP = &http.Client{Transport: lagging{inner, d}}
		r.start()
		defer r.end()
		time.Sleep(time.Minute)
		tell(r)
	})
}

type lagging struct {
	http.RoundTripper
	lag time.Duration
}

func (l lagging) RoundTrip(r *http.Request) (*http.Response, error) {
	sleep(r.Context(), l.lag)
	return l.RoundTripper.RoundTrip(r)
}

// TestCrowdOpensForms: sixty people who were never seen before are all known within a
// moment, since no address is looked up for them.
func TestCrowdOpensForms(t *testing.T) {
	o := world()
	for i := range 60 {
		u := slacksim.User{ID: fmt.Sprintf("U0CROWD%03d", i), Name: fmt.Sprintf("c%d", i), Email: fmt.Sprintf("c%d@example.com", i)}
		o.Users = append(o.Users, u)
		o.Channels[0].Members = append(o.Channels[0].Members, u.ID)
	}
	form := requestForm()
	s := &service{manners: map[string]chat.Manner{"": chat.MannerOpens}}
	story(t, o, s, func(r *rig) {
		s.command = func(ctx context.Context, c chat.Command) chat.Answer {
			if _, err := r.client.Account(ctx, c.User, chat.PriorityNow); err != nil {
				return chat.Say(err.Error())
			}
			return chat.Answer{Open: &form}
		}
		errs := make(chan error, 60)
		for i := range 60 {
			go func() {
				_, err := r.As(fmt.Sprintf("U0CROWD%03d", i)).Slash(r.ctx, "#general", "/apono", "")
				errs <- err
			}()
		}
		for range 60 {
			r.note(<-errs)
		}
		time.Sleep(20 * time.Second)
		titles := map[string]int{}
		for i := range 60 {
			v, _ := r.As(fmt.Sprintf("U0CROWD%03d", i)).View()
			titles[v.Title]++
		}
		if diff := cmp.Diff(map[string]int{"Request access": 60}, titles); diff != "" {
			t.Errorf("forms (-want +got):\n%s", diff)
		}
		if n := len(r.Calls("users.lookupByEmail")); n != 0 {
			t.Errorf("%d addresses were looked up", n)
		}
	})
}
