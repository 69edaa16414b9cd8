package slack

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/bot/slack/slacksim"
)

// peopled is a world with more people in it.
func peopled(n int) (o slacksim.Options, ids []string) {
	o = world()
	for i := range n {
		u := slacksim.User{ID: fmt.Sprintf("U0CROWD%03d", i), Name: fmt.Sprintf("c%d", i), Email: fmt.Sprintf("c%d@example.com", i)}
		o.Users = append(o.Users, u)
		o.Channels[0].Members = append(o.Channels[0].Members, u.ID)
		ids = append(ids, u.ID)
	}
	return o, ids
}

// asking is a service that asks Slack who somebody is before it answers.
func asking(t *testing.T, r **rig) *service {
	form := requestForm()
	return &service{
		manners: map[string]chat.Manner{"": chat.MannerOpens},
		command: func(ctx context.Context, c chat.Command) chat.Answer {
			if _, err := (*r).client.Account(ctx, c.User, chat.PriorityForm); err != nil {
				return chat.Say("I could not find out who you are.")
			}
			return chat.Answer{Open: &form}
		},
		click: func(ctx context.Context, c chat.Click) chat.Answer {
			if _, err := (*r).client.Account(ctx, c.User, chat.PriorityNow); err != nil {
				t.Errorf("nobody knows who pressed: %v", err)
			}
			return chat.Say("Judged.")
		},
	}
}

// served says whether somebody has a form, or what they were told.
func (r *rig) served(id string) (form bool, told string) {
	v, ok := r.As(id).View()
	for _, e := range r.As(id).Ephemerals() {
		told += e.Text
	}
	return ok && v.Title == "Request access", told
}

// TestMoreTypeThanSlackOpens: of a hundred who type the command within two seconds each
// has a form or was told within moments, no call is made for a trigger that is dead, and
// who comes a little later has a form. A list of people may fail.
func TestMoreTypeThanSlackOpens(t *testing.T) {
	for name, listless := range map[string]bool{"": false, "no list": true} {
		t.Run(name, func(t *testing.T) {
			o, crowd := peopled(105)
			late, crowd := crowd[100:], crowd[:100]
			var r *rig
			story(t, o, asking(t, &r), func(begun *rig) {
				r = begun
				if listless {
					for range 10 {
						r.Faults().Fail("users.list", "fatal_error")
					}
				}
				bobs := r.post(bob, approval())
				start := time.Now()
				var all sync.WaitGroup
				for i, id := range crowd {
					all.Go(func() {
						time.Sleep(time.Duration(i) * 20 * time.Millisecond)
						_, err := r.As(id).Slash(r.ctx, "#general", "/apono", "")
						r.note(err)
					})
				}
				time.Sleep(1900 * time.Millisecond)
				r.must(r.As(bob).Click(r.ctx, bobs, "Approve"))
				time.Sleep(2 * time.Second)
				if _, told := r.served(bob); !strings.Contains(told, "Judged.") {
					t.Errorf("a press was not judged within 2 s; he reads %q", told)
				}
				all.Wait()
				time.Sleep(5*time.Second - time.Since(start))
				forms := 0
				for _, id := range crowd {
					form, told := r.served(id)
					if v, ok := r.As(id).View(); listless && ok && strings.Contains(v.Text, "One moment") {
						form = true // it is filled when Slack has said who it is
					}
					if form {
						forms++
					}
					if form == (told != "") || told != "" && told != "That took too long to open. Please type the command again." {
						t.Errorf("%s has a form: %t, reads %q", id, form, told)
					}
				}
				if forms < 60 {
					t.Errorf("%d forms are open", forms)
				}
				time.Sleep(5 * time.Second)
				for _, id := range late { // who type a second after another
					_, err := r.As(id).Slash(r.ctx, "#general", "/apono", "")
					r.must(err)
					time.Sleep(time.Second)
					if form, told := r.served(id); !form {
						t.Errorf("%s later %s has no form and reads %q", time.Since(start), id, told)
					}
				}
				time.Sleep(time.Minute)
				for _, id := range crowd {
					if form, told := r.served(id); !form && told == "" {
						t.Errorf("%s waits in vain", id)
					}
				}
				if got := strings.Count(r.log.String(), "expired_trigger_id"); got != 0 {
					t.Errorf("%d calls were made for dead triggers", got)
				}
				if limited := r.RateLimited(); len(limited) > 0 {
					t.Errorf("429 answers: %v", limited)
				}
			})
		})
	}
}

// TestOneQuestionServesAll: however many wait to know one person, Slack is asked once; whoever
// gives up takes nobody with them.
func TestOneQuestionServesAll(t *testing.T) {
	slow(t, &service{}, time.Second, func(r *rig) {
		ctx, giveUp := context.WithTimeout(r.ctx, 500*time.Millisecond)
		defer giveUp()
		var known atomic.Int32
		var all sync.WaitGroup
		ask := func(ctx context.Context) {
			all.Go(func() {
				if _, err := r.client.Account(ctx, chat.User{Platform: Platform, ID: bob}, chat.PriorityNow); err == nil {
					known.Add(1)
				}
			})
		}
		_, err := r.client.identity(r.ctx)
		r.must(err)
		before := len(r.Calls("users.info"))
		ask(ctx)
		time.Sleep(100 * time.Millisecond)
		for range 20 {
			ask(r.ctx)
		}
		all.Wait()
		if n := len(r.Calls("users.info")) - before; known.Load() != 20 || n > 2 {
			t.Errorf("%d know, after %d questions", known.Load(), n)
		}
	})
}

// TestWhoWaitsAfterAPressIsTold: a press that takes long is kept, and its person knows.
func TestWhoWaitsAfterAPressIsTold(t *testing.T) {
	s := &service{click: func(ctx context.Context, _ chat.Click) chat.Answer {
		sleep(ctx, 10*time.Second)
		return chat.Say("It counts.")
	}}
	story(t, world(), s, func(r *rig) {
		r.must(r.As(bob).Click(r.ctx, r.post(bob, approval()), "Approve"))
		time.Sleep(3 * time.Second)
		if _, told := r.served(bob); !strings.Contains(told, "is kept") {
			t.Errorf("after 3 s he reads %q", told)
		}
		time.Sleep(10 * time.Second)
		if _, told := r.served(bob); strings.Count(told, "is kept") != 1 || !strings.Contains(told, "It counts.") {
			t.Errorf("in the end he reads %q", told)
		}
	})
}

// TestFirstMessagesOpenNoChat: a first message to somebody needs no call but its own, so
// that a hundred of them are there within the limits of messages; one that is redrawn
// or looked for later needs none to find the chat either.
func TestFirstMessagesOpenNoChat(t *testing.T) {
	o, crowd := peopled(100)
	quiet(t, o, func(r *rig) {
		begun := time.Now()
		var all sync.WaitGroup
		for _, id := range crowd {
			all.Go(func() {
				ref, err := r.client.PostKeyed(r.ctx, chat.Recipient{ID: id}, approval(), chat.PriorityRequester, "k")
				r.note(err)
				if ms := r.As(id).DMs(); len(ms) != 1 || ms[0].Channel != ref.Channel {
					t.Errorf("%s sees %v, want what is at %v", id, ms, ref)
				}
			})
		}
		all.Wait()
		// 60 at once, and 4 a second.
		if took := time.Since(begun); took > 11*time.Second {
			t.Errorf("100 people were told after %s", took)
		}
		_, found, err := r.client.FindPost(r.ctx, chat.Recipient{ID: crowd[7]}, "k", begun, chat.PriorityRequester)
		r.must(err)
		if n := len(r.Calls("conversations.open")); n != 0 || !found {
			t.Errorf("%d chats were opened, found again: %t", n, found)
		}
	})
}

// TestTheAuditChannelHasItsTurn: however many messages to requesters wait, one to the audit
// channel is not behind those that come after it.
func TestTheAuditChannelHasItsTurn(t *testing.T) {
	o, crowd := peopled(200)
	quiet(t, o, func(r *rig) {
		begun := time.Now()
		var all sync.WaitGroup
		for i, id := range crowd {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				_, err := r.client.Post(r.ctx, chat.Recipient{ID: id}, approval(), chat.PriorityRequester)
				r.note(err)
			})
		}
		time.Sleep(100*time.Millisecond + time.Microsecond) // 101 are before it, of which 60 go at once
		_, err := r.client.PostAudit(r.ctx, approval())
		r.must(err)
		if took := time.Since(begun); took > 12*time.Second {
			t.Errorf("the audit channel was told after %s", took)
		}
		all.Wait()
	})
}
