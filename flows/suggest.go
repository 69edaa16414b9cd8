package flows

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Nearest finds the candidate that was probably meant by a mistyped name: the
// one with the fewest edits, if these are few. Case does not count. Of equals
// the first in the alphabet wins. Empty: there is none.
func Nearest(name string, candidates []string) string {
	n := len([]rune(name))
	best, least := "", min(max(1, n/3)+1, n)
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if d := edits(strings.ToLower(name), strings.ToLower(c), least); d < least {
			best, least = c, d
		}
	}
	return best
}

// Suggest is a hint for a name that is none of the candidates: the nearest one,
// or all where they are few.
func Suggest(name string, candidates []string) string {
	if near := Nearest(name, candidates); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(candidates) == 0 || len(candidates) > 12 {
		return ""
	}
	return "known: " + strings.Join(candidates, ", ")
}

func nearestKey[V any](name string, of map[string]V) string {
	if near := Nearest(name, slices.Collect(maps.Keys(of))); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// edits counts insertions, deletions, replacements and swaps of neighbours
// between a and b; limit or more is reported as limit.
func edits(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) >= limit || len(y)-len(x) >= limit {
		return limit
	}
	before, last := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row := make([]int, len(y)+1)
		row[0] = i
		least := i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least >= limit {
			return limit
		}
		before, last = last, row
	}
	return min(last[len(y)], limit)
}
