package slacksim

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// userJSON is the user object as the bot token may see it: addresses only with users:read.email.
func (w *Workspace) userJSON(u *User) obj {
	profile := obj{
		"real_name": u.RealName, "real_name_normalized": u.RealName, "display_name": u.DisplayName,
		"display_name_normalized": u.DisplayName, "team": u.TeamID, "avatar_hash": "000000000000",
	}
	if w.granted("users:read.email") && !u.IsBot && !u.IsStranger && u.Email != "" {
		profile["email"] = u.Email
	}
	if u.IsBot {
		profile["api_app_id"] = w.opts.AppID
	}
	out := obj{
		"id": u.ID, "team_id": u.TeamID, "name": u.Name, "deleted": u.Deleted, "profile": profile, "is_bot": u.IsBot,
		"is_app_user": u.IsAppUser, "updated": time.Now().Unix(),
	}
	if u.Deleted {
		return out // Slack leaves the rest out for deactivated accounts
	}
	zone, err := time.LoadLocation(u.TZ)
	if err != nil {
		zone = time.UTC
	}
	name, offset := time.Now().In(zone).Zone()
	maps.Copy(out, (obj{
		"real_name": u.RealName, "tz": u.TZ, "tz_label": name, "tz_offset": offset, "is_admin": u.IsAdmin, "is_owner": false,
		"is_primary_owner": false, "is_restricted": u.IsRestricted, "is_ultra_restricted": u.IsUltraRestricted,
		"is_email_confirmed": !u.EmailUnconfirmed && u.Email != "", "who_can_share_contact_card": "EVERYONE", "color": "9f69e7",
	}))
	if u.IsStranger {
		out["is_stranger"] = true
	}
	return out
}

func (c *call) usersInfo() (obj, error) {
	u := c.users[c.str("user")]
	if u == nil {
		return nil, fail("user_not_found")
	}
	return obj{"user": c.userJSON(u)}, nil
}

func (c *call) usersLookup() (obj, error) {
	mail := c.str("email")
	if mail == "" {
		return nil, argument("missing required field: email", "/email")
	}
	var found *User
	for _, u := range c.users {
		if !u.Deleted && !u.IsBot && !u.IsStranger && strings.EqualFold(u.Email, mail) && (found == nil || u.ID < found.ID) {
			found = u
		}
	}
	if found == nil {
		return nil, fail("users_not_found")
	}
	return obj{"user": c.userJSON(found)}, nil
}

func (c *call) usersList() (obj, error) {
	ids, next, err := page(c, sortedKeys(c.users), 1000, max(len(c.users), 1))
	if err != nil {
		return nil, err
	}
	part := arr{}
	for _, id := range ids {
		part = append(part, c.userJSON(c.users[id]))
	}
	return obj{"members": part, "cache_ts": time.Now().Unix(), "response_metadata": cursorMeta(next)}, nil
}

func (c *call) groupJSON(g *UserGroup) obj {
	out := obj{
		"id": g.ID, "team_id": c.opts.TeamID, "is_usergroup": true, "name": or(g.Name, g.Handle), "handle": g.Handle, "description": "",
		"is_external": false, "date_create": 0, "date_update": 0, "date_delete": 0, "auto_type": nil, "created_by": "", "updated_by": "",
		"deleted_by": nil, "prefs": obj{"channels": arr{}, "groups": arr{}},
	}
	if g.Disabled {
		out["date_delete"] = 1
	}
	if c.flag("include_users") {
		out["users"] = slices.Clone(g.Users)
	}
	if c.flag("include_count") {
		out["user_count"] = len(g.Users)
	}
	return out
}

func (c *call) groupsList() (obj, error) {
	list := arr{}
	for _, id := range sortedKeys(c.groups) {
		if g := c.groups[id]; !g.Disabled || c.flag("include_disabled") {
			list = append(list, c.groupJSON(g))
		}
	}
	return obj{"usergroups": list}, nil
}

func (c *call) groupUsers() (obj, error) {
	g := c.groups[c.str("usergroup")]
	if g == nil || (g.Disabled && !c.flag("include_disabled")) {
		return nil, fail("no_such_subteam")
	}
	users := slices.Clone(g.Users)
	if users == nil {
		users = []string{}
	}
	return obj{"users": users}, nil
}
