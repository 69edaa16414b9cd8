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
		{strings.Repeat("ü", 69), "Read", strings.Repeat("ü", 33) + "…" + strings.Repeat("ü", 34) + " · Read"},
		{strings.Repeat("n", 200), "Write", strings.Repeat("n", 32) + "…" + strings.Repeat("n", 34) + " · Write"},
		{strings.Repeat("n", 200), strings.Repeat("p", 100), strings.Repeat("n", 17) + "…" + strings.Repeat("n", 19) + " · " + strings.Repeat("p", 100)},
	} {
		got := itemOption(flows.Item{ResourceName: c.name, PermissionName: c.permission}).Label
		if got != c.want {
			t.Errorf("%d characters, %s: %q, want %q", utf8.RuneCountInString(c.name), c.permission, got, c.want)
		}
	}
}
