package slacksim

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// approvals is a tiny approval bot: /ask opens a form, its submission sends a card to Bob, his click redraws it.
func approvals(a *app, ev socketmode.Event) any {
	switch data := ev.Data.(type) {
	case slack.SlashCommand:
		in := slack.NewPlainTextInputBlockElement(nil, "why")
		in.InitialValue = data.Text
		go func() {
			_, _ = a.OpenView(data.TriggerID, slack.ModalViewRequest{
				Type: slack.VTModal, Title: plainText("Ask"), Submit: plainText("Send"), CallbackID: "ask",
				Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewInputBlock("why", plainText("Why"), nil, in)}},
			})
		}()
	case slack.InteractionCallback:
		switch data.Type {
		case slack.InteractionTypeViewSubmission:
			why := data.View.State.Values["why"]["why"].Value
			if why == "no" {
				return slack.NewErrorsViewSubmissionResponse(map[string]string{"why": "Say more."})
			}
			go func() {
				ch, _, _, err := a.OpenConversation(&slack.OpenConversationParameters{Users: []string{"U0BOB00001"}})
				if err == nil {
					_, _, _ = a.PostMessage(ch.ID, slack.MsgOptionText("Alice asks", true), slack.MsgOptionBlocks(
						slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, "*Alice* asks: "+escaping.Replace(why), false, false), nil, nil),
						slack.NewActionBlock("act", slack.NewButtonBlockElement("approve", "AR-1", plainText("Approve"))),
					))
				}
			}()
		case slack.InteractionTypeBlockActions:
			go func() {
				_, _, _, _ = a.UpdateMessage(data.Channel.ID, data.Message.Timestamp, slack.MsgOptionText("Approved", true),
					slack.MsgOptionBlocks(slack.NewSectionBlock(plainText("Approved by "+data.User.Name), nil, nil)))
			}()
		}
	}
	return nil
}

func TestApprovalStory(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		a := connect(ctx, t, w, approvals)
		synctest.Wait()
		alice, bob := w.As("U0ALICE001"), w.As("U0BOB00001")
		if _, err := alice.Slash(ctx, "#general", "/ask", "prod"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		v, ok := alice.View()
		if !ok {
			t.Fatalf("no view; log %+v", w.Log())
		}
		if f, _ := v.Field("Why"); !cmp.Equal(f.Values, []string{"prod"}) {
			t.Errorf("prefilled %v", f.Values)
		}
		if err := alice.Type(ctx, v, "Why", "no"); err != nil {
			t.Fatal(err)
		}
		sub, err := alice.Submit(ctx, v)
		if diff := cmp.Diff(Submission{Errors: map[string]string{"Why": "Say more."}}, sub); diff != "" || err != nil {
			t.Fatalf("submit (-want +got) %s %v", diff, err)
		}
		if err := alice.Type(ctx, v, "Why", "INC-12 <!channel> *burns*"); err != nil {
			t.Fatal(err)
		}
		if sub, err = alice.Submit(ctx, v); err != nil || !sub.Closed {
			t.Fatalf("submit: %+v %v", sub, err)
		}
		synctest.Wait()
		dms := bob.DMs()
		if len(dms) != 1 {
			t.Fatalf("bob's messages: %+v", dms)
		}
		if want := "Alice asks: INC-12 <!channel> burns"; dms[0].Text != want {
			t.Errorf("card reads %q, want %q", dms[0].Text, want)
		}
		if len(dms[0].Broadcasts) > 0 {
			t.Errorf("live broadcasts %v", dms[0].Broadcasts)
		}
		if err := bob.Click(ctx, dms[0], "Approve"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		after := bob.DMs()[0]
		if after.Text != "Approved by bob" || !after.Edited || len(after.Labels()) > 0 {
			t.Errorf("after approval: %+v", after)
			for _, c := range w.Calls("") {
				t.Logf("%s %v -> %s", c.Method, c.Args, c.Answer)
			}
		}
		if err := bob.Click(ctx, dms[0], "Approve"); err == nil {
			t.Error("a button that was edited away could be pressed")
		}
		if vs := w.Violations(); len(vs) > 0 {
			t.Errorf("violations %+v", vs)
		}
		want := []string{"slash_commands", "view_submission", "view_submission", "message", "block_actions", "message/message_changed"}
		if diff := cmp.Diff(want, a.seen()); diff != "" {
			t.Errorf("envelopes (-want +got):\n%s", diff)
		}
	})
}

func TestVirtualHours(t *testing.T) {
	began := time.Now()
	o := world()
	o.ConnectionLifetime = -1
	bubble(t, o, func(t *testing.T, ctx context.Context, w *Workspace) {
		a := connect(ctx, t, w, nil)
		time.Sleep(24 * time.Hour)
		if _, err := w.As("U0ALICE001").Send("#general", "still there?"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := a.seen(); !slices.Equal(got, []string{"message"}) {
			t.Errorf("got %v", got)
		}
		opened := 0
		for _, e := range w.Log() {
			if e.Kind == "socket" && e.Method == "hello" {
				opened++
			}
		}
		if opened != 1 {
			t.Errorf("%d connections in a day without refresh", opened)
		}
	})
	if d := time.Since(began); d > 2*time.Minute {
		t.Errorf("a virtual day took %v", d)
	}
}

func TestConnectionsAreRefreshed(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		a := connect(ctx, t, w, nil)
		time.Sleep(5*time.Hour + 30*time.Minute)
		var reasons []string
		for _, e := range w.Log() {
			if e.Method == "disconnect" {
				reasons = append(reasons, e.Args.(obj)["reason"].(string))
			}
		}
		if len(reasons) < 5 || slices.ContainsFunc(reasons, func(s string) bool { return s != "warning" }) {
			t.Errorf("slack-go leaves at the warning, hourly; got %v", reasons)
		}
		if w.Sockets() != 1 {
			t.Errorf("%d sockets", w.Sockets())
		}
		_ = a
	})
}
