package slack

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	slackgo "github.com/slack-go/slack"

	"apono/bot/chat"
	"apono/bot/platform/platformtest"
	"apono/bot/slack/slacksim"
)

// board is what the homes in these tests show.
type board struct {
	text  atomic.Value // string
	drawn atomic.Int64
}

func (b *board) say(s string) { b.text.Store(s) }

func (b *board) home(_ context.Context, q chat.HomeQuery) chat.Home {
	b.drawn.Add(1)
	text, _ := b.text.Load().(string)
	return chat.Home{
		Page: q.Page, Of: []string{strings.ToLower(q.User.ID) + "@example.com"},
		Actions: []chat.Action{{ID: chat.ActionRequest, Label: "Request access"}},
		Groups: []chat.Group{{
			Title: "My access", Entries: []chat.Section{{
				Title: text, Fields: []chat.Field{{Label: "Page", Value: chat.T(q.Page)}},
				Actions: []chat.Action{{ID: chat.ActionEndAccess, Label: "End access", Target: chat.Target{Request: "AR-1"}}},
			}},
			Actions: []chat.Action{{ID: chat.ActionPage, Label: "Next page", Target: chat.Target{Item: "access:7"}}},
		}},
	}
}

func (r *rig) homeOf(user string) slacksim.View {
	r.t.Helper()
	synctest.Wait()
	v, ok := r.As(user).Home()
	if !ok {
		r.t.Fatalf("%s has no home\n%s", user, r.log)
	}
	return v
}

func TestHomeIsDrawnWhenOpenedAndAfterChanges(t *testing.T) {
	b := &board{}
	b.say("first")
	story(t, world(), &service{home: b.home}, func(r *rig) {
		r.must(r.As(alice).OpenMessages())
		synctest.Wait()
		if _, ok := r.As(alice).Home(); ok {
			t.Error("opening the messages draws the home")
		}
		r.must(r.As(alice).OpenHome())
		contains(t, r.homeOf(alice).String(), "Request access", "My access", "first")

		// Nothing has changed, so nothing is sent.
		r.must(r.As(alice).OpenHome())
		synctest.Wait()
		if n := len(r.Calls("views.publish")); n != 1 {
			t.Errorf("%d calls for a home that is up to date", n)
		}

		// Many changes are drawn once, and those of others not at all.
		b.say("second")
		for range 50 {
			r.adapter.Touch(strings.ToLower(alice) + "@example.com")
		}
		r.adapter.Touch("somebody@example.com")
		time.Sleep(2 * homePause)
		contains(t, r.homeOf(alice).String(), "second")
		if n := len(r.Calls("views.publish")); n != 2 {
			t.Errorf("%d calls after two versions", n)
		}

		// A page stays turned while things change, and is left when the tab is opened anew.
		r.must(r.As(alice).Click(r.ctx, r.homeOf(alice), "Next page"))
		contains(t, r.homeOf(alice).String(), "Page: access:7")
		b.say("third")
		r.adapter.Touch(strings.ToLower(alice) + "@example.com")
		time.Sleep(2 * homePause)
		contains(t, r.homeOf(alice).String(), "third", "Page: access:7")
		if len(r.service.clicked()) > 0 {
			t.Error("turning a page is no press for the service")
		}
		r.must(r.As(alice).OpenHome())
		if s := r.homeOf(alice).String(); strings.Contains(s, "access:7") {
			t.Errorf("still on the page: %s", s)
		}

		// Long after somebody looked, nothing is drawn for them.
		time.Sleep(homeLife + time.Minute)
		before := b.drawn.Load()
		r.adapter.Touch(strings.ToLower(alice) + "@example.com")
		time.Sleep(2 * homePause)
		if b.drawn.Load() != before {
			t.Error("drawn for nobody")
		}
	})
}

// TestHomeOfAnotherProcess: a home that somebody else has published meanwhile is not
// taken for our own, and ends as things are.
func TestHomeOfAnotherProcess(t *testing.T) {
	b := &board{}
	b.say("ours")
	story(t, world(), &service{home: b.home}, func(r *rig) {
		other := slackgo.New(r.BotToken(), slackgo.OptionAPIURL(r.APIURL()), slackgo.OptionHTTPClient(r.HTTPClient()))
		publish := func() {
			view := RenderHome(chat.Home{Notes: []chat.Text{chat.T("theirs")}}).View
			_, err := other.PublishViewContext(r.ctx, slackgo.PublishViewContextRequest{UserID: alice, View: view})
			r.must(err)
		}
		publish()
		r.must(r.As(alice).OpenHome())
		contains(t, r.homeOf(alice).String(), "ours")
		publish()
		r.must(r.As(alice).OpenHome()) // the same content as we published before
		contains(t, r.homeOf(alice).String(), "ours")
		publish()
		b.say("newer")
		r.adapter.Touch(strings.ToLower(alice) + "@example.com")
		time.Sleep(2 * homePause)
		contains(t, r.homeOf(alice).String(), "newer")
	})
}

// TestPressOnHome: the press is committed like any other, the page is redrawn as the
// answer, and words come in a dialog, for no message can be shown there.
func TestPressOnHome(t *testing.T) {
	b := &board{}
	b.say("held")
	words := chat.Answer{}
	s := &service{home: b.home, click: func(context.Context, chat.Click) chat.Answer { b.say("ended"); return words }}
	story(t, world(), s, func(r *rig) {
		r.must(r.As(alice).OpenHome())
		r.must(r.As(alice).Click(r.ctx, r.homeOf(alice), "End access"))
		contains(t, r.homeOf(alice).String(), "ended")
		if r.inbox.Received() != 1 || r.inbox.Left() != 0 {
			t.Errorf("%d presses were committed, %d are undone", r.inbox.Received(), r.inbox.Left())
		}
		words = chat.Say("AR-1 is over already.")
		r.must(r.As(alice).Click(r.ctx, r.homeOf(alice), "End access"))
		synctest.Wait()
		v, ok := r.As(alice).View()
		if !ok || len(r.As(alice).DMs()) > 0 {
			t.Fatalf("no dialog, messages: %v", r.As(alice).DMs())
		}
		contains(t, v.String(), "AR-1 is over already.")
	})
}

// TestHomesUnderPressure: 300 homes become old again and again while people open
// dialogs. Slack never has to refuse a call, whoever waits is not held up, and in the
// end every home is true.
func TestHomesUnderPressure(t *testing.T) {
	const people = 300
	o := world()
	for i := range people {
		o.Users = append(o.Users, slacksim.User{ID: fmt.Sprintf("U%08d", i), Name: fmt.Sprint("p", i), Email: fmt.Sprintf("p%d@example.com", i)})
	}
	b := &board{}
	b.say("version 0")
	s := &service{home: b.home, command: func(context.Context, chat.Command) chat.Answer {
		form := chat.Form{ID: chat.FormNotice, Title: "Hello", Close: "Close", Parts: []chat.Part{{Kind: chat.PartText, Text: chat.T("there")}}}
		return chat.Answer{Open: &form}
	}}
	story(t, o, s, func(r *rig) {
		var all []string
		for i := range people {
			id := fmt.Sprintf("U%08d", i)
			all = append(all, strings.ToLower(id)+"@example.com")
			r.must(r.As(id).OpenHome())
			time.Sleep(2 * time.Second)
		}
		for v := range 20 {
			b.say(fmt.Sprint("version ", v+1))
			r.adapter.Touch(all...)
			time.Sleep(10 * time.Second)
		}
		began := time.Now()
		_, err := r.As(alice).Slash(r.ctx, "#general", "/apono", "")
		r.must(err)
		r.must(r.As(alice).OpenHome())
		contains(t, r.homeOf(alice).String(), "version 20")
		if _, ok := r.As(alice).View(); !ok || time.Since(began) > time.Second {
			t.Errorf("whoever waits is held up: %s", time.Since(began))
		}
		time.Sleep(11 * time.Minute)
		for i := range people {
			contains(t, r.homeOf(fmt.Sprintf("U%08d", i)).String(), "version 20")
		}
		if n := r.RateLimited(); len(n) > 0 {
			t.Errorf("Slack refused calls: %v", n)
		}
	})
}

// busyHome has text in every place.
func busyHome(text string, groups, entries int) chat.Home {
	card := filled(text, 2)
	h := chat.Home{Actions: card.Actions, Page: "access:7"}
	for i := range groups {
		g := chat.Group{Title: fmt.Sprintf("Group %d %s", i, text), Empty: text, Actions: []chat.Action{{ID: chat.ActionPage, Label: text, Target: chat.Target{Item: "access:7"}}}}
		for range entries {
			s := card.Sections[len(card.Sections)-1]
			s.Actions = card.Actions[:2]
			g.Entries = append(g.Entries, s)
		}
		h.Groups = append(h.Groups, g)
	}
	h.Notes = card.Notes
	return h
}

// takes has the strict Slack judge a home.
func takes(t *testing.T, h chat.Home) HomeView {
	t.Helper()
	v := RenderHome(h)
	raw := platformtest.Pretty(t, v.View)
	for _, problem := range slacksim.CheckHome(raw) {
		t.Errorf("Slack refuses it: %s", problem)
	}
	return v
}

func TestHomeKeepsSlacksLimits(t *testing.T) {
	for i, text := range nasty {
		for _, size := range [][2]int{{0, 0}, {1, 0}, {8, 5}, {3, 40}, {20, 2}} {
			t.Run(fmt.Sprintf("%d/%v", i, size), func(t *testing.T) {
				h := busyHome(text, size[0], size[1])
				v := takes(t, h)
				if drawn := len(v.View.Blocks.BlockSet); size[0]*size[1] > 100 && (len(v.Dropped) == 0 || drawn < 20) {
					t.Errorf("%d blocks, dropped %v", drawn, v.Dropped)
				}
			})
		}
	}
}

func FuzzHome(f *testing.F) {
	for _, text := range nasty {
		f.Add(text, uint8(3), uint8(5))
	}
	f.Fuzz(func(t *testing.T, text string, groups, entries uint8) {
		takes(t, busyHome(text, int(groups%50), int(entries)))
	})
}

// TestRenderHome shows what is sent.
func TestRenderHome(t *testing.T) {
	h := busyHome("orders", 2, 1)
	h.Groups = append(h.Groups, chat.Group{Title: "Favorites", Empty: "Nothing yet."})
	v := takes(t, h)
	if len(v.Dropped) > 0 {
		t.Errorf("dropped %v", v.Dropped)
	}
	platformtest.Golden(t, "home.json", platformtest.Pretty(t, v.View))
}
