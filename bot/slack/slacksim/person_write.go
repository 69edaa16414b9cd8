package slacksim

import (
	"fmt"
	"strings"
)

// Send writes into a conversation (id or #name) as the person types it: text is data, "@" plus the bot's name is a
// mention. Apps in the conversation get a message event.
func (p *Person) Send(channel, text string) (Message, error) { return p.send(channel, "", text) }

// Answer writes into the thread of a message.
func (p *Person) Answer(m Message, text string) (Message, error) {
	return p.send(m.Channel, or(m.ThreadTS, m.TS), text)
}

// SendDM writes to the bot.
func (p *Person) SendDM(text string) (Message, error) {
	p.w.mu.Lock()
	err := p.may()
	id := ""
	if err == nil {
		id = p.w.dm(p.id).ID
	}
	p.w.unlock()
	if err != nil {
		return Message{}, err
	}
	return p.Send(id, text)
}

func (p *Person) send(channel, thread, text string) (Message, error) {
	w := p.w
	w.mu.Lock()
	defer w.unlock()
	if err := p.may(); err != nil {
		return Message{}, err
	}
	ch := w.find(channel)
	if ch == nil || !ch.hasMember(p.id) || ch.Archived {
		return Message{}, fmt.Errorf("%w: %s cannot write into %s", ErrCannot, p.id, channel)
	}
	raw := escaping.Replace(text)
	mention := "<@" + w.opts.BotUserID + ">"
	raw = strings.ReplaceAll(raw, "@"+w.opts.BotName, mention)
	m := &message{channel: ch.ID, user: p.id, text: raw, thread: thread}
	w.store(ch, m)
	if ch.BotMember && strings.Contains(raw, mention) && !ch.isIM() {
		body := w.messageEvent(ch, m)
		body["type"] = "app_mention"
		delete(body, "channel_type")
		w.emit(body, "app_mention")
	}
	return w.show(m, p.id), nil
}

// messageEvent is the event that a message in a conversation causes.
func (w *Workspace) messageEvent(ch *channel, m *message) obj {
	out := w.messageJSON(m)
	out["channel"], out["event_ts"] = ch.ID, m.ts
	out["channel_type"] = map[string]string{"channels": "channel", "groups": "group", "im": "im", "mpim": "mpim"}[ch.kind()]
	return out
}

// tell emits a message event for those who are in the conversation; the app hears of its own messages, too.
func (w *Workspace) tell(ch *channel, body obj) {
	kind := ch.kind()
	if !ch.BotMember || !w.granted(kind+":history") {
		return
	}
	w.emit(body, "message."+kind)
}

func (w *Workspace) tellEdited(ch *channel, m *message, before obj) {
	ts := w.ids.ts()
	body := obj{
		"type": "message", "subtype": "message_changed", "hidden": true, "channel": ch.ID, "ts": ts, "event_ts": ts,
		"message": w.messageJSON(m), "previous_message": before, "channel_type": w.messageEvent(ch, m)["channel_type"],
	}
	w.tell(ch, body)
}

func (w *Workspace) tellDeleted(ch *channel, m *message) {
	ts := w.ids.ts()
	w.tell(ch, obj{
		"type": "message", "subtype": "message_deleted", "hidden": true, "channel": ch.ID, "ts": ts, "event_ts": ts,
		"deleted_ts": m.ts, "previous_message": w.messageJSON(m), "channel_type": w.messageEvent(ch, m)["channel_type"],
	})
}
