package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// Platform is a chat platform on which messages are shown.
type Platform struct {
	Name      string // of chat.MessageRef.Platform
	Messenger chat.Messenger
	// AuditChannel reports whether there is an audit channel at this moment; nil: none.
	AuditChannel func() bool
}

func (p Platform) audits() bool { return p.AuditChannel != nil && p.AuditChannel() }

func newChats(o ChatOptions) *chats {
	first := Platform{Name: cmp.Or(o.Platform, "slack"), Messenger: o.Messenger, AuditChannel: o.AuditChannel}
	return &chats{
		ChatOptions: o, rooms: map[string]room{}, took: map[string]string{}, platforms: append([]Platform{first}, o.Others...),
	}
}

// copyOn is the record of a message on one platform. The record without a platform's
// name belongs to the platform on which the message is, else to the first one: which
// that is may change from one start to the next.
func (d *chats) copyOn(platform string, key flows.PostKey) (flows.Post, bool, error) {
	key = key.On("")
	p, known, err := d.Posts.Post(key)
	if err != nil {
		return flows.Post{}, false, err
	}
	if cmp.Or(p.Platform, d.platforms[0].Name) != platform {
		key = key.On(platform)
		if p, known, err = d.Posts.Post(key); err != nil {
			return flows.Post{}, false, err
		}
	}
	p.Key = key
	return p, known, nil
}

// shown reports whether a message is on the screen, and for every platform that it is
// or that nobody can be reached there. p is the copy that was drawn last.
func (d *chats) shown(key flows.PostKey) (p flows.Post, ok bool, err error) {
	for _, platform := range d.on(key) {
		one, _, err := d.copyOn(platform.Name, key)
		if err != nil {
			return p, false, err
		}
		switch {
		case one.Message == "" && (len(d.platforms) == 1 || !strings.HasPrefix(one.Shows, goneMark)):
			return p, false, nil
		case one.Message != "" && (!ok || one.At.After(p.At)):
			p, ok = one, true
		}
	}
	return p, ok, nil
}

// on is where the message of a task is shown: everywhere, or on the one platform that
// the task names.
func (d *chats) on(key flows.PostKey) []Platform {
	for i, p := range d.platforms {
		if p.Name == key.Platform {
			return d.platforms[i : i+1]
		}
	}
	return d.platforms
}

// everywhere shows the message of a task on its platforms, at once, so that one that
// cannot be reached holds up no other. What fails somewhere is tried again, and finds
// the others as they should be.
func (d *chats) everywhere(ctx context.Context, t flows.Task, r *flows.Request) outcome {
	platforms := d.on(t.Effect.Post)
	nobody := &lost{}
	outcomes := make([]outcome, len(platforms))
	var all sync.WaitGroup
	for i, p := range platforms {
		m := message{chats: d, Platform: p, task: t, r: *r, lost: nobody}
		if i == len(platforms)-1 {
			outcomes[i] = m.inOrder(ctx)
			break
		}
		all.Go(func() {
			outcomes[i] = m.survive(ctx)
		})
	}
	all.Wait()
	worst := outcomes[0]
	for _, o := range outcomes[1:] {
		if worse(o, worst) {
			worst = o
		}
	}
	if worst.verdict == verdictDone && len(d.platforms) > 1 {
		return d.unreached(ctx, t, nobody, worst)
	}
	return worst
}

// survive is inOrder, with a panic as one more try.
func (m message) survive(ctx context.Context) (o outcome) {
	defer func() {
		if v := recover(); v != nil {
			m.Log.ErrorContext(ctx, "task_panicked", "task", m.task.Key, "panic", fmt.Sprint(v), "stack", stack())
			o = again(ResultPanic, m.Now().Add(chatBackoff.delay(m.task.Key, m.task.Tries, 0)), &panicked{v})
		}
	}()
	return m.inOrder(ctx)
}

// worse orders outcomes: one that has to be tried again, soonest first, goes before
// what is done, and what did something before what did nothing.
func worse(a, b outcome) bool {
	switch {
	case a.verdict != b.verdict:
		return a.verdict != verdictDone && (b.verdict == verdictDone || a.verdict == verdictLeave)
	case a.verdict == verdictAgain:
		return a.due.Before(b.due)
	}
	return a.result == ResultDone || b.result == ResultNothing
}

// lost collects the messages for which a person cannot be reached somewhere.
type lost struct {
	mu    sync.Mutex
	keys  []flows.PostKey
	n     map[flows.PostKey]int
	fresh map[flows.PostKey]bool
	cause map[flows.PostKey]error
}

func (l *lost) add(key flows.PostKey, cause error, fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n == nil {
		l.n, l.fresh, l.cause = map[flows.PostKey]int{}, map[flows.PostKey]bool{}, map[flows.PostKey]error{}
	}
	if l.n[key] == 0 {
		l.keys = append(l.keys, key)
	}
	l.n[key]++
	l.fresh[key] = l.fresh[key] || fresh
	l.cause[key] = errors.Join(l.cause[key], cause)
}

// unreached tells the operator, once for each message, that a person can be reached on
// no platform.
func (d *chats) unreached(ctx context.Context, t flows.Task, l *lost, o outcome) outcome {
	ctx = context.WithoutCancel(ctx)
	for _, key := range l.keys {
		if l.n[key] < len(d.platforms) {
			continue
		}
		d.Log.ErrorContext(ctx, "message_not_shown", "request", key.Request, "task", t.Key, "attempt", t.Tries+1, "error", l.cause[key])
		if err := d.silent(ctx, key); err != nil {
			return d.storeFailed(t, err)
		}
		if !l.fresh[key] {
			continue
		}
		if err := d.Posts.Record(ctx, d.Now(), flows.Fact{Kind: flows.FactOperator, Text: notReached(key)}); err != nil {
			return d.storeFailed(t, err)
		}
	}
	return o
}

func (d *chats) hasAudit() bool {
	for _, p := range d.platforms {
		if p.audits() {
			return true
		}
	}
	return false
}

// sendAudit sends a card to the audit channel of every platform. One that took it is
// not sent it again while another has not.
func (d *chats) sendAudit(ctx context.Context, m auditMessage) error {
	hash := hashOf(m.card)
	var first error
	for _, p := range d.platforms {
		if !p.audits() || d.took[p.Name] == hash {
			continue
		}
		if err := p.postAudit(ctx, m); err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		d.took[p.Name] = hash
	}
	if first == nil {
		clear(d.took)
	}
	d.audited = time.Now()
	return first
}

// postAudit posts an audit message, unless it is a repeat and there already. Who may
// not look posts, and it may show twice.
func (p Platform) postAudit(ctx context.Context, m auditMessage) error {
	k, ok := p.Messenger.(KeyedAudit)
	if !ok {
		_, err := p.Messenger.PostAudit(ctx, m.card)
		return err
	}
	if m.repeat {
		_, found, err := k.FindAudit(ctx, m.key, m.since)
		if found || err != nil && chat.KindOf(err) != chat.ErrorRefused {
			return err
		}
	}
	_, err := k.PostAuditKeyed(ctx, m.card, m.key)
	return err
}
