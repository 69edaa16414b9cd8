package bot

import (
	"strings"
	"testing"
	"unicode/utf8"

	"apono/flows"
)

// TestLongNamesLeaveThePermissionInSight, so that no two items of a bundle look the same.
func TestLongNamesLeaveThePermissionInSight(t *testing.T) {
	for _, c := range []struct{ name, permission, want string }{
		{"orders", "Read", "orders · Read"},
		{strings.Repeat("ü", 68), "Read", strings.Repeat("ü", 68) + " · Read"},
		{strings.Repeat("ü", 69), "Read", strings.Repeat("ü", 67) + "… · Read"},
		{strings.Repeat("n", 200), "Write", strings.Repeat("n", 66) + "… · Write"},
		{strings.Repeat("n", 200), strings.Repeat("p", 100), strings.Repeat("n", 36) + "… · " + strings.Repeat("p", 100)},
	} {
		got := itemOption(flows.Item{ResourceName: c.name, PermissionName: c.permission}).Label
		if got != c.want {
			t.Errorf("%d characters, %s: %q, want %q", utf8.RuneCountInString(c.name), c.permission, got, c.want)
		}
	}
}
