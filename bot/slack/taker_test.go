package slack

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"apono/bot/chat"
	"apono/bot/platform"
	"apono/bot/platform/platformtest"
	"apono/bot/slack/slacksim"
)

// taker asks the simulated Slack whether it takes a card or form.
type taker struct {
	w    *slacksim.Workspace
	api  *slack.Client
	ref  [2]string // channel and ts of a message
	view string
}

func newTaker(t testing.TB) *taker {
	t.Helper()
	o := world()
	o.NoRateLimits, o.LogSize = true, 10
	k := &taker{w: slacksim.New(o)}
	t.Cleanup(k.w.Close)
	k.api = slack.New(k.w.BotToken(), slack.OptionAPIURL(k.w.APIURL()), slack.OptionHTTPClient(k.w.HTTPClient()))
	channel, ts, err := k.api.PostMessageContext(t.Context(), "C0GENERAL1", slack.MsgOptionText("first", false))
	if err != nil {
		t.Fatal(err)
	}
	k.ref = [2]string{channel, ts}
	return k
}

// card draws the card over a message and checks what has to hold for every card.
func (k *taker) card(t *testing.T, card chat.Card) slacksim.Message {
	t.Helper()
	_, _, _, err := k.api.UpdateMessageContext(t.Context(), k.ref[0], k.ref[1], messageOptions(card)...)
	if err != nil {
		t.Fatalf("refused: %v\n%s", classify("chat.update", true, err), platformtest.Pretty(t, RenderCard(card).Blocks))
	}
	m, ok := k.w.Message(k.ref[0], k.ref[1])
	if !ok {
		t.Fatal("the message is gone")
	}
	if len(m.Broadcasts) > 0 {
		t.Errorf("the card calls %v", m.Broadcasts)
	}
	if card.Title != "" {
		title, _ := cut(line(card.Title), maxHeader)
		contains(t, m.Text, title)
	}
	if len(card.Sections) > 0 && len(card.Sections[0].Fields) > 1 && strings.HasPrefix(card.Fallback, "asks") {
		contains(t, m.Text, "Requested by:", "Alice", "Justification:", "because")
	}
	labels := map[string]bool{}
	for _, l := range m.Labels() {
		labels[l] = true
	}
	for _, a := range card.Actions[:min(2, len(card.Actions))] {
		if !labels[a.Label] {
			t.Errorf("no button %q among %v", a.Label, m.Labels())
		}
	}
	return m
}

// form draws the form over an open dialog.
func (k *taker) form(t *testing.T, form chat.Form) {
	t.Helper()
	view, err := RenderForm(form)
	if err != nil {
		t.Fatal(err)
	}
	if k.view == "" {
		t.Fatal("no dialog is open")
	}
	if _, err := k.api.UpdateViewContext(t.Context(), view, "", "", k.view); err != nil {
		t.Fatalf("refused: %v\n%s", classify("views.update", true, err), platformtest.Pretty(t, view))
	}
}

// openDialog lets Alice open a dialog through a bot, so that there is one to redraw.
func (k *taker) openDialog(t testing.TB) {
	t.Helper()
	s := &service{command: func(context.Context, chat.Command) chat.Answer {
		return chat.Answer{Open: &chat.Form{ID: chat.FormNotice, Title: "Open", Close: "Close"}}
	}}
	o := Options{AppToken: platform.Token(k.w.AppToken()), BotToken: platform.Token(k.w.BotToken()), APIURL: k.w.APIURL(), HTTP: k.w.HTTPClient(), Dialer: k.w.Dialer(), Log: slog.New(slog.DiscardHandler)}
	client, err := NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	adapter, err := NewAdapter(o, client, s, platformtest.NewInbox())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- adapter.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	if err := k.w.Wait(t.Context(), func() bool { return k.w.Sockets() > 0 }); err != nil {
		t.Fatal(err)
	}
	if _, err := k.w.As(alice).Slash(t.Context(), "#general", "/apono", ""); err != nil {
		t.Fatal(err)
	}
	opened := func() bool {
		v, ok := k.w.As(alice).View()
		k.view = v.ID
		return ok
	}
	if err := k.w.Wait(t.Context(), opened); err != nil {
		t.Fatal(err)
	}
}
