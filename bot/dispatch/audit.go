package dispatch

import (
	"context"
	"fmt"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// DefaultAuditPace is between two messages in the audit channel. Slack takes one
// message a second in a channel: https://docs.slack.dev/apis/web-api/rate-limits
const DefaultAuditPace = time.Second

const (
	auditMergeOver = 3  // with more events waiting than this, several go into one message
	auditMergeMax  = 15 // events in one message
	auditRead      = 200
)

// audit tells the channel what it has not been told: each event once, in order.
// The cursor follows each message, so a crash in between repeats one message, the
// same, and loses none. Nothing but a message that the channel took moves it past an event
// that must be told.
func (d *chats) audit(ctx context.Context, stop <-chan struct{}, t flows.Task) outcome {
	told := false
	// A new fact makes the task due at once. That does not shorten what the platform
	// asked for.
	if wait := time.Until(d.notBefore); wait > 0 {
		return again(ResultRetry, d.Now().Add(wait), d.refusal)
	}
	for {
		cursor, err := d.Posts.AuditCursor()
		if err != nil {
			return d.storeFailed(t, err)
		}
		events, err := d.Posts.Audit(cursor+1, auditRead)
		if err != nil {
			return d.storeFailed(t, err)
		}
		if len(events) == 0 && told {
			return done(ResultDone)
		}
		if len(events) == 0 {
			return done(ResultNothing)
		}
		batch, last, repeat, err := d.batch(events)
		if err != nil {
			return d.storeFailed(t, err)
		}
		if len(batch) > 0 {
			// Those that come while this one waits may go with it.
			if wait := time.Until(d.audited.Add(d.AuditPace)); wait > 0 {
				if !pause(stop, wait) {
					return stopped(context.Canceled)
				}
				continue
			}
			if told {
				t.Tries = 0 // the channel takes messages again
			}
			n, o := d.tell(ctx, t, batch, repeat)
			if n == 0 {
				return o
			}
			told, last = true, batch[n-1].Seq
		}
		if err := d.Posts.AdvanceAudit(context.WithoutCancel(ctx), last); err != nil {
			return d.storeFailed(t, err)
		}
	}
}

// batch picks the events of the next message, and the seq up to which the channel
// is done once it took them. Without any, the channel need not be told of these.
// A message that may have left already is made again as it was: repeat.
func (d *chats) batch(events []flows.AuditEvent) (batch []flows.AuditEvent, last uint64, repeat bool, err error) {
	var told []flows.AuditEvent
	for _, e := range events {
		if e.Fact.Kind.Told() && d.hasAudit() {
			told = append(told, e)
		}
	}
	if len(told) == 0 {
		return nil, events[len(events)-1].Seq, false, nil
	}
	to, repeat, err := d.Posts.AuditPosting()
	if err != nil {
		return nil, 0, false, err
	}
	repeat = repeat && to >= told[0].Seq
	n := 1
	switch {
	case repeat:
		for n < min(len(told), auditMergeMax) && told[n].Seq <= to {
			n++
		}
	case len(told) > auditMergeOver:
		n = min(len(told), auditMergeMax)
		for n > 1 && !d.fits(d.Renderer.Audit(told[:n])) {
			n--
		}
	default:
		n = d.notes(told)
	}
	return told[:n], told[n-1].Seq, repeat, nil
}

// notes counts the first events that are told as one though few wait: notes for operators,
// such as that three of those who were asked cannot be reached.
func (d *chats) notes(told []flows.AuditEvent) (n int) {
	note := func(e flows.AuditEvent) bool { return e.Fact.Kind == flows.FactOperator && e.Fact.Hold == "" }
	n = 1
	for n < len(told) && note(told[n-1]) && note(told[n]) && d.fits(d.Renderer.Audit(told[:n+1])) {
		n++
	}
	return n
}

// fits reports whether every platform shows all of an audit message.
func (d *chats) fits(card chat.Card) bool {
	for _, p := range d.platforms {
		if f, ok := p.Messenger.(Fitter); ok && p.audits() && !f.Fits(card) {
			return false
		}
	}
	return true
}

// tell posts one message and says how many events it told. Events that the
// platform refuses together are told one by one, and one that it refuses alone by
// its bare name: what cannot be drawn must not silence the rest. A repeat is looked
// for before it is posted.
func (d *chats) tell(ctx context.Context, t flows.Task, batch []flows.AuditEvent, repeat bool) (int, outcome) {
	if err := d.Posts.SetAuditPosting(context.WithoutCancel(ctx), batch[len(batch)-1].Seq); err != nil {
		return 0, d.storeFailed(t, err)
	}
	m := auditMessage{card: d.Renderer.Audit(batch), key: auditKey(batch), since: batch[len(batch)-1].At.Add(-lookBack), repeat: repeat}
	err := d.sendAudit(ctx, m)
	if chat.KindOf(err) == chat.ErrorRefused && len(batch) > 1 {
		batch = batch[:1]
		m.card, m.key = d.Renderer.Audit(batch), auditKey(batch)
		err = d.sendAudit(ctx, m)
	}
	if chat.KindOf(err) == chat.ErrorRefused {
		d.Log.ErrorContext(ctx, "audit_message_refused", "event", batch[0].Seq, "request", batch[0].Fact.Request, "error", err)
		m.card = bareAudit(batch[0])
		if d.sendAudit(ctx, m) == nil {
			return 1, outcome{}
		}
	}
	if err == nil {
		return len(batch), outcome{}
	}
	if ended(ctx, err) {
		return 0, stopped(err)
	}
	result := ResultUnknown
	switch chat.KindOf(err) {
	case chat.ErrorRefused:
		result = ResultRefused
	case chat.ErrorGone:
		result = ResultGone
	case chat.ErrorRetry:
		result = ResultRetry
		d.notBefore, d.refusal = time.Now().Add(chat.RetryAfterOf(err)), err
	case chat.ErrorUnknown:
	}
	return 0, again(result, d.Now().Add(auditBackoff.delay(t.Key, t.Tries, chat.RetryAfterOf(err))), err)
}

// auditMessage is a message to the audit channel of every platform.
type auditMessage struct {
	card   chat.Card
	key    string
	since  time.Time // no such message is older
	repeat bool      // it may be there
}

// auditKey names a message by its last event: no other has that hash, not even one
// of the same number after a restore.
func auditKey(batch []flows.AuditEvent) string {
	first, last := batch[0], batch[len(batch)-1]
	return fmt.Sprintf("audit/%d-%d/%.16s", first.Seq, last.Seq, last.Hash)
}

// bareAudit names an event that could not be drawn, by nothing but what the bot
// itself made up.
func bareAudit(e flows.AuditEvent) chat.Card {
	name := fmt.Sprintf("Audit event %d: %s", e.Seq, e.Fact.Kind)
	if e.Fact.Request != "" {
		name += " of " + e.Fact.Request
	}
	return chat.Card{
		Body:     chat.T(name),
		Notes:    []chat.Text{chat.T("The chat platform refused the full text. It is in the audit trail.")},
		Fallback: name,
	}
}

// pause waits, and reports false if the bot stops first.
func pause(stop <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-stop:
		return false
	}
}
