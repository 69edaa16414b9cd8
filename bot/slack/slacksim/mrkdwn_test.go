package slacksim

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPlain(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"U1": "Alice", "C1": "general", "S1": "dba"}
	name := func(id string) string { return names[id] }
	r := Reader{Location: berlin, User: name, Channel: name, Group: name, Now: time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)}
	for in, want := range map[string]string{
		"plain":                                             "plain",
		"a &lt;b&gt; &amp;amp; c":                           "a <b> &amp; c",
		"*bold* _it_ ~gone~":                                "bold it gone",
		"*a* *b* *c*":                                       "a b c",
		"*_both_*":                                          "both",
		"2 * 3 * 4, snake_case_name":                        "2 * 3 * 4, snake_case_name",
		"`code *stays* &lt;`":                               "code *stays* <",
		"```\nblock _x_\n```":                               "block _x_\n",
		"<@U1> and <@U2|bob>":                               "@Alice and @bob",
		"<#C1> <#C2|other> <#C3>":                           "#general #other #C3",
		"<!subteam^S1> <!subteam^S2|@ops>":                  "@dba @ops",
		"<!here> <!channel|channel> <!everyone>":            "@here @channel @everyone",
		"<https://x.test/?a=1&amp;b=2>":                     "https://x.test/?a=1&b=2",
		"<https://x.test|the site> <mailto:a@b>":            "the site a@b",
		"*<https://x.test|bold link>*":                      "bold link",
		"<!date^1767268800^{date_num} {time}|f>":            "2026-01-01 1:00 PM",
		"<!date^1767268800^{date_short_pretty}|f>":          "today",
		"<!date^1767355200^{date_pretty} at {time_secs}|f>": "tomorrow at 1:00:00 PM",
		"<!date^1767268800^{date_long}^https://x.test|f>":   "Thursday, January 1st, 2026",
		"<!date^nonsense^{date}|January 1st>":               "January 1st",
		"&lt;!channel&gt; &lt;@U1&gt;":                      "<!channel> <@U1>",
		"\U000F0000 private":                                "\U000F0000 private",
	} {
		if diff := cmp.Diff(want, Plain(in, r)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
	if got := Plain("<@U1> <!date^0^{date_num}|x>", Reader{}); got != "@U1 1970-01-01" {
		t.Errorf("an empty reader: %q", got)
	}
}

func TestBroadcasts(t *testing.T) {
	for in, want := range map[string][]string{
		"hi <!channel> <!here|here> <!everyone>": {"channel", "here", "everyone"},
		"&lt;!channel&gt; @channel":              nil,
		"< !channel>":                            nil,
	} {
		if diff := cmp.Diff(want, LiveBroadcasts(in)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
	o := world()
	o.NoRateLimits = true
	w := open(t, o)
	for _, r := range []struct {
		name string
		args map[string]string
		want []string
	}{
		{"text", map[string]string{"text": "<!here>"}, []string{"here"}},
		{"escaped", map[string]string{"text": "&lt;!here&gt;"}, nil},
		{"mrkdwn block", map[string]string{"text": "t", "blocks": `[` + section("<!channel>") + `]`}, []string{"channel"}},
		{"plain block", map[string]string{"text": "t", "blocks": `[{"type":"section","text":` + plain("<!channel>") + `}]`}, nil},
		{"field", map[string]string{"text": "t", "blocks": `[{"type":"section","fields":[{"type":"mrkdwn","text":"<!everyone>"}]}]`}, []string{"everyone"}},
		{"rich text broadcast", map[string]string{"text": "t", "blocks": `[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"broadcast","range":"here"}]}]}]`}, []string{"here"}},
		{"rich text that looks like one", map[string]string{"text": "t", "blocks": `[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"<!here>"}]}]}]`}, nil},
		{"attachment", map[string]string{"text": "t", "attachments": `[{"text":"<!here>"}]`}, []string{"here"}},
		{"link_names", map[string]string{"text": "@channel", "link_names": "1"}, []string{"channel"}},
		{"no link_names", map[string]string{"text": "@channel"}, nil},
	} {
		r.args["channel"] = "C0GENERAL1"
		if out := post(t, w, "chat.postMessage", r.args); out["ok"] != true {
			t.Fatalf("%s: %v", r.name, out)
		}
		all := w.Messages("#general")
		if diff := cmp.Diff(r.want, all[len(all)-1].Broadcasts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.name, diff)
		}
	}
}

func TestDatesInTheReadersZone(t *testing.T) {
	w := open(t, world())
	post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "until <!date^1767268800^{time}|noon>"})
	if got := w.As("U0ALICE001").Messages("#general")[0].Text; got != "until 1:00 PM" {
		t.Errorf("in Berlin: %q", got)
	}
	if got := w.As("U0BOB00001").Messages("#general")[0].Text; got != "until 12:00 PM" {
		t.Errorf("in UTC: %q", got)
	}
	if got := w.As("U0ALICE001").Messages("#secret"); got != nil {
		t.Errorf("a channel without membership: %+v", got)
	}
}
