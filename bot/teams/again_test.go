package teams

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/bot/teams/teamstest"
)

// TestTheSameButtonAgain: whoever presses a button that opens a form again, within
// seconds, means another form: what is sent with it is no repeat of what was sent with
// the first. A client that repeats its press gets a form as well, without another look.
func TestTheSameButtonAgain(t *testing.T) {
	inOffice(t, func(o *office) {
		alice := o.enter("alice")
		reason := "INC-1"
		var opened atomic.Int32
		o.service.command = func(chat.Command) chat.Answer {
			opened.Add(1)
			time.Sleep(time.Second)
			form := reasonForm()
			form.Parts[1].Value = reason
			return chat.Answer{Open: form}
		}
		o.service.submit = func(chat.FormEvent) chat.Submitted { return chat.Submitted{} }
		o.must(alice.Say("request x"))
		time.Sleep(10 * time.Second)
		offer := o.last(alice)
		for _, reason = range []string{"INC-1", "INC-2"} {
			_, err := alice.Press(offer, "Reason")
			o.must(err)
			if v, err := alice.Dialog.Value("Reason"); err != nil || v != reason {
				t.Errorf("the form holds %q, %v; want %q", v, err, reason)
			}
			o.must(alice.Dialog.Submit("Deny"))
		}
		if all := o.service.submits; len(all) != 2 || all[0].Key == all[1].Key {
			t.Errorf("submitted %+v", all)
		}

		press := alice.Activity("invoke")
		press["name"], press["value"] = "task/fetch", obj{"data": offer.Card["actions"].([]any)[0].(obj)["data"]}
		opened.Store(0)
		var all sync.WaitGroup
		bodies := make([]string, 4)
		for i, id := range []string{"a", "a", "b", "c"} {
			act := maps.Clone(press)
			act["id"] = "f:same" + id
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				body, err := alice.Invoke(act)
				if bodies[i] = string(body); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		different := map[string]bool{}
		for _, body := range bodies {
			different[body] = true
			if !strings.Contains(body, "INC-2") {
				t.Errorf("a form is %s", body)
			}
		}
		if bodies[0] != bodies[1] || len(different) != 3 || opened.Load() != 1 {
			t.Errorf("%d forms for three presses, the service was asked %d times", len(different), opened.Load())
		}
	})
}

// TestTheSameSubmissionAgain: what was not taken can be tried again at once; what was
// taken is not sent twice.
func TestTheSameSubmissionAgain(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, _ := o.asked(bob)
		answers := []chat.Submitted{{Errors: map[string]string{"reason": "I could not ask just now."}}, {}, {Errors: map[string]string{"reason": "asked too often"}}}
		tries := 0
		o.service.click = func(context.Context, chat.Click) chat.Answer { return chat.Answer{Open: reasonForm()} }
		o.service.submit = func(chat.FormEvent) chat.Submitted { tries++; return answers[tries-1] }
		_, err := bob.Press(m, "Deny")
		o.must(err)
		d := bob.Dialog
		o.must(d.Type("Reason", "no"))
		o.must(d.Submit("Deny"))
		if bob.Dialog == nil || !strings.Contains(bob.Dialog.Text(), "I could not ask just now.") {
			t.Fatalf("dialog %+v", bob.Dialog)
		}
		for range 2 { // the second time is the client's
			o.must(d.Submit("Deny"))
			if bob.Dialog != nil || tries != 2 {
				t.Errorf("after %d tries: %+v", tries, bob.Dialog)
			}
		}
	})
}

// TestARefreshIsOfNow, also within seconds after another.
func TestARefreshIsOfNow(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, _ := o.asked(bob)
		for _, want := range []string{"Waiting", "Approved by Carol"} {
			o.service.redraw = func(chat.Click) (chat.Card, bool) {
				return chat.Card{Title: "Access request AR-7", Status: chat.T(want), Fallback: "x"}, true
			}
			if seen, err := bob.Refresh(m); err != nil || !strings.Contains(teamstest.Text(seen), want) {
				t.Errorf("Bob sees %v, %v; want %q", seen, err, want)
			}
		}
	})
}

// TestAnswerThatTeamsDoesNotTake: the answer to what somebody wrote is posted again where
// the connector fails for a moment. Where it may be there all the same, nobody can know,
// and it is there twice.
func TestAnswerThatTeamsDoesNotTake(t *testing.T) {
	const some = 100
	for name, tt := range map[string]struct {
		fault                teamstest.Fault
		times, status, after int
		code                 string
		want, calls          int // answers, and posts
	}{
		"500 twice":                   {fault: teamstest.FaultPost, times: 2, status: 500, want: 1, calls: 3},
		"500 for a long time":         {fault: teamstest.FaultPost, times: some, status: 500, calls: answerTries},
		"500 with a time":             {fault: teamstest.FaultPost, times: 1, status: 503, after: 20, want: 1, calls: 2},
		"429 with a time":             {fault: teamstest.FaultPost, times: 1, status: 429, after: 20, want: 1, calls: 2},
		"429 for longer than is kept": {fault: teamstest.FaultPost, times: some, status: 429, after: 600, calls: 1},
		"no connection":               {fault: teamstest.FaultPost, times: 1, want: 1, calls: 2},
		"the answer is lost":          {fault: teamstest.FaultPosted, times: 1, want: 2, calls: 2},
		"the app was taken out":       {fault: teamstest.FaultPost, times: some, status: 403, code: "MessageWritesBlocked", calls: 1},
	} {
		t.Run(name, func(t *testing.T) {
			for what, answer := range map[string]chat.Answer{"a sentence": chat.Say("Nothing waits."), "a form": {Open: reasonForm()}} {
				inOffice(t, func(o *office) {
					bob := o.enter("bob")
					o.service.command = func(chat.Command) chat.Answer { return answer }
					o.tenant.Fail(tt.fault, tt.times, tt.status, tt.code, tt.after)
					before, posted := len(bob.Messages()), o.tenant.Count("post")
					o.must(bob.Say("tasks"))
					time.Sleep(5 * time.Minute)
					if got := len(bob.Messages()) - before - 1; got != tt.want || o.tenant.Count("post")-posted != tt.calls || len(o.service.commands) != 1 {
						t.Errorf("%s: %d answers after %d posts, of %d commands; want %d after %d", what, got, o.tenant.Count("post")-posted, len(o.service.commands), tt.want, tt.calls)
					}
					if said := strings.Contains(o.log.String(), "teams answer could not be delivered"); said != (tt.want == 0) {
						t.Errorf("%s: the log says %v that it was not delivered", what, said)
					}
				})
			}
		})
	}
}

// TestAnswersDoNotHoldUpTheEnd: whoever stops does not wait for Teams to be well.
func TestAnswersDoNotHoldUpTheEnd(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		o.service.command = func(chat.Command) chat.Answer { return chat.Say("Nothing waits.") }
		o.tenant.Fail(teamstest.FaultPost, 100, 500, "", 0)
		o.must(bob.Say("tasks"))
		time.Sleep(5 * time.Second)
		begun := time.Now()
		o.stop()
		if took := time.Since(begun); took > time.Second {
			t.Errorf("stopping took %v", took)
		}
		o.start()
	})
}
