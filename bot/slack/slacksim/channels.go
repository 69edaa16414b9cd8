package slacksim

import (
	"cmp"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// channel is a conversation with its history. A direct message has direct, the people beside the bot.
type channel struct {
	Channel
	direct     []string
	created    time.Time
	messages   []*message
	ephemerals []*message
}

func (c *channel) isIM() bool   { return len(c.direct) == 1 }
func (c *channel) isMPIM() bool { return len(c.direct) > 1 }

// kind is the word that scopes and events use for the conversation.
func (c *channel) kind() string {
	switch {
	case c.isIM():
		return "im"
	case c.isMPIM():
		return "mpim"
	case c.Private:
		return "groups"
	}
	return "channels"
}

func (c *channel) hasMember(user string) bool {
	return slices.Contains(c.Members, user) || slices.Contains(c.direct, user)
}

func (c *channel) message(ts string) *message {
	i := slices.IndexFunc(c.messages, func(m *message) bool { return m.ts == ts })
	if i < 0 {
		return nil
	}
	return c.messages[i]
}

// find returns the conversation with an id or #name, nil if there is none.
func (w *Workspace) find(ref string) *channel {
	if c := w.channels[ref]; c != nil {
		return c
	}
	name := strings.TrimPrefix(ref, "#")
	for _, id := range sortedKeys(w.channels) {
		if c := w.channels[id]; c.Name == name && len(c.direct) == 0 && name != "" {
			return c
		}
	}
	return nil
}

// seen returns a conversation that the bot may know of: public, or one it is in.
func (c *call) seen(ref string) (*channel, error) {
	if ref == "" {
		return nil, argument("missing required field: channel", "/channel")
	}
	ch := c.find(ref)
	if ch == nil || (ch.Private && !ch.BotMember) {
		return nil, fail("channel_not_found")
	}
	return ch, nil
}

// byID is seen for methods that take no names.
func (c *call) byID(ref string) (*channel, error) {
	if ref != "" && c.channels[ref] == nil {
		return nil, fail("channel_not_found")
	}
	return c.seen(ref)
}

// dm returns the direct conversation of the bot with people, made when it is not there.
func (w *Workspace) dm(people ...string) *channel {
	people = slices.Sorted(slices.Values(people))
	key := strings.Join(people, ",")
	if c := w.dms[key]; c != nil {
		return c
	}
	id := w.ids.next("D")
	if len(people) > 1 {
		id = w.ids.next("G")
	}
	c := &channel{Channel: Channel{ID: id, Private: true, BotMember: true}, direct: people, created: time.Now()}
	w.channels[id], w.dms[key] = c, c
	return c
}

func (w *Workspace) channelJSON(c *channel) obj {
	out := obj{"id": c.ID, "created": c.created.Unix(), "is_archived": c.Archived, "is_im": c.isIM(), "is_org_shared": false}
	if c.isIM() {
		out["user"] = c.direct[0]
		out["is_user_deleted"] = w.users[c.direct[0]] != nil && w.users[c.direct[0]].Deleted
		out["is_open"] = true
		return out
	}
	maps.Copy(out, (obj{
		"name": c.Name, "name_normalized": c.Name, "is_channel": !c.Private, "is_group": c.Private && !c.isMPIM(), "is_mpim": c.isMPIM(),
		"is_private": c.Private, "is_general": c.Name == "general", "is_shared": false, "is_ext_shared": false,
		"is_member": c.BotMember, "creator": "", "topic": obj{"value": "", "creator": "", "last_set": 0},
		"purpose": obj{"value": "", "creator": "", "last_set": 0}, "context_team_id": w.opts.TeamID,
	}))
	return out
}

func (w *Workspace) membersOf(c *channel) []string {
	members := slices.Clone(c.Members)
	members = append(members, c.direct...)
	if c.BotMember {
		members = append(members, w.opts.BotUserID)
	}
	slices.Sort(members)
	return slices.Compact(members)
}

// page cuts a list as cursor pagination does and returns the cursor of the next page, empty at the end.
func page[T any](c *call, all []T, most, usual int) (part []T, next string, err error) {
	limit := usual
	if c.has("limit") {
		n, err := strconv.Atoi(c.str("limit"))
		if err != nil || n < 0 || n > most {
			return nil, "", argument("must be between 1 and "+strconv.Itoa(most), "/limit")
		}
		if n > 0 {
			limit = n
		}
	}
	from := 0
	if cur := c.str("cursor"); cur != "" {
		raw, err := base64.StdEncoding.DecodeString(cur)
		n, ok := strings.CutPrefix(string(raw), "offset:")
		from, _ = strconv.Atoi(n)
		if err != nil || !ok || from <= 0 || from > len(all) {
			return nil, "", fail("invalid_cursor")
		}
	}
	end := min(from+limit, len(all))
	if end < len(all) {
		next = base64.StdEncoding.EncodeToString([]byte("offset:" + strconv.Itoa(end)))
	}
	return all[from:end], next, nil
}

func cursorMeta(next string) obj { return obj{"next_cursor": next} }

func (c *call) conversationsOpen() (obj, error) {
	if ref := c.str("channel"); ref != "" {
		ch, err := c.byID(ref)
		if err != nil {
			return nil, err
		}
		if len(ch.direct) == 0 {
			return nil, fail("channel_not_found")
		}
		return c.opened(ch, true), nil
	}
	people := strings.FieldsFunc(c.str("users"), func(r rune) bool { return r == ',' || r == ' ' })
	people = slices.DeleteFunc(people, func(id string) bool { return id == c.opts.BotUserID && strings.Contains(c.str("users"), ",") })
	switch {
	case len(people) == 0:
		return nil, fail("users_list_not_supplied")
	case len(people) > 8:
		return nil, fail("too_many_users")
	}
	if err := c.needScope(map[bool]string{false: "im:write", true: "mpim:write"}[len(people) > 1]); err != nil {
		return nil, err
	}
	for _, id := range people {
		u := c.users[id]
		switch {
		case u == nil:
			return nil, fail("user_not_found")
		case u.Deleted:
			return nil, fail("user_disabled")
		case u.IsBot:
			return nil, fail("cannot_dm_bot")
		case !c.visible(u):
			return nil, fail("user_not_visible")
		}
	}
	before := len(c.dms)
	if c.flag("prevent_creation") && c.dms[strings.Join(slices.Sorted(slices.Values(people)), ",")] == nil {
		return nil, fail("channel_not_found")
	}
	ch := c.dm(people...)
	return c.opened(ch, len(c.dms) == before), nil
}

func (c *call) opened(ch *channel, already bool) obj {
	out := obj{"channel": obj{"id": ch.ID}}
	if already {
		out["no_op"], out["already_open"] = true, true
	}
	if c.flag("return_im") {
		out["channel"] = c.channelJSON(ch)
	}
	return out
}

func (c *call) conversationsJoin() (obj, error) {
	ch, err := c.byID(c.str("channel"))
	if err != nil {
		return nil, err
	}
	switch {
	case ch.Private:
		return nil, fail("method_not_supported_for_channel_type")
	case ch.Archived:
		return nil, fail("is_archived")
	}
	out := obj{}
	if ch.BotMember {
		out["warning"] = "already_in_channel"
		out["response_metadata"] = obj{"warnings": []string{"already_in_channel"}}
	}
	ch.BotMember = true
	out["channel"] = c.channelJSON(ch)
	c.changed(Change{Kind: "channel", Channel: ch.ID})
	return out, nil
}

func (c *call) conversationsInfo() (obj, error) {
	ch, err := c.readable("read")
	if err != nil {
		return nil, err
	}
	out := c.channelJSON(ch)
	if c.flag("include_num_members") {
		out["num_members"] = len(c.membersOf(ch))
	}
	return obj{"channel": out}, nil
}

// readable returns the channel of a reading method, after the scope for its kind was checked.
func (c *call) readable(right string) (*channel, error) {
	ch, err := c.byID(c.str("channel"))
	if err != nil {
		return nil, err
	}
	return ch, c.needScope(ch.kind() + ":" + right)
}

func (c *call) conversationsList() (obj, error) {
	kinds := map[string]string{"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}
	var want []string
	for t := range strings.SplitSeq(or(c.str("types"), "public_channel"), ",") {
		kind, ok := kinds[strings.TrimSpace(t)]
		if !ok {
			return nil, fail("invalid_types")
		}
		if err := c.needScope(kind + ":read"); err != nil {
			return nil, err
		}
		want = append(want, kind)
	}
	list := arr{}
	for _, id := range sortedKeys(c.channels) {
		ch := c.channels[id]
		if !slices.Contains(want, ch.kind()) || (ch.Private && !ch.BotMember) || (ch.Archived && c.flag("exclude_archived")) {
			continue
		}
		list = append(list, c.channelJSON(ch))
	}
	part, next, err := page(c, list, 1000, 100)
	if err != nil {
		return nil, err
	}
	return obj{"channels": part, "response_metadata": cursorMeta(next)}, nil
}

func (c *call) conversationsMembers() (obj, error) {
	ch, err := c.readable("read")
	if err != nil {
		return nil, err
	}
	part, next, err := page(c, c.membersOf(ch), 1000, 100)
	if err != nil {
		return nil, err
	}
	return obj{"members": part, "response_metadata": cursorMeta(next)}, nil
}

func (c *call) conversationsHistory() (obj, error) {
	ch, err := c.readable("history")
	if err != nil {
		return nil, err
	}
	if !ch.BotMember {
		return nil, fail("not_in_channel")
	}
	var list []obj
	for _, m := range slices.Backward(ch.messages) {
		if m.thread != "" && m.thread != m.ts && !m.broadcast {
			continue
		}
		if c.within(m.ts) {
			list = append(list, c.messageJSON(m))
		}
	}
	return c.history(list)
}

func (c *call) conversationsReplies() (obj, error) {
	ch, err := c.readable("history")
	if err != nil {
		return nil, err
	}
	if !ch.BotMember {
		return nil, fail("not_in_channel")
	}
	root := ch.message(c.str("ts"))
	if root == nil {
		return nil, fail("thread_not_found")
	}
	thread := or(root.thread, root.ts)
	var list []obj
	for _, m := range ch.messages {
		if (m.ts == thread || m.thread == thread) && (m.ts == thread || c.within(m.ts)) {
			list = append(list, c.messageJSON(m))
		}
	}
	return c.history(list)
}

// within applies oldest, latest and inclusive.
func (c *call) within(ts string) bool {
	oldest, latest := c.str("oldest"), c.str("latest")
	if c.flag("inclusive") && (ts == oldest || ts == latest) {
		return true
	}
	return (oldest == "" || later(ts, oldest)) && (latest == "" || later(latest, ts))
}

func later(a, b string) bool { return compareTS(a, b) > 0 }

// compareTS orders timestamps whose seconds may have different numbers of digits.
func compareTS(a, b string) int {
	x, xFraction, _ := strings.Cut(a, ".")
	y, yFraction, _ := strings.Cut(b, ".")
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y), strings.Compare(xFraction, yFraction))
}

func (c *call) history(list []obj) (obj, error) {
	part, next, err := page(c, list, 999, 100)
	if err != nil {
		return nil, err
	}
	if part == nil {
		part = []obj{}
	}
	out := obj{"messages": part, "has_more": next != "", "pin_count": 0}
	if next != "" {
		out["response_metadata"] = cursorMeta(next)
	}
	return out, nil
}
