package chat

import (
	"cmp"
	"slices"
	"strconv"
)

// Distinct shortens labels to at most room of Length, at least 40: those that are too
// long in the middle, and those that look the same then, where they begin to differ, so
// that all that differ can be told apart.
func Distinct(labels []string, room int) []string {
	out := make([]string, len(labels))
	alike := map[string][]int{}
	for i, l := range labels {
		out[i] = Middle(l, room)
		alike[out[i]] = append(alike[out[i]], i)
	}
	for _, group := range alike {
		if len(group) > 1 && Length(labels[group[0]]) > room {
			tellApart(labels, group, out, room)
		}
	}
	return out
}

// Middle is s with the marker in place of its middle where it is longer than room of
// Length.
func Middle(s string, room int) string {
	if Length(s) <= room {
		return s
	}
	head, _ := Cut(s, room/2) // with the marker
	return head + last(s, room-Length(head))
}

// last is the end of s.
func last(s string, room int) string {
	runes := []rune(s)
	for i, r := range slices.Backward(runes) {
		if room -= Length(string(r)); room < 0 {
			return string(runes[i+1:])
		}
	}
	return s
}

// tellApart writes the labels of a group that look the same: their beginning, and what
// follows from shortly before each differs from all others of the group.
func tellApart(labels []string, group []int, out []string, room int) {
	const begin, before, number = 24, 12, 6
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
		head, _ := Cut(labels[i], begin)
		from := max(len([]rune(head))-1, same-before)
		rest, _ := Cut(string([]rune(labels[i])[from:]), room-Length(head)-number)
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
