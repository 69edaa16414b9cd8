package chat_test

import (
	"fmt"
	"strings"
	"testing"

	"apono/bot/chat"
)

// TestDistinct: what differs can be told apart, however long it is and whatever it has in
// common, and nothing is longer than its room.
func TestDistinct(t *testing.T) {
	const room = 75
	for name, label := range map[string]func(i int) string{
		"short":       func(i int) string { return fmt.Sprint("orders-", i) },
		"another end": func(i int) string { return strings.Repeat("x", 300) + fmt.Sprintf("%04d", i) },
		"another middle": func(i int) string {
			return strings.Repeat("x", 300) + fmt.Sprintf("%04d", i) + strings.Repeat("y", 300)
		},
		"of many lengths": func(i int) string { return strings.Repeat("x", i) },
		"of emoji": func(i int) string {
			return strings.Repeat("😀", 200) + fmt.Sprintf("%04d", i) + strings.Repeat("😀", 200)
		},
		"of two places": func(i int) string {
			return strings.Repeat("x", 100) + fmt.Sprintf("%02d", i%32) + strings.Repeat("z", 100) + fmt.Sprintf("%02d", i/32) + strings.Repeat("y", 100)
		},
		"all the same": func(int) string { return strings.Repeat("same ", 100) },
	} {
		var labels []string
		for i := range 1024 {
			labels = append(labels, label(i))
		}
		seen := map[string]bool{}
		for i, l := range chat.Distinct(labels, room) {
			if seen[l] || chat.Length(l) > room || chat.Length(labels[i]) <= room && l != labels[i] {
				t.Errorf("%s: %d is %q (%d)", name, i, l, chat.Length(l))
				break
			}
			seen[l] = true
		}
	}
}

// FuzzMiddle: nothing is longer than its room, begins or ends otherwise, or is cut without
// need.
func FuzzMiddle(f *testing.F) {
	for _, s := range []string{"", "orders", strings.Repeat("ü", 100), strings.Repeat("😀", 100), strings.Repeat("a\xff", 90)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		const room = 40
		got := chat.Middle(s, room)
		if chat.Length(s) <= room {
			if got != s {
				t.Errorf("%q becomes %q", s, got)
			}
			return
		}
		head, tail, marked := strings.Cut(got, chat.Marker)
		if !strings.Contains(s, chat.Marker) && (!marked || !strings.HasPrefix(s, head) || !strings.HasSuffix(string([]rune(s)), tail)) || chat.Length(got) > room {
			t.Errorf("%q becomes %q (%d)", s, got, chat.Length(got))
		}
	})
}
