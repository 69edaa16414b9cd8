package slack

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"apono/bot/chat"
)

// TestNoteWithTimeAndWords: what a person typed reads as they typed it, and the moment
// beside it is in the reader's time zone, whatever they typed.
func TestNoteWithTimeAndWords(t *testing.T) {
	decided := func(reason string) chat.Text {
		return chat.Text{
			chat.Plain("Approved by "), chat.Person("Bob", "bob@example.com"), chat.Plain(" "), chat.At(moment), chat.Plain(": "), chat.Plain(reason),
		}
	}
	const date = "<!date^1777887000^{date_short_pretty} at {time}|2026-05-04 09:30 UTC>"
	head := "mrkdwn: Approved by Bob (bob@example.com) " + date + ":"
	long := strings.Repeat("x", 700)
	for name, c := range map[string]struct {
		note chat.Text
		want []string
	}{
		"ordinary":        {decided("go"), []string{head + " go"}},
		"formatting":      {decided("see *this*, _that_, ~no~, `x` > y"), []string{head, "plain_text: see *this*, _that_, ~no~, `x` > y"}},
		"a shortcode":     {decided("ship it :tada:"), []string{head, "plain_text: ship it :tada:"}},
		"escapes":         {decided("a & b <!channel>"), []string{head, "plain_text: a & b <!channel>"}},
		"lines":           {decided("one_two\nthree"), []string{head, "plain_text: one_two\nthree"}},
		"long":            {decided(long), []string{head + " " + strings.Repeat("x", 543) + "…"}},
		"long and marked": {decided("_" + long), []string{head, "plain_text: _" + strings.Repeat("x", 542) + "…"}},
		"in the address": {
			chat.Text{chat.Plain("Denied by "), chat.Person("Al", "al_b@example.com"), chat.Plain(" "), chat.At(moment), chat.Plain(", "), chat.Bold("1h instead of 2h"), chat.Plain(": "), chat.Plain("no_way")},
			[]string{"plain_text: Denied by Al (al_b@example.com)", "mrkdwn: " + date + ", *1h instead of 2h*:", "plain_text: no_way"},
		},
		"a shortcode of two": {chat.Text{chat.At(moment), chat.Plain(" :ta"), chat.Plain("da: ")}, []string{"mrkdwn: " + date + " :ta", "plain_text: da:"}},
		"no time":            {chat.Text{chat.Bold("Still needed: "), chat.Plain("db_admins")}, []string{"plain_text: Still needed: db_admins"}},
		"nothing":            {chat.Text{chat.Plain(" ")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			card := chat.Card{Title: "AR-1", Notes: []chat.Text{c.note}, Fallback: "AR-1"}
			form := chat.Form{ID: chat.FormNotice, Title: "AR-1", Close: "Close", Parts: []chat.Part{{Kind: chat.PartNote, Text: c.note}}}
			if diff := cmp.Diff(c.want, noted(RenderCard(card).Blocks)); diff != "" {
				t.Errorf("on a card (-want +got):\n%s", diff)
			}
			newTaker(t).card(t, card)
			view, err := RenderForm(form)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(name, "long") || name == "nothing" {
				return // a dialog holds more, and is never empty
			}
			if diff := cmp.Diff(c.want, noted(view.Blocks.BlockSet)); diff != "" {
				t.Errorf("in a dialog (-want +got):\n%s", diff)
			}
		})
	}
}

// noted are the elements of the one note among the blocks.
func noted(blocks []slack.Block) (out []string) {
	for _, b := range blocks {
		c, ok := b.(*slack.ContextBlock)
		if !ok {
			continue
		}
		for _, e := range c.ContextElements.Elements {
			o, ok := e.(*slack.TextBlockObject)
			if ok && !strings.HasPrefix(o.Text, "Some of the text") {
				out = append(out, o.Type+": "+o.Text)
			}
		}
	}
	return out
}
