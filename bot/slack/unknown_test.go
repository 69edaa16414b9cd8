package slack

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"

	"apono/bot/chat"
	"apono/bot/slack/slacksim"
)

// TestPressThatCannotBeReadIsAnswered: a message that another version posted carries
// buttons whose values this one cannot read. Whoever presses is told, like any other.
func TestPressThatCannotBeReadIsAnswered(t *testing.T) {
	for name, value := range map[string]string{"not JSON": "AR-1", "JSON of something else": `["AR-1"]`, "cut": `{"r":"AR-`} {
		t.Run(name, func(t *testing.T) {
			story(t, world(), &service{}, func(r *rig) {
				channel := r.post(bob, approval()).Channel
				time.Sleep(2 * time.Second) // a channel takes a message a second
				button := slack.NewButtonBlockElement(string(chat.ActionApprove), value, slack.NewTextBlockObject(slack.PlainTextType, "Approve", false, false))
				_, ts, err := slack.New(r.BotToken(), slack.OptionAPIURL(r.APIURL()), slack.OptionHTTPClient(r.HTTPClient())).
					PostMessageContext(r.ctx, channel, slack.MsgOptionText("Access request AR-1", false), slack.MsgOptionBlocks(slack.NewActionBlock("", button)))
				r.must(err)
				r.must(r.As(bob).Click(r.ctx, messageAt(r, ts), "Approve"))
				synctest.Wait()
				r.wantTold(bob, chat.OtherVersion)
				if r.inbox.Received() != 0 {
					t.Error("it was committed")
				}
			})
		})
	}
}

func messageAt(r *rig, ts string) slacksim.Message {
	for _, m := range r.As(bob).DMs() {
		if m.TS == ts {
			return m
		}
	}
	r.t.Fatal("the message is not there")
	return slacksim.Message{}
}
