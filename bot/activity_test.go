package bot_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/chat"
)

// listedIDs are the requests that a list shows.
func listedIDs(a chat.Answer) (out []string) {
	if a.Private == nil {
		return nil
	}
	for _, s := range a.Private.Sections {
		id, _, _ := strings.Cut(s.Title, ":")
		out = append(out, id)
	}
	return out
}

func TestActivity(t *testing.T) {
	o := newOffice(t)
	o.person("eve").TimeZone = "Europe/Berlin"
	o.change()
	now := time.Now()
	o.Now = func() time.Time { return now }
	for i := range 3 {
		o.ask(fmt.Sprint(i))
	}
	now = now.Add(72 * time.Hour)
	o.ask("later")
	o.activate("AR-4")
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	today := now.In(berlin).Format(time.DateOnly)
	for _, c := range []struct {
		typed string
		want  string // ids, or what is said
	}{
		{"", "AR-4 AR-3 AR-2 AR-1"},
		{"Alice@Example.com", "AR-4 AR-3 AR-2 AR-1"},
		{"@alice in PG status active", "AR-4"},
		{"of Alice pending", "AR-3 AR-2 AR-1"},
		{"bob@example.com", ""},
		{"gone@example.com", ""},
		{"pg last 2d", "AR-4"},
		{"to " + now.Add(-time.Hour).Format(time.RFC3339), "AR-3 AR-2 AR-1"},
		{"from " + today + " to " + today, "AR-4"},
		{"status timed out", ""},
		{"in gone-tool", ""},
		{"status lost", `There is no status "lost"; there are pending, approved,`},
		{"alice in PG status active", "AR-4"},
		{"alice bob", "There are two people; please name one."},
		{"alice@example.com, status Active, last 7 days", "AR-4"},
		{"“alice@example.com” last 2 weeks", "AR-4 AR-3 AR-2 AR-1"},
		{"alice@example.com,bob@example.com", "There are two people; please name one."},
		{"last 2 elephants", `I did not understand "elephants"`},
		{"sesame", `I did not understand "sesame". Please write for example: activity alice@example.com`},
		{"today", "AR-4"},
		{"from yesterday", "AR-4"},
		{"yesterday", ""},
		{"last day", "AR-4"},
		{"last week alice", "AR-4 AR-3 AR-2 AR-1"},
		{"today yesterday", "There are two beginnings; please name one."},
		{"person nobody", `I know nobody called "nobody". Please write the e-mail address.`},
		{"@alice @bob", "There are two people; please name one."},
		{"last 2d from 2026-01-01", "There are two beginnings"},
		{"in", `Something is missing after "in".`},
		{"in a;b", `"a;b" is not the name of an integration`},
		{"from someday", `"someday" is not a day such as 2026-01-31.`},
		{"from 2026-02-01 to 2026-01-01", "The period ends before it begins."},
		{"<@U0NOBODY>", "I cannot tell whose account that is."},
	} {
		a := o.command("eve", "activity "+c.typed)
		ids := strings.Join(listedIDs(a), " ")
		ok := ids == c.want && (ids != "" || strings.Contains(said(a), "Nothing to show"))
		if !ok && (c.want == "" || !strings.Contains(said(a), c.want)) {
			t.Errorf("%q is answered with %q, %q; want %q", c.typed, ids, said(a), c.want)
		}
	}
	if got := said(o.Command(t.Context(), chat.Command{User: chat.User{Platform: "teams", ID: "alice"}, Text: "activity"})); !strings.Contains(got, "everybody asked for. apono requests") {
		t.Errorf("in Teams Alice is told %q", got)
	}
	for _, name := range []string{"alice", "bob"} {
		want := "Only admins see what everybody asked for. /apono requests lists your own requests."
		if got := said(o.command(name, "activity in pg")); got != want {
			t.Errorf("%s is told %q", name, got)
		}
	}
}

// The pages of a list hold every request once, under the same conditions, for as long
// as the person is an admin.
func TestActivityPages(t *testing.T) {
	o := newOffice(t)
	for i := range 12 {
		o.ask(fmt.Sprint(i))
	}
	a := o.command("eve", "activity alice@example.com last 1h")
	var got []string
	var older chat.Action
	for {
		got = append(got, listedIDs(a)...)
		if len(a.Private.Actions) == 0 {
			break
		}
		older = a.Private.Actions[0]
		a = o.clickOn("eve", older.ID, older.Target)
	}
	var want []string
	for i := 12; i > 0; i-- {
		want = append(want, fmt.Sprintf("AR-%d", i))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("all pages (-want +got):\n%s", diff)
	}
	if f := older.Target.Filter; !strings.HasPrefix(f, "person alice@example.com from 20") || strings.Contains(f, "last") {
		t.Errorf("the button carries %q", f)
	}
	if got := said(o.clickOn("alice", older.ID, older.Target)); !strings.Contains(got, "Only admins") {
		t.Errorf("the button of an admin tells Alice %q", got)
	}
	forged := older.Target
	forged.Filter = "status nonsense"
	if got := said(o.clickOn("eve", older.ID, forged)); !strings.Contains(got, "There is no status") {
		t.Errorf("a forged button is answered with %q", got)
	}
	if a := o.command("eve", "activity"); !slices.ContainsFunc(a.Private.Sections, func(s chat.Section) bool {
		return slices.ContainsFunc(s.Actions, func(x chat.Action) bool { return x.ID == chat.ActionDetails && x.Target.List })
	}) {
		t.Error("no entry has its details")
	}
}
