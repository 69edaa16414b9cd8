package slack

import (
	"encoding/json"
	"strings"
	"testing"

	"apono/bot/chat"
	"apono/bot/slack/slacksim"
)

// A secret is shown once and erased: whatever is lost on the way to the screen is
// lost for good.
func TestVerbatimKeepsEveryCharacter(t *testing.T) {
	for name, secret := range map[string]string{
		"white space": "a  b\tc\n\nd\u00a0 ",
		"a long key":  "-----BEGIN KEY-----\n" + strings.Repeat("Zm9vYmFy\n", 700) + "-----END KEY-----\n",
		"emoji":       strings.Repeat("\U0001f511", 3000),
		"markup":      "*b* <!channel> `x` &amp;",
	} {
		t.Run(name, func(t *testing.T) {
			view, err := RenderForm(chat.Form{ID: chat.FormCredentials, Title: "Credentials", Close: "Close", Parts: []chat.Part{
				{Kind: chat.PartText, Text: chat.Text{chat.Bold("key")}}, {Kind: chat.PartVerbatim, Value: secret},
			}})
			if err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(view)
			if err != nil {
				t.Fatal(err)
			}
			if problems := slacksim.CheckModal(raw); len(problems) > 0 {
				t.Errorf("Slack would refuse it: %v", problems)
			}
			var parsed struct {
				Blocks []struct {
					Elements []struct {
						Type     string
						Elements []struct{ Text string }
					}
				}
			}
			if err := json.Unmarshal(raw, &parsed); err != nil {
				t.Fatal(err)
			}
			var shown strings.Builder
			for _, b := range parsed.Blocks {
				for _, e := range b.Elements {
					for _, x := range e.Elements {
						if e.Type == "rich_text_preformatted" {
							shown.WriteString(x.Text)
						}
					}
				}
			}
			if shown.String() != secret {
				t.Errorf("shown %d bytes of %d, or others", shown.Len(), len(secret))
			}
		})
	}
}
