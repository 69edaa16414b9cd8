package cards_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// TestDetailsNamesEverything: who approves can read each object of it, on pages that Slack shows whole.
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
				form := cards.Details(r, "", noon, page, func(p int) string { next = p + 1; return "x" })
				var drawn strings.Builder
				for _, part := range form.Parts {
					text := part.Text.Words(10_000)
					if n := chat.Length(text); n > 3000 { // what Slack takes in one block
						t.Errorf("page %d: a part of %d characters", page, n)
					}
					drawn.WriteString(text)
					if part.Action != nil && part.Action.Label == "First page" {
						next = -1
					}
				}
				all.WriteString(drawn.String())
				if strings.Contains(drawn.String(), chat.Marker) || len(form.Parts) > 100 || chat.Length(drawn.String()) > 24_000 {
					t.Errorf("page %d: %d parts, %d characters, or cut", page, len(form.Parts), chat.Length(drawn.String()))
				}
				page = max(next, 0)
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
		form := cards.Details(r, "", now, page, func(int) string { more = true; return "state" })
		all.Parts = append(all.Parts, form.Parts...)
		for _, part := range form.Parts {
			more = more && (part.Action == nil || part.Action.Label == "Next page")
		}
	}
	return all
}
