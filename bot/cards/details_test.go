package cards_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/bot/slack"
	"apono/flows"
)

// TestDetailsNamesEverything: who approves can read each object of it, in Slack too.
func TestDetailsNamesEverything(t *testing.T) {
	for name, tc := range map[string]struct {
		objects, path int
		paged         bool
	}{
		"a bundle":   {303, 1, false},
		"long paths": {1000, 12, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := flows.Request{ID: "AR-1", State: flows.StatePending, Groups: []flows.AccessGroup{{Integration: "pg"}}}
			for i := range tc.objects {
				r.Groups[0].Items = append(r.Groups[0].Items, flows.Item{
					Unit: flows.Unit{Integration: "pg", ResourceType: "table", Resource: fmt.Sprint(i), Permission: "read"}, TypeName: "table", ResourceName: fmt.Sprintf("orders_%04d", i),
					Path: strings.Split(strings.Repeat("main_parts ", tc.path), " "), PermissionName: "read",
				})
			}
			var all strings.Builder
			page, pages := 0, 0
			for ; pages == 0 || page > 0; pages++ {
				next := -1
				form := cards.Details(r, noon, page, func(p int) string { next = p + 1; return "x" })
				view, err := slack.RenderForm(form)
				if err != nil {
					t.Fatal(err)
				}
				drawn, err := json.Marshal(view.Blocks)
				if err != nil {
					t.Fatal(err)
				}
				all.Write(drawn)
				if strings.Contains(string(drawn), chat.Marker) || len(view.Blocks.BlockSet) > 100 || len(drawn) > 240_000 {
					t.Errorf("page %d: %d blocks, %d bytes, or cut", page, len(view.Blocks.BlockSet), len(drawn))
				}
				page = next
				if next < 0 || strings.Contains(string(drawn), "First page") {
					page = 0
				}
			}
			for i := range tc.objects {
				if want := fmt.Sprintf("orders_%04d", i); strings.Count(all.String(), want) != 1 {
					t.Fatalf("%s is named %d times", want, strings.Count(all.String(), want))
				}
			}
			if (pages > 1) != tc.paged {
				t.Errorf("%d pages", pages)
			}
		})
	}
}

// allDetails is all pages of Details as one.
func allDetails(r flows.Request, now time.Time) chat.Form {
	var all chat.Form
	for page, more := 0, true; more; page++ {
		more = false
		form := cards.Details(r, now, page, func(int) string { more = true; return "state" })
		all.Parts = append(all.Parts, form.Parts...)
		for _, part := range form.Parts {
			more = more && (part.Action == nil || part.Action.Label == "Next page")
		}
	}
	return all
}
