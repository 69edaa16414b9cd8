package slack

import (
	"context"
	"testing"
	"testing/synctest"

	slackgo "github.com/slack-go/slack"

	"apono/bot/chat"
)

// TestShortcuts: both are the command, and that on a message leads back to it by the
// address that Slack itself gives.
func TestShortcuts(t *testing.T) {
	var got []chat.Command
	answer := chat.Answer{Open: &chat.Form{ID: chat.FormNotice, Title: "Request access", Close: "Close", Parts: []chat.Part{{Kind: chat.PartText, Text: chat.T("here")}}}}
	s := &service{}
	s.command = func(_ context.Context, c chat.Command) chat.Answer {
		s.note(func() { got = append(got, c) })
		return answer
	}
	story(t, world(), s, func(r *rig) {
		api := slackgo.New(r.BotToken(), slackgo.OptionAPIURL(r.APIURL()), slackgo.OptionHTTPClient(r.HTTPClient()))
		r.must(r.As(alice).Shortcut(r.ctx, shortcutRequest))
		synctest.Wait()
		v, ok := r.As(alice).View()
		if !ok {
			t.Fatal("no dialog opens")
		}
		contains(t, v.String(), "Request access", "here")
		r.must(r.As(alice).CloseAll(r.ctx))

		m, err := r.As(bob).Send("#other", "the door is stuck")
		if err == nil {
			t.Fatal("Bob is in a channel of Alice")
		}
		m, err = r.As(bob).Send("#general", "the door is stuck")
		r.must(err)
		link, err := api.GetPermalinkContext(r.ctx, &slackgo.PermalinkParameters{Channel: m.Channel, Ts: m.TS})
		r.must(err)
		r.must(r.As(alice).MessageShortcut(r.ctx, m, shortcutMessage))
		synctest.Wait()
		if len(got) != 2 || got[0].About != "" || got[1].About != link || got[0].Text != "request" || got[1].User.ID != alice {
			t.Errorf("got %+v, the message is at %s", got, link)
		}
		r.must(r.As(alice).CloseAll(r.ctx))

		// Words come in a dialog where there is no conversation, else beside the message.
		answer = chat.Say("Guests cannot use this.")
		r.must(r.As(alice).Shortcut(r.ctx, shortcutRequest))
		synctest.Wait()
		v, ok = r.As(alice).View()
		if !ok {
			t.Fatal("no dialog with the words")
		}
		contains(t, v.String(), "Guests cannot use this.")
	})
}

func TestPermalinksAreOfSlackOnly(t *testing.T) {
	for _, tt := range []struct{ domain, channel, ts, thread, want string }{
		{"acme", "C1", "1700000000.123456", "", "https://acme.slack.com/archives/C1/p1700000000123456"},
		{"acme", "C1", "1700000000.123456", "1700000000.000001", "https://acme.slack.com/archives/C1/p1700000000123456?thread_ts=1700000000.000001&cid=C1"},
		{"acme", "C1", "1700000000.123456", "1700000000.123456", "https://acme.slack.com/archives/C1/p1700000000123456"},
		{"evil.example/", "C1", "1700000000.123456", "", ""},
		{"acme", "../C1", "1700000000.123456", "", ""},
		{"acme", "C1", "17?x=1", "", ""},
		{"", "", "", "", ""},
	} {
		var in interaction
		in.Team.Domain, in.Channel.ID, in.Message.TS, in.Message.ThreadTS = tt.domain, tt.channel, tt.ts, tt.thread
		if got := in.permalink(); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}
