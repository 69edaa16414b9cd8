package cards

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"apono/bot/chat"
)

// optionRoom is how much of the label of an option every platform shows, in chat.Length.
const optionRoom = 75

// distinct shortens labels that are too long for an option in the middle, and those that
// look the same then, where they begin to differ, so that all that differ can be told
// apart.
func distinct(labels []string) []string {
	out := make([]string, len(labels))
	alike := map[string][]int{}
	for i, l := range labels {
		out[i] = middle(l, optionRoom)
		alike[out[i]] = append(alike[out[i]], i)
	}
	for _, group := range alike {
		if len(group) > 1 && chat.Length(labels[group[0]]) > optionRoom {
			tellApart(labels, group, out)
		}
	}
	return out
}

// middle is s with a marker in place of its middle where it is longer than room.
func middle(s string, room int) string {
	if chat.Length(s) <= room {
		return s
	}
	head, _ := chat.Cut(s, room/2) // with the marker
	return head + last(s, room-chat.Length(head))
}

// last is the end of s.
func last(s string, room int) string {
	runes := []rune(s)
	for i, r := range slices.Backward(runes) {
		if room -= chat.Length(string(r)); room < 0 {
			return string(runes[i+1:])
		}
	}
	return s
}

// tellApart writes the labels of a group that look the same: their beginning, and what
// follows from shortly before each differs from all others of the group.
func tellApart(labels []string, group []int, out []string) {
	const begin, before = 24, 12
	slices.SortStableFunc(group, func(a, b int) int { return cmp.Compare(labels[a], labels[b]) })
	seen := map[string]int{}
	for n, i := range group {
		same := 0
		if n > 0 {
			same = common(labels[i], labels[group[n-1]])
		}
		if n < len(group)-1 {
			same = max(same, common(labels[i], labels[group[n+1]]))
		}
		head, _ := chat.Cut(labels[i], begin)
		from := max(0, same-before)
		rest, _ := chat.Cut(string([]rune(labels[i])[from:]), optionRoom-chat.Length(head)-4)
		out[i] = head + rest
		if seen[out[i]]++; seen[out[i]] > 1 {
			out[i] += " " + strconv.Itoa(seen[out[i]])
		}
	}
}

// common counts the first characters that are the same.
func common(a, b string) (n int) {
	rb := []rune(b)
	for _, r := range a {
		if n == len(rb) || rb[n] != r {
			break
		}
		n++
	}
	return n
}

// tellByID adds the id to the description of options that are called the same altogether.
func tellByID(options []chat.Option, ids []string) {
	alike := map[string]int{}
	for _, o := range options {
		alike[o.Label+"\n"+o.Description]++
	}
	for i, o := range options {
		if alike[o.Label+"\n"+o.Description] > 1 {
			options[i].Description = strings.Trim(middle(o.Description+" · "+ids[i], optionRoom), " ·")
		}
	}
}
