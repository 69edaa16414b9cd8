package teams

import (
	"fmt"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/bot/teams/teamstest"
)

// arriving are people for whom an admin installs the app at once.
func arriving(n int) []teamstest.Person {
	all := make([]teamstest.Person, n)
	for i := range all {
		all[i] = teamstest.Person{ID: fmt.Sprintf("aad-new-%d", i), Name: "New", Email: fmt.Sprintf("new-%d@example.com", i)}
	}
	return all
}

// TestTheAppForEverybody: while the bot gets to know very many people at once, nobody
// waits for that: neither an approver for a card nor somebody who opens a form. All of
// them are known in the end, and greeted once.
func TestTheAppForEverybody(t *testing.T) {
	crowd := arriving(400)
	inOfficeOf(t, crowd, func(o *office) {
		o.stop()
		o.start()
		o.adapter.handler = greeting{o.service}
		bob := o.enter("bob")
		time.Sleep(time.Minute)
		asked := o.tenant.Count("member")
		for _, p := range crowd {
			o.must(o.tenant.As(p.Email).Install())
		}
		for range 3 {
			time.Sleep(5 * time.Second)
			begun := time.Now()
			if _, err := o.client.Post(o.Context(), chat.Recipient{Email: bob.Person.Email}, approval(), chat.PriorityApprover); err != nil {
				t.Error(err)
			}
			someone := chat.User{Platform: Platform, ID: "aad-bob", Team: tenantID}
			o.client.accounts.Drop("aad-bob")
			if _, err := o.client.Account(o.Context(), someone, chat.PriorityForm); err != nil {
				t.Error(err)
			}
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("a card and a form took %v", took)
			}
		}
		time.Sleep(10 * time.Minute)
		unknown, wrong := 0, 0
		for _, p := range crowd {
			if _, ok, err := o.book.ContactByEmail(p.Email); err != nil || !ok {
				unknown++
			}
			if len(o.tenant.As(p.Email).Messages()) != 1 {
				wrong++
			}
		}
		if unknown > 0 || wrong > 0 {
			t.Errorf("of %d people %d are not known by their address, %d were not greeted once", len(crowd), unknown, wrong)
		}
		if n := o.tenant.Count("member") - asked; n > len(crowd)+10 {
			t.Errorf("Teams was asked %d times about %d people", n, len(crowd))
		}
	})
}

// TestNewcomersDoNotHoldUpTheEnd: whoever stops does not wait until all are known.
func TestNewcomersDoNotHoldUpTheEnd(t *testing.T) {
	crowd := arriving(150)
	inOfficeOf(t, crowd, func(o *office) {
		for _, p := range crowd {
			o.must(o.tenant.As(p.Email).Install())
		}
		begun := time.Now()
		o.stop()
		if took := time.Since(begun); took > time.Second {
			t.Errorf("stopping took %v", took)
		}
		o.start()
	})
}

// TestNewcomerWhileTeamsFails: who somebody is, is asked until Teams says it, since cards
// that are for their address cannot find them else.
func TestNewcomerWhileTeamsFails(t *testing.T) {
	for name, fail := range map[string]func(o *office){
		"for a moment":     func(o *office) { o.tenant.Fail(teamstest.FaultMember, 3, 500, "", 0) },
		"asks for a pause": func(o *office) { o.client.gate.rest(turn{}, 5*time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				fail(o)
				o.enter("bob")
				time.Sleep(6 * time.Minute)
				if _, err := o.client.Post(o.Context(), chat.Recipient{Email: "bob@example.com"}, approval(), chat.PriorityApprover); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
