package slack

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"apono/flows"
)

// attribute says what kind of account somebody has, for policies.
const attribute = "slack_account"

// Values of the attribute. Who is an admin or owner is a member too; a
// single-channel guest is a guest too.
const (
	kindMember = "member"
	kindAdmin  = "admin"
	kindOwner  = "owner"
	kindGuest  = "guest"
	kindSingle = "single_channel_guest"
)

// slackbot is Slack's own account, which is_bot does not mark.
const slackbot = "USLACKBOT"

// reading is what one sync has found.
type reading struct {
	prefix string
	self   *slack.AuthTestResponse
	users  []slack.User
	groups []slack.UserGroup
}

// addressed reports whether an account of a person has an address, or there is none.
func (r *reading) addressed() bool {
	person := func(u slack.User) bool { return r.ours(&u) && !u.Deleted }
	return !slices.ContainsFunc(r.users, person) ||
		slices.ContainsFunc(r.users, func(u slack.User) bool { return person(u) && u.Profile.Email != "" })
}

// result makes people and names of groups.
func (r *reading) result() (people []flows.Person, groups []string) {
	of := map[string][]string{} // names of groups by user id
	for _, g := range r.groups {
		if g.Handle == "" || g.IsExternal || g.DateDelete != 0 {
			continue
		}
		name := r.prefix + g.Handle
		groups = append(groups, name)
		for _, id := range g.Users {
			of[id] = append(of[id], name)
		}
	}
	slices.Sort(groups)
	active, seen := map[string]bool{}, map[string]bool{} // addresses; ids
	for i := range r.users {
		if u := &r.users[i]; r.ours(u) && !u.Deleted && u.IsEmailConfirmed {
			active[flows.NormalizeEmail(u.Profile.Email)] = true
		}
	}
	for i := range r.users {
		u := &r.users[i]
		email := flows.NormalizeEmail(u.Profile.Email)
		switch {
		case seen[u.ID] || !r.ours(u) || email == "":
			continue
		case u.Deleted && active[email]:
			continue // the address belongs to another account now
		case !u.Deleted && !u.IsEmailConfirmed:
			continue // anybody may have typed it
		}
		seen[u.ID] = true
		p := flows.Person{
			Email: email, Name: clean(cmp.Or(u.Profile.RealName, u.RealName, u.Name)), TimeZone: zone(u.TZ), Disabled: u.Deleted, Groups: of[u.ID],
		}
		slices.Sort(p.Groups)
		if !u.Deleted { // Slack does not say what a deactivated account was
			p.Attributes = map[string][]string{attribute: kinds(u)}
		}
		people = append(people, p)
	}
	slices.SortStableFunc(people, func(a, b flows.Person) int { return strings.Compare(a.Email, b.Email) })
	return people, groups
}

// ours reports whether an account is a person's of this workspace, or of its
// Enterprise Grid organisation.
func (r *reading) ours(u *slack.User) bool {
	switch {
	case u.IsBot, u.IsWorkflowBot, u.IsConnectorBot, u.Profile.BotID != "", u.ID == slackbot, u.IsStranger:
		return false
	case r.self.EnterpriseID != "" && u.Enterprise.EnterpriseID == r.self.EnterpriseID:
		return true
	}
	return u.TeamID == r.self.TeamID
}

func kinds(u *slack.User) []string {
	switch {
	case u.IsUltraRestricted:
		return []string{kindGuest, kindSingle}
	case u.IsRestricted:
		return []string{kindGuest}
	case u.IsOwner || u.IsPrimaryOwner:
		return []string{kindMember, kindAdmin, kindOwner}
	case u.IsAdmin:
		return []string{kindMember, kindAdmin}
	}
	return []string{kindMember}
}

func clean(s string) string { return strings.ToValidUTF8(strings.TrimSpace(s), "\uFFFD") }

// zone leaves out what is no time zone.
func zone(name string) string {
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		return ""
	}
	return name
}
