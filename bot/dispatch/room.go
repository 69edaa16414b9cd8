package dispatch

import "apono/flows"

// Pools of what waits for the platform's limits: however many redraws wait, there is room for
// messages that nobody has seen yet, and for those whose buttons do nothing any more;
// and however many of these wait, for the card of an approver.
const (
	redrawPool = "redraw"
	stalePool  = "stale"
	firstPool  = "first"
)

// room is known of what was looked at: before, nobody knows whether it is a first message.
func (d *chats) room(key string) room {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rooms[key]
}

// roomOf a first message is shared by all to one person: platforms take messages to one chat
// slowly, and a hundred to one approver must not hold up those to others.
func roomOf(key flows.PostKey) room {
	if key.Audience == flows.AudienceApprover {
		return room{spareless, key.Person} // however many messages wait, the audit channel is told
	}
	return room{firstPool, key.Person}
}

func (d *chats) known(key string, r room) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rooms[key] = r
}

// looked forgets what was known: the task is done, or something else may be true of it.
func (d *chats) looked(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.rooms, key)
}
