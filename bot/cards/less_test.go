package cards_test

import (
	"fmt"
	"strings"
	"testing"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// TestWhatIsLeftOutCanBeToldApart in the room that every platform has for a choice.
func TestWhatIsLeftOutCanBeToldApart(t *testing.T) {
	long := "arn:aws:s3:::" + strings.Repeat("prod-eu-central-1-", 6)
	thing := func(id, name string, parents ...string) flows.Item {
		return flows.Item{
			Unit:         flows.Unit{Integration: "aws", ResourceType: "bucket", Resource: id, Permission: "r"},
			ResourceName: name, TypeName: "Bucket", PermissionName: "Read", Path: parents,
		}
	}
	for name, tc := range map[string]struct {
		items []flows.Item
		want  []string // label, description
	}{
		"short": {
			[]flows.Item{thing("1", "orders", "main"), thing("2", "users")},
			[]string{"Read on orders (main), aws", "Read on users, aws"},
		},
		"another end": {
			[]flows.Item{thing("1", long+"invoices"), thing("2", long+"payments"), thing("3", strings.Repeat("😀", 60)+"end")},
			[]string{
				"Read on arn:aws:s3:::prod-eu-central…u-central-1-prod-eu-central-1-invoices, aws",
				"Read on arn:aws:s3:::prod-eu-central…u-central-1-prod-eu-central-1-payments, aws",
				"Read on " + strings.Repeat("😀", 14) + "…" + strings.Repeat("😀", 17) + "end, aws",
			},
		},
		"other parents": {
			[]flows.Item{thing("1", long, "account 1"), thing("2", long, "account 2")},
			[]string{
				"Read on arn:aws:s3:::prod-eu-central…ntral-1-prod-eu-central-1- (account 1), aws",
				"Read on arn:aws:s3:::prod-eu-central…ntral-1-prod-eu-central-1- (account 2), aws",
			},
		},
		"another middle": {
			[]flows.Item{thing("1", long+"a"+long), thing("2", long+"b"+long), thing("3", long+"bc"+long)},
			[]string{
				"Read on arn:aws:s3:::pr…u-central-1-aarn:aws:s3:::prod-eu-central-1-…, aws",
				"Read on arn:aws:s3:::pr…-central-1-barn:aws:s3:::prod-eu-central-1-p…, aws",
				"Read on arn:aws:s3:::pr…-central-1-bcarn:aws:s3:::prod-eu-central-1-…, aws",
			},
		},
		"one name": {
			[]flows.Item{thing("id-1", "orders"), thing("id-2", "orders")},
			[]string{"Read on orders, aws · id-1", "Read on orders, aws · id-2"},
		},
	} {
		form := cards.Less(flows.Request{ID: "AR-1", Groups: []flows.AccessGroup{{Integration: "aws", Items: tc.items}}}, "1h", false, "")
		for i, o := range form.Parts[1].Options {
			if got := o.Label + ", " + o.Description; got != tc.want[i] || chat.Length(o.Label) > 75 {
				t.Errorf("%s: choice %d is %q (%d), want %q", name, i, got, chat.Length(o.Label), tc.want[i])
			}
		}
	}
}

// TestManyLongNamesCanBeToldApart, whatever they have in common.
func TestManyLongNamesCanBeToldApart(t *testing.T) {
	var items []flows.Item
	for i := range 1000 {
		name := strings.Repeat("x", 60+i%7) + strings.Repeat(fmt.Sprint(i%13), 50) + fmt.Sprintf("%03d", i) + strings.Repeat("y", 60+i%5)
		items = append(items, flows.Item{Unit: flows.Unit{Integration: "aws", Resource: fmt.Sprint(i)}, ResourceName: name, PermissionName: "Read"})
	}
	form := cards.Less(flows.Request{ID: "AR-1", Groups: []flows.AccessGroup{{Integration: "aws", Items: items}}}, "1h", false, "")
	seen := map[string]bool{}
	for _, o := range form.Parts[1].Options {
		if seen[o.Label] || chat.Length(o.Label) > 75 {
			t.Errorf("%q (%d) is there twice or too long", o.Label, chat.Length(o.Label))
		}
		seen[o.Label] = true
	}
}
