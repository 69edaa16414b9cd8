package slacksim

import (
	"slices"
	"strconv"
	"strings"
)

func itoa(i int) string { return strconv.Itoa(i) }

// target returns the conversation that the app may write into.
func (c *call) target(ref string) (*channel, error) {
	if u := c.users[ref]; u != nil {
		if u.Deleted || u.IsBot || !c.visible(u) {
			return nil, fail("channel_not_found")
		}
		return c.dm(ref), nil
	}
	ch, err := c.seen(ref)
	switch {
	case err != nil:
		return nil, err
	case ch.Archived:
		return nil, fail("is_archived")
	case !ch.BotMember && !c.granted("chat:write.public"):
		return nil, fail("not_in_channel")
	case ch.isIM() && c.users[ch.direct[0]].Deleted:
		return nil, fail("channel_not_found")
	}
	return ch, nil
}

// disguise refuses what only other apps may do.
func (c *call) disguise() error {
	if c.flag("as_user") {
		return fail("as_user_not_supported")
	}
	for _, k := range []string{"username", "icon_url", "icon_emoji"} {
		if c.str(k) != "" {
			return c.needScope("chat:write.customize")
		}
	}
	return nil
}

func (c *call) postMessage() (obj, error) {
	ch, err := c.target(c.str("channel"))
	if err != nil {
		return nil, err
	}
	if err := c.disguise(); err != nil {
		return nil, err
	}
	ct, err := c.content()
	if err != nil {
		return nil, err
	}
	if ct.empty() {
		return nil, fail("no_text")
	}
	c.wantFallback(ct)
	m := &message{channel: ch.ID, broadcast: c.flag("reply_broadcast")}
	if m.thread, err = c.thread(ch); err != nil {
		return nil, err
	}
	c.fill(m, ct)
	c.store(ch, m)
	return obj{"channel": ch.ID, "ts": m.ts, "message": c.messageJSON(m)}, nil
}

// wantFallback notes a message whose notification and screen reader text would be empty.
func (c *call) wantFallback(ct content) {
	if strings.TrimSpace(ct.text) == "" && ct.markdown == "" && len(ct.blocks) > 0 {
		c.violate(NoFallback, c.method, "blocks without text")
	}
}

// visible says whether the bot can reach a person: strangers only where both are in a channel.
func (w *Workspace) visible(u *User) bool {
	if !u.IsStranger {
		return true
	}
	for _, ch := range w.channels {
		if ch.BotMember && slices.Contains(ch.Members, u.ID) {
			return true
		}
	}
	return false
}

// thread returns the root that a message answers to. Slack posts an answer to a missing root into the channel.
func (c *call) thread(ch *channel) (string, error) {
	ts := c.str("thread_ts")
	if ts == "" {
		return "", nil
	}
	if !tsForm.MatchString(ts) {
		return "", fail("invalid_thread_ts")
	}
	root := ch.message(ts)
	if root == nil {
		if slices.ContainsFunc(ch.ephemerals, func(m *message) bool { return m.ts == ts }) {
			return "", fail("cannot_reply_to_message")
		}
		c.violate(LostThread, c.method, "no message "+ts+" in "+ch.ID)
		return "", nil
	}
	return or(root.thread, root.ts), nil
}

// fill puts new content into a message of the app.
func (w *Workspace) fill(m *message, ct content) {
	m.user, m.byApp = w.opts.BotUserID, true
	m.text, m.markdown, m.linkNames = ct.text, ct.markdown, ct.linkNames
	if utf16Len(m.text) > maxTextSent {
		w.violate(TruncatedText, m.channel, "text of "+itoa(utf16Len(m.text))+" characters was cut to 40000")
		m.text = cutText(m.text, maxTextSent)
	}
	m.blocks, m.attachments, m.metadata = ct.blocks, ct.attachments, ct.metadata
	if m.markdown != "" {
		m.blocks = w.nameBlocks(arr{obj{"type": "markdown", "text": m.markdown}})
	}
}

func cutText(s string, most int) string {
	n := 0
	for i, r := range s {
		n += utf16Len(string(r))
		if n > most {
			return s[:i]
		}
	}
	return s
}

func (w *Workspace) store(ch *channel, m *message) {
	m.ts = w.ids.ts()
	if m.ephemeralTo != "" {
		ch.ephemerals = append(ch.ephemerals, m)
		w.changed(Change{Kind: "ephemeral", Channel: ch.ID, User: m.ephemeralTo, TS: m.ts})
		return
	}
	ch.messages = append(ch.messages, m)
	w.changed(Change{Kind: "message", Channel: ch.ID, TS: m.ts})
	w.tell(ch, w.messageEvent(ch, m))
}

func (c *call) postEphemeral() (obj, error) {
	ref := c.str("channel")
	if c.users[ref] != nil {
		return nil, fail("channel_not_found")
	}
	ch, err := c.target(ref)
	if err != nil {
		return nil, err
	}
	if err := c.disguise(); err != nil {
		return nil, err
	}
	user := c.str("user")
	if user == "" {
		return nil, argument("missing required field: user", "/user")
	}
	if u := c.users[user]; u == nil || u.Deleted || !ch.hasMember(user) {
		return nil, fail("user_not_in_channel")
	}
	ct, err := c.content()
	if err != nil {
		return nil, err
	}
	if ct.empty() {
		return nil, fail("no_text")
	}
	c.wantFallback(ct)
	m := &message{channel: ch.ID, ephemeralTo: user}
	if m.thread, err = c.thread(ch); err != nil {
		return nil, err
	}
	c.fill(m, ct)
	c.store(ch, m)
	return obj{"message_ts": m.ts}, nil
}

// own returns a message of the app itself.
func (c *call) own(ts, otherwise string) (*channel, *message, error) {
	ch, err := c.byID(c.str("channel"))
	if err != nil {
		return nil, nil, err
	}
	if !tsForm.MatchString(ts) {
		return nil, nil, fail("message_not_found")
	}
	m := ch.message(ts)
	switch {
	case m == nil: // an ephemeral message is not found either
		return nil, nil, fail("message_not_found")
	case !m.byApp:
		return nil, nil, fail(otherwise)
	case ch.Archived:
		return nil, nil, fail("is_archived")
	}
	return ch, m, nil
}

func (c *call) updateMessage() (obj, error) {
	ch, m, err := c.own(c.str("ts"), "cant_update_message")
	if err != nil {
		return nil, err
	}
	ct, err := c.content()
	if err != nil {
		return nil, err
	}
	if len(ct.text) > maxTextEdited {
		return nil, fail("msg_too_long")
	}
	if ct.empty() && !ct.hasMetadata {
		return nil, fail("no_text")
	}
	c.edit(m, ct)
	c.changed(Change{Kind: "message", Channel: ch.ID, TS: m.ts})
	return obj{"channel": ch.ID, "ts": m.ts, "text": m.text, "message": c.messageJSON(m)}, nil
}

// edit replaces what was given. Text without blocks removes the old blocks; with blocks no "(edited)" is shown.
func (w *Workspace) edit(m *message, ct content) {
	before := w.messageJSON(m)
	next := ct
	if !ct.hasText {
		next.text = m.text
	}
	if !ct.hasBlocks && ct.text == "" && ct.markdown == "" {
		next.blocks = m.blocks
	}
	if !ct.hasAttachments {
		next.attachments = m.attachments
	}
	if !ct.hasMetadata {
		next.metadata = m.metadata
	}
	w.fill(m, next)
	m.edited = obj{"user": w.opts.BotUserID, "ts": itoa64(w.opts.Now().Unix()) + ".000000"}
	m.showEdited = !ct.hasBlocks || len(ct.blocks) == 0
	m.keepValues()
	if m.ephemeralTo == "" {
		w.tellEdited(w.channels[m.channel], m, before)
	}
}

func itoa64(i int64) string { return strconv.FormatInt(i, 10) }

func (c *call) deleteMessage() (obj, error) {
	ch, m, err := c.own(c.str("ts"), "cant_delete_message")
	if err != nil {
		return nil, err
	}
	c.remove(ch, m)
	return obj{"channel": ch.ID, "ts": m.ts}, nil
}

func (w *Workspace) remove(ch *channel, m *message) {
	if m.ephemeralTo == "" {
		w.tellDeleted(ch, m)
	}
	ch.messages = slices.DeleteFunc(ch.messages, func(x *message) bool { return x == m })
	ch.ephemerals = slices.DeleteFunc(ch.ephemerals, func(x *message) bool { return x == m })
	w.changed(Change{Kind: "message", Channel: ch.ID, TS: m.ts})
}

func (c *call) permalink() (obj, error) {
	ch, err := c.byID(c.str("channel"))
	if err != nil {
		return nil, err
	}
	m := ch.message(c.str("message_ts"))
	if m == nil {
		return nil, fail("message_not_found")
	}
	link := "https://" + c.opts.TeamDomain + ".slack.com/archives/" + ch.ID + "/p" + strings.Replace(m.ts, ".", "", 1)
	if m.thread != "" && m.thread != m.ts {
		link += "?thread_ts=" + m.thread + "&cid=" + ch.ID
	}
	return obj{"channel": ch.ID, "permalink": link}, nil
}

func (c *call) reactionsAdd() (obj, error) {
	ch, err := c.byID(c.str("channel"))
	if err != nil {
		return nil, err
	}
	name := strings.Trim(c.str("name"), ":")
	m := ch.message(c.str("timestamp"))
	switch {
	case name == "" || strings.ContainsAny(name, " \t\n"):
		return nil, fail("invalid_name")
	case c.str("timestamp") == "":
		return nil, fail("no_item_specified")
	case m == nil:
		return nil, fail("message_not_found")
	case !ch.BotMember:
		return nil, fail("not_in_channel")
	}
	i := slices.IndexFunc(m.reactions, func(r reaction) bool { return r.name == name })
	if i >= 0 && slices.Contains(m.reactions[i].users, c.opts.BotUserID) {
		return nil, fail("already_reacted")
	}
	if i < 0 {
		m.reactions = append(m.reactions, reaction{name: name})
		i = len(m.reactions) - 1
	}
	m.reactions[i].users = append(m.reactions[i].users, c.opts.BotUserID)
	c.changed(Change{Kind: "message", Channel: ch.ID, TS: m.ts})
	return obj{}, nil
}
