package slacksim_test

import (
	"context"
	"fmt"

	"github.com/slack-go/slack"

	"apono/bot/slack/slacksim"
)

func Example() {
	ws := slacksim.New(slacksim.Options{
		Users: []slacksim.User{{ID: "U0ALICE001", Name: "alice", Email: "alice@example.com", TZ: "Europe/Berlin"}},
	})
	defer ws.Close()
	api := slack.New(ws.BotToken(), slack.OptionAPIURL(ws.APIURL()), slack.OptionHTTPClient(ws.HTTPClient()))

	ctx := context.Background()
	_, _, err := api.PostMessageContext(ctx, "U0ALICE001", slack.MsgOptionText("*Granted* until <!date^1767268800^{time}|noon> &lt;3", false))
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(ws.As("U0ALICE001").DMs()[0].Text)

	_, _, err = api.PostMessageContext(ctx, "U0ALICE001", slack.MsgOptionText("too fast", false))
	fmt.Println(err)
	fmt.Println(ws.RateLimited())
	// Output:
	// Granted until 1:00 PM <3
	// slack rate limit exceeded, retry after 1s
	// map[chat.postMessage:1]
}
