package cards

import (
	"cmp"
	"strings"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// How much of each group the overview of a home shows, and how much a page of its own.
const (
	HomeSize     = 5
	HomeFew      = 3 // favorites, recent requests and delegations
	HomePageSize = 15
)

// HomeGroup names a group of a home that has pages of its own.
type HomeGroup string

// Groups of a home.
const (
	HomeAccess    HomeGroup = "access"
	HomeTasks     HomeGroup = "tasks"
	HomeFavorites HomeGroup = "favorites"
	HomeRecent    HomeGroup = "recent"
	// Drawn where there is something to say.
	HomeDelegations HomeGroup = "delegations"
	// For admins only.
	HomeEverybody HomeGroup = "everybody"
	HomeFlows     HomeGroup = "flows"
	HomeBundles   HomeGroup = "bundles"
	HomeSources   HomeGroup = "sources"
)

// Home is what a person's home shows. A group that is nil is not drawn.
type Home struct {
	Person flows.PersonRef
	Email  string // the address that requests know the person by
	Page   string // what is shown; empty: the overview
	Groups []HomeList
	// Starred are favorites by the id of a request that asks for the same.
	Starred map[string]string
}

// HomeList is one group with the entries that are shown of it.
type HomeList struct {
	Group     HomeGroup
	Requests  []flows.Request
	Favorites []flows.Favorite
	Lines     []HomeLine
	Hint      string // how to begin; said where there is no entry
	More      string // page with those that follow; empty: there are none
	Turned    bool   // it is not the first page
}

// HomeLine is an entry without a request: a flow, a bundle, an integration, a delegation.
type HomeLine struct {
	Name    string
	State   chat.Text
	Actions []chat.Action
}

var homeWords = map[HomeGroup]struct{ title, empty string }{
	HomeAccess:      {"My access", "You have no access at the moment."},
	HomeTasks:       {"Waiting for my approval", "Nothing waits for your decision."},
	HomeFavorites:   {"Favorites", "Nothing yet: press Add to favorites beside a recent request."},
	HomeRecent:      {"Recent requests", "You have not asked for anything yet."},
	HomeDelegations: {"Delegations", "Nobody stands in for you, and you stand in for nobody."},
	HomeEverybody:   {"Active access of everybody", "Nobody has access through the bot at the moment."},
	HomeFlows:       {"Access flows", "There is no access flow."},
	HomeBundles:     {"Bundles", "There is no bundle."},
	HomeSources:     {"Integrations", "There is no integration."},
}

// Draw makes the page.
func (h Home) Draw(now time.Time) chat.Home {
	out := chat.Home{Page: h.Page}
	out.Actions = []chat.Action{{ID: chat.ActionRequest, Label: "Request access", Style: chat.StylePrimary}}
	if h.Page != "" {
		out.Actions = append(out.Actions, pageButton("Overview", ""))
	}
	for _, l := range h.Groups {
		words := homeWords[l.Group]
		g := chat.Group{Title: words.title, Empty: strings.TrimSpace(words.empty + " " + l.Hint)}
		if l.Turned {
			g.Empty = "Nothing more."
		}
		for _, r := range l.Requests {
			g.Entries = append(g.Entries, h.entry(l.Group, r, now))
		}
		for _, f := range l.Favorites {
			g.Entries = append(g.Entries, favoriteEntry(f))
		}
		for _, line := range l.Lines {
			g.Entries = append(g.Entries, chat.Section{Title: line.Name, Fields: []chat.Field{{Value: line.State}}, Actions: line.Actions})
		}
		if l.Turned {
			g.Actions = append(g.Actions, pageButton("First page", string(l.Group)))
		}
		if l.More != "" {
			label := "Show more"
			if h.Page != "" {
				label = "Next page"
			}
			g.Actions = append(g.Actions, pageButton(label, l.More))
		}
		out.Groups = append(out.Groups, g)
	}
	return out
}

func pageButton(label, page string) chat.Action {
	return chat.Action{ID: chat.ActionPage, Label: label, Target: chat.Target{Item: page}}
}

func (h Home) entry(group HomeGroup, r flows.Request, now time.Time) chat.Section {
	if group == HomeTasks {
		return taskSection(r, h.Email)
	}
	text, _ := status(r, now)
	s := chat.Section{Title: r.ID + ": " + summary(r), Fields: []chat.Field{{Label: "Status", Value: text}}}
	if group == HomeEverybody || !r.Grantee.Is(h.Email) {
		s.Fields = append(s.Fields, chat.Field{Label: "Grantee", Value: person(r.Grantee)})
	}
	if !r.Requestor.Is(cmp.Or(granteeOf(group, r), h.Email)) {
		s.Fields = append(s.Fields, chat.Field{Label: "Requester", Value: person(r.Requestor)})
	}
	if above := !r.State.Terminal() && r.Grantee.Is(h.Email); group != HomeRecent || !above {
		s.Fields = append(s.Fields, openFields(r, now)...)
		s.Actions = append(s.Actions, explainButtons(r, h.Email)...)
	}
	switch group {
	case HomeAccess:
		if r.State != flows.StateRevoking {
			s.Actions = append(s.Actions, liveButtons(r, now)...)
		}
	case HomeEverybody:
		revoke := endButton(r)
		revoke.Label = "Revoke"
		revoke.Confirm = &chat.Confirm{Title: "Revoke", Text: "The access of " + r.Grantee.DisplayName() + " (" + r.ID + ") ends at once.", Yes: "Revoke", No: "Keep it"}
		s.Actions = append(s.Actions, revoke)
	case HomeRecent:
		s.Fields = append(s.Fields, since(r))
		if waiting(r, now) {
			s.Actions = append(s.Actions, button(r, chat.ActionWithdraw, "Withdraw", ""))
		} else {
			s.Actions = append(s.Actions, button(r, chat.ActionAgain, "Request again", ""))
		}
		s.Actions = append(s.Actions, h.star(r))
	case HomeTasks, HomeFavorites, HomeDelegations, HomeFlows, HomeBundles, HomeSources:
	}
	s.Actions = append(s.Actions, button(r, chat.ActionDetails, "Details", ""))
	return s
}

// granteeOf is whom an entry of everybody's access names already.
func granteeOf(group HomeGroup, r flows.Request) string {
	if group == HomeEverybody {
		return r.Grantee.Email
	}
	return ""
}

func (h Home) star(r flows.Request) chat.Action {
	if id := h.Starred[r.ID]; id != "" {
		return chat.Action{ID: chat.ActionUnstar, Label: "Remove from favorites", Target: chat.Target{Item: id}}
	}
	return button(r, chat.ActionStar, "Add to favorites", "")
}

func favoriteEntry(f flows.Favorite) chat.Section {
	return chat.Section{Title: f.Name, Actions: []chat.Action{
		{ID: chat.ActionAskFavorite, Label: "Request", Target: chat.Target{Item: f.ID}},
		{ID: chat.ActionUnstar, Label: "Remove from favorites", Target: chat.Target{Item: f.ID}},
	}}
}

// FavoriteName says in a few words what a request asked for.
func FavoriteName(r flows.Request) string { return summary(r) }

// FlowLine says how a flow stands.
func FlowLine(f *flows.Flow, what string) HomeLine {
	state, words := chat.Bold("Active"), []string{"asked for by people"}
	if !f.Active {
		state = chat.Bold("Not active")
	}
	if f.Trigger == flows.TriggerAutomatic {
		words = []string{"grants by itself"}
	}
	if what != "" {
		words = append(words, what)
	}
	return HomeLine{Name: f.Name, State: chat.Text{state, chat.Plain(": " + strings.Join(words, "; "))}}
}

// BundleLine says how a bundle stands: what it holds, and which flows offer it.
func BundleLine(name string, empty bool, offeredBy []string) HomeLine {
	state := chat.Text{chat.Bold("Offered"), chat.Plain(" under " + names(offeredBy, 5))}
	switch {
	case len(offeredBy) == 0:
		state = chat.Text{chat.Bold("Not offered"), chat.Plain(": no active access flow has it")}
	case empty:
		state = chat.Text{chat.Bold("Empty"), chat.Plain(": no resource matches it at the moment")}
	}
	return HomeLine{Name: name, State: state}
}

// SourceState is how an integration does.
type SourceState struct {
	Name    string
	Synced  time.Time // last success; zero: never
	Problem string    // of the last try; empty: it succeeded
	Held    string    // why the last answer is not in force; empty: it is
	Hold    string    // names what is held
	Chat    bool      // it is a part of chat, which is not synced
}

// Bad reports whether an operator should look.
func (s SourceState) Bad() bool { return s.Problem != "" || s.Held != "" || s.Synced.IsZero() }

// Line says how an integration stands.
func (s SourceState) Line() HomeLine {
	state := chat.Text{chat.Bold("Healthy")}
	switch {
	case s.Problem != "":
		state = chat.Text{chat.Bold("Not reachable"), chat.Plain(": " + s.Problem)}
	case s.Held != "":
		state = chat.Text{chat.Bold("Held"), chat.Plain(": " + s.Held)}
	case s.Synced.IsZero():
		state = chat.Text{chat.Bold("Not read yet")}
	}
	switch {
	case s.Chat:
	case s.Synced.IsZero():
		state = append(state, chat.Plain("; never synced"))
	default:
		state = append(state, chat.Plain("; last sync "), chat.At(s.Synced))
	}
	l := HomeLine{Name: s.Name, State: state}
	if s.Hold != "" {
		l.Actions = holdActions(s.Hold)
	}
	return l
}
