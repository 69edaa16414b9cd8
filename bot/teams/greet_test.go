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
		o.greets = true
		o.stop()
		o.start()
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
		if unknown, wrong := o.missing(crowd); unknown > 0 || wrong > 0 {
			t.Errorf("of %d people %d are not known by their address, %d were not greeted once", len(crowd), unknown, wrong)
		}
		if n := o.tenant.Count("member") - asked; n > len(crowd)+10 {
			t.Errorf("Teams was asked %d times about %d people", n, len(crowd))
		}
	})
}

// missing counts who is not known by their address, and who was not greeted once.
func (o *office) missing(crowd []teamstest.Person) (unknown, wrong int) {
	for _, p := range crowd {
		if _, ok, err := o.book.ContactByEmail(p.Email); err != nil || !ok {
			unknown++
		}
		if len(o.tenant.As(p.Email).Messages()) != 1 {
			wrong++
		}
	}
	return unknown, wrong
}

// TestTheAppForEverybodyOverRestarts: those whom the bot did not get to before it stopped
// are asked about and greeted afterwards, and nobody is twice.
func TestTheAppForEverybodyOverRestarts(t *testing.T) {
	crowd := arriving(300)
	inOfficeOf(t, crowd, func(o *office) {
		o.greets = true
		o.stop()
		o.start()
		for _, p := range crowd {
			o.must(o.tenant.As(p.Email).Install())
		}
		for range 2 {
			time.Sleep(3 * time.Second)
			o.stop()
			if unknown, wrong := o.missing(crowd); unknown == 0 || unknown == len(crowd) || wrong == 0 {
				t.Fatalf("the bot stops when %d are not known and %d not greeted: that is not in the middle", unknown, wrong)
			}
			o.start()
		}
		time.Sleep(10 * time.Minute)
		if unknown, wrong := o.missing(crowd); unknown > 0 || wrong > 0 {
			t.Errorf("of %d people %d are not known by their address, %d were not greeted once", len(crowd), unknown, wrong)
		}
		asked := o.tenant.Count("member")
		o.stop()
		o.start()
		time.Sleep(10 * time.Minute)
		if n := o.tenant.Count("member") - asked; n > 0 {
			t.Errorf("Teams is asked %d times about people who are known", n)
		}
	})
}

// TestArrivalOverRestarts: whoever Teams does not tell of stays to be asked about while
// it fails or refuses, and not where they are gone; whom the service does not greet is asked about
// once.
func TestArrivalOverRestarts(t *testing.T) {
	// Several events tell of one person, and whether that is one question or two depends
	// on which of them comes first.
	const always = 100
	for name, tt := range map[string]struct {
		fail   func(o *office)
		handle string
		known  bool
		asked  int // after the restart
	}{
		"Teams fails":   {func(o *office) { o.client.gate.rest(turn{}, 3*time.Hour) }, "bob", true, 1},
		"Teams refuses": {func(o *office) { o.tenant.Fail(teamstest.FaultMember, always, 403, "NotEnoughPermissions", 0) }, "bob", true, 1},
		"they are gone": {func(o *office) { o.tenant.Fail(teamstest.FaultMember, always, 404, "MemberNotFoundInConversation", 0) }, "bob", false, 0},
		"not greeted":   {func(*office) {}, "gus", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.greets = true
				o.stop()
				o.start()
				tt.fail(o)
				who := o.enter(tt.handle)
				time.Sleep(2 * time.Hour)
				o.stop()
				asked := o.tenant.Count("member")
				o.tenant.Mend()
				o.start()
				time.Sleep(time.Hour)
				_, known, err := o.book.ContactByEmail(who.Person.Email)
				if n := o.tenant.Count("member") - asked; known != tt.known || n != tt.asked || err != nil {
					t.Errorf("known: %t; asked %d times after the restart; %v", known, n, err)
				}
			})
		})
	}
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
