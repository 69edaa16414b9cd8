package bot_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/bot/chat"
	"apono/flows"
)

// lookInBundle is what a search for items of a bundle brings, with the headings.
func (o *office) lookInBundle(query string) (out []string) {
	for _, opt := range o.Search(o.t.Context(), chat.Search{User: user("alice"), Form: chat.FormRequest, Field: "items", State: `{"m":true,"b":"prod-incident"}`, Query: query}) {
		out = append(out, opt.Group+": "+opt.Label)
	}
	return out
}

// TestSearchOfItems: best first, under their parents where these are few, no more than a
// menu holds, and what has left the bundle is not found any more.
func TestSearchOfItems(t *testing.T) {
	o := newOffice(t)
	o.policy.Bundles[0].Targets = []flows.Target{{Integration: "pg", ResourceType: "database", Permissions: []string{"read"}}}
	o.holdings[0].Resources = nil
	for i := range 150 {
		o.holdings[0].Resources = append(o.holdings[0].Resources, flows.Resource{
			Type: "database", ID: fmt.Sprintf("id%03d", i), Name: fmt.Sprintf("%s%03d", []string{"db", "old-db", "olddb"}[i%3], i), Path: []string{[]string{"eu", "us"}[i%2]},
		})
	}
	o.change()
	for query, want := range map[string][]string{
		"b00":     {"pg / Database / eu: db000 · Read", "pg / Database / us: db003 · Read", "pg / Database / eu: db006 · Read", "pg / Database / us: db009 · Read", "pg / Database / us: old-db001 · Read", "pg / Database / eu: old-db004 · Read", "pg / Database / us: old-db007 · Read", "pg / Database / eu: olddb002 · Read", "pg / Database / us: olddb005 · Read", "pg / Database / eu: olddb008 · Read"},
		" OLDDB1": {"pg / Database / us: olddb101 · Read"},
		"db147":   {": db147 · Read"},
		"nothing": nil,
	} {
		got := o.lookInBundle(query)
		if query == " OLDDB1" {
			got = got[:1]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", query, diff)
		}
	}
	all := o.lookInBundle("")
	if len(all) != 100 {
		t.Errorf("%d options", len(all))
	}
	ranked := o.lookInBundle("db")
	if len(ranked) != 100 || ranked[0] != "pg / Database / eu: db000 · Read" || ranked[50] != "pg / Database / us: old-db001 · Read" {
		t.Errorf("%d ranked: %q", len(ranked), ranked)
	}
	o.holdings[0].Resources = o.holdings[0].Resources[:1]
	o.change()
	if diff := cmp.Diff([]string{": db000 · Read"}, o.lookInBundle("")); diff != "" {
		t.Errorf("after a sync (-want +got):\n%s", diff)
	}
}
