package teams

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/chat"
	"apono/bot/teams/teamstest"
)

func TestAccounts(t *testing.T) {
	inOffice(t, func(o *office) {
		for _, tt := range []struct {
			handle string
			want   chat.Account
		}{
			{"alice", chat.Account{Email: "alice@example.com", EmailVerified: true}},
			{"gus", chat.Account{Email: "gus@elsewhere.example", Guest: true}},
		} {
			o.enter(tt.handle)
			got, err := o.client.Account(o.Context(), chat.User{Platform: "teams", ID: "aad-" + tt.handle, Team: tenantID}, chat.PriorityNow)
			o.must(err)
			if got.Email != tt.want.Email || got.EmailVerified != tt.want.EmailVerified || got.Guest != tt.want.Guest || got.External || got.Bot {
				t.Errorf("%s: %+v", tt.handle, got)
			}
		}
		got, err := o.client.Account(o.Context(), chat.User{Platform: "teams", ID: "aad-alice", Team: "another"}, chat.PriorityNow)
		o.must(err)
		if !got.External {
			t.Error("somebody who claims another tenant is ours")
		}
		for _, u := range []chat.User{{Platform: "slack", ID: "aad-alice"}, {Platform: "teams"}, {Platform: "teams", ID: "aad-nobody"}} {
			if _, err := o.client.Account(o.Context(), u, chat.PriorityNow); chat.KindOf(err) != chat.ErrorGone {
				t.Errorf("%+v: %v", u, err)
			}
		}
		before := o.tenant.Count("member")
		for range 5 {
			_, err := o.client.Account(o.Context(), chat.User{Platform: "teams", ID: "aad-alice"}, chat.PriorityNow)
			o.must(err)
		}
		if n := o.tenant.Count("member"); n != before {
			t.Errorf("asked %d times more", n-before)
		}
		time.Sleep(time.Minute)
		_, err = o.client.Account(o.Context(), chat.User{Platform: "teams", ID: "aad-alice"}, chat.PriorityNow)
		o.must(err)
		if n := o.tenant.Count("member"); n != before+1 {
			t.Error("an old answer is believed")
		}
	})
}

func TestPeopleOfOtherTenantsAreTurnedAway(t *testing.T) {
	inOffice(t, func(o *office) {
		if err := o.tenant.As("mallory").Install(); err == nil {
			t.Error("somebody of another tenant was let in")
		}
		synctest.Wait()
		if len(o.book.all) != 0 {
			t.Errorf("contacts: %v", o.book.all)
		}
	})
}

func TestReaching(t *testing.T) {
	inOffice(t, func(o *office) {
		card := chat.Card{Title: "AR-1 asked", Fallback: "x"}
		post := func(to chat.Recipient) error {
			_, err := o.client.Post(o.Context(), to, card, chat.PriorityRequester)
			return err
		}
		gone := func(what string, err error) {
			t.Helper()
			if chat.KindOf(err) != chat.ErrorGone || err == nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		byMail, byID := chat.Recipient{Email: "alice@example.com"}, chat.Recipient{Email: "alice@example.com", ID: "aad-alice"}

		err := post(byMail)
		gone("has not installed the app", err)
		if !strings.Contains(err.Error(), "has not added the app") {
			t.Errorf("the operator is told: %v", err)
		}
		err = post(byID)
		gone("bound, has not installed the app", err)
		if !strings.Contains(err.Error(), "not installed") {
			t.Errorf("the operator is told: %v", err)
		}

		alice := o.enter("alice")
		o.must(post(byMail))
		o.must(post(byID))
		o.must(post(chat.Recipient{Email: "ALICE@example.com"}))
		gone("somebody else's address", post(chat.Recipient{Email: "bob@example.com"}))
		if n := len(alice.Messages()); n != 3 {
			t.Errorf("%d messages", n)
		}

		// An address that was taken away finds nobody, also if it was known before.
		o.must(o.book.SaveContact(o.Context(), Contact{Account: "aad-alice", Conversation: alice.Chat(), ServiceURL: o.tenant.ServiceURL(), Member: alice.Person.MRI(), Email: "old@example.com"}))
		time.Sleep(time.Hour)
		gone("an old address", post(chat.Recipient{Email: "old@example.com"}))

		// A guest gets no cards by address.
		o.enter("gus")
		gone("a guest", post(chat.Recipient{Email: "gus@elsewhere.example"}))

		o.must(alice.Uninstall())
		gone("took the app away", post(byMail))
	})
}

func TestSomebodyForWhomAnAdminInstalledTheApp(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		delete(o.book.all, "aad-bob") // the bot was not there to hear of it
		m, ref := o.askedByID(bob)
		if !strings.Contains(teamstest.Text(m.Card), "Access request AR-7") {
			t.Errorf("Bob reads %q", teamstest.Text(m.Card))
		}
		o.must(o.client.Update(o.Context(), ref, chat.Card{Title: "x", Fallback: "x"}, chat.PriorityApprover))
		if n := o.tenant.Count("open"); n != 1 {
			t.Errorf("opened %d times", n)
		}
	})
}

// askedByID posts the approver's card to a bound account.
func (o *office) askedByID(a *teamstest.Actor) (teamstest.Message, chat.MessageRef) {
	o.Helper()
	ref, err := o.client.Post(o.Context(), chat.Recipient{Email: a.Person.Email, ID: a.Person.ID}, approval(), chat.PriorityApprover)
	o.must(err)
	return o.last(a), ref
}

func TestAuditChannel(t *testing.T) {
	inOffice(t, func(o *office) {
		o.enter("alice")
		ref, err := o.client.PostAudit(o.Context(), chat.Card{Body: chat.T("AR-1 asked by Alice"), Fallback: "x"})
		o.must(err)
		if in := o.tenant.In(audit); len(in) != 1 || !strings.Contains(teamstest.Text(in[0].Card), "AR-1 asked by Alice") || ref.Message != in[0].ID {
			t.Errorf("in the channel: %+v", in)
		}
		o.client.audit = "19:elsewhere@thread.tacv2"
		_, err = o.client.PostAudit(o.Context(), chat.Card{Fallback: "x"})
		if chat.KindOf(err) != chat.ErrorGone || !strings.Contains(err.Error(), "teams.audit_conversation") {
			t.Errorf("a channel without the app: %v", err)
		}
		o.client.audit = ""
		if _, err = o.client.PostAudit(o.Context(), chat.Card{Fallback: "x"}); chat.KindOf(err) != chat.ErrorRefused {
			t.Errorf("no channel: %v", err)
		}
	})
}

func TestUpdateOfWhatIsNotThere(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, ref := o.asked(bob)
		o.tenant.Delete(bob.Chat(), m.ID)
		for _, r := range []chat.MessageRef{ref, {Platform: "slack", Channel: "C", Message: "1"}, {Platform: "teams", Channel: "x", Message: "1"}, {Platform: "teams", Channel: ref.Channel}} {
			if err := o.client.Update(o.Context(), r, approval(), chat.PriorityApprover); chat.KindOf(err) != chat.ErrorGone || err == nil {
				t.Errorf("%+v: %v", r, err)
			}
		}
	})
}
