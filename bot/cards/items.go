package cards

import (
	"fmt"
	"slices"
	"strings"

	"apono/bot/chat"
	"apono/flows"
)

// shownNames is how many names a field lists before it says "and 37 more". The
// rest is behind Details.
const shownNames = 20

// groupSections draws what is asked for, one section an integration. cut keeps
// long lists short.
func groupSections(r flows.Request, cut bool) []chat.Section {
	var out []chat.Section
	for _, g := range r.Groups {
		s := chat.Section{Title: g.Integration}
		for _, b := range blocks(g.Items) {
			limit := shownNames
			if !cut {
				limit = len(b.resources)
			}
			s.Fields = append(s.Fields,
				chat.Field{Label: "Resource type", Value: chat.T(b.typ)},
				chat.Field{Label: "Resources", Value: chat.T(names(b.resources, limit))},
				chat.Field{Label: "Permissions", Value: chat.T(strings.Join(b.permissions, ", "))})
		}
		if note := groupNote(g); note != "" {
			s.Fields = append(s.Fields, chat.Field{Label: "Status", Value: chat.T(note)})
		}
		out = append(out, s)
	}
	return out
}

func groupNote(g flows.AccessGroup) string {
	switch g.Status {
	case flows.GroupFailed:
		return "Not granted: " + g.Problem
	case flows.GroupUndoing:
		return "Not granted; what was begun is being taken back: " + g.Problem
	case flows.GroupGranting:
		return "Being granted"
	case flows.GroupRevoking:
		return "Being revoked"
	case flows.GroupWaiting, flows.GroupGranted, flows.GroupRevoked:
	}
	return ""
}

// block is a run of resources of one type with the same permissions.
type block struct {
	typ         string
	resources   []string
	permissions []string
}

// blocks joins items so that each resource is named once, beside exactly the
// permissions asked for on it.
func blocks(items []flows.Item) []block {
	type key struct{ typ, id string }
	var order []key
	names := map[key]string{}
	perms := map[key][]string{}
	for _, it := range items {
		k := key{it.TypeName, it.Resource}
		if _, ok := names[k]; !ok {
			order = append(order, k)
			names[k] = it.FullName()
		}
		if !slices.Contains(perms[k], it.PermissionName) {
			perms[k] = append(perms[k], it.PermissionName)
		}
	}
	var out []block
	for _, k := range order {
		i := slices.IndexFunc(out, func(b block) bool { return b.typ == k.typ && slices.Equal(b.permissions, perms[k]) })
		if i < 0 {
			out = append(out, block{typ: k.typ, permissions: perms[k]})
			i = len(out) - 1
		}
		out[i].resources = append(out[i].resources, names[k])
	}
	return out
}

func names(all []string, limit int) string {
	if len(all) <= limit {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:limit], ", "), len(all)-limit)
}

// list joins for a sentence: "a", "a and b", "a, b and c".
func list(all []string) string {
	if n := len(all); n > 1 {
		return strings.Join(all[:n-1], ", ") + " and " + all[n-1]
	}
	return strings.Join(all, "")
}

// summary says in a few words what a request is for.
func summary(r flows.Request) string {
	if r.Bundle != "" && (r.Part || r.Wanted != nil && len(r.Wanted.Items) != len(r.Items())) {
		return partOf(r.Bundle, r.Groups)
	}
	if r.Bundle != "" {
		return "the bundle " + r.Bundle
	}
	return summaryOf(r.Groups)
}

func summaryOf(groups []flows.AccessGroup) string {
	var parts []string
	for _, g := range groups {
		for _, b := range blocks(g.Items) {
			parts = append(parts, list(b.permissions)+" on "+names(b.resources, 3)+" in "+g.Integration)
		}
	}
	const few = 3
	if len(parts) > few {
		return fmt.Sprintf("%s; and %d more", strings.Join(parts[:few], "; "), len(parts)-few)
	}
	return strings.Join(parts, "; ")
}

// held is summary without what could not be granted.
func held(r flows.Request) string {
	granted := slices.DeleteFunc(slices.Clone(r.Groups), func(g flows.AccessGroup) bool { return g.GrantedAt.IsZero() })
	switch {
	case len(granted) == len(r.Groups):
		return summary(r)
	case r.Bundle != "":
		return partOf(r.Bundle, granted)
	}
	return summaryOf(granted)
}

// partOf names what is not the whole of a bundle.
func partOf(bundle string, groups []flows.AccessGroup) string {
	return "a part of the bundle " + bundle + " (" + summaryOf(groups) + ")"
}
