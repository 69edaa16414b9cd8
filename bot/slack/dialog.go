package slack

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"apono/bot/chat"
)

// change takes a live change in a dialog. It is not committed: the next change, or
// the submission, carries all values again.
func (a *Adapter) change(ctx context.Context, d delivery, in interaction) {
	defer a.ack(ctx, d, nil) // after the change has its place in the line
	if len(in.Actions) == 0 || in.View.ID == "" {
		return
	}
	p := pending{
		event: chat.FormEvent{User: in.user(), Form: chat.FormID(in.View.CallbackID), State: in.View.Metadata, Values: in.View.values()},
		hash:  in.View.Hash, at: in.Actions[0].ActionTS, arrived: d.arrived,
	}
	if t := in.Actions[0].Type; t == "button" || t == "overflow" {
		id, _, err := parseAction(in.Actions[0].ActionID, in.Actions[0].Value, in.Actions[0].SelectedOption.Value)
		if err != nil {
			a.log.WarnContext(ctx, "slack button in a dialog cannot be read", "error", err)
			return
		}
		p.event.Action = id
	} else {
		p.event.Field, p.typed = actionOf(in.Actions[0].ActionID), t == "plain_text_input"
	}
	line := a.lines.of(in.View.ID, d.arrived)
	if line.join(p) {
		a.workOff(ctx, in.View.ID, line)
	}
}

func (a *Adapter) workOff(ctx context.Context, viewID string, line *viewLine) {
	a.background(ctx, "change", func(ctx context.Context) { a.work(ctx, viewID, line) })
}

// work handles the changes of one dialog one after the other.
func (a *Adapter) work(ctx context.Context, viewID string, line *viewLine) {
	for {
		p, ok := line.next()
		if !ok {
			return
		}
		if p.typed {
			if sleep(ctx, typingPause-time.Since(p.arrived)); line.overtaken() {
				continue
			}
		}
		var form *chat.Form
		a.guard(ctx, "change", func() { form = a.handler.Change(ctx, line.current(p, time.Now())) })
		if form == nil || line.shows(*form) {
			continue
		}
		if line.putBack(p) {
			return
		}
		var hash string
		err := a.persist(ctx, func() (err error) {
			hash, err = a.client.redrawForm(ctx, viewID, *form)
			return err
		})
		switch {
		case err == nil:
			line.drew(hash, *form, time.Now())
		case chat.KindOf(err) == chat.ErrorGone, chat.CodeOf(err) == codeConflict, line.isHeld(): // closed meanwhile, or another is there
		default:
			a.meter.Count(CountDropped, "redraw")
			a.log.WarnContext(ctx, "slack dialog could not be redrawn", "form", string(form.ID), "error", err)
		}
	}
}

// pending is a change that waits for its turn.
type pending struct {
	event chat.FormEvent
	hash  string // of the view as the person saw it
	at    string // Slack's time of the act, "1700000000.123456"
	typed bool   // one key of several, maybe

	arrived time.Time
}

// typingPause is how long nothing must be typed before a dialog is redrawn.
const typingPause = 400 * time.Millisecond

// before compares Slack's times. Deliveries of one dialog may overtake each other.
func (p pending) before(q pending) bool {
	if len(p.at) != len(q.at) {
		return len(p.at) < len(q.at)
	}
	return p.at < q.at
}

// viewLine puts the changes of one dialog in the order in which they were made, so
// that a newer redraw is never overwritten by an older one.
type viewLine struct {
	mu      sync.Mutex
	queue   []pending
	newest  pending // that was handled
	busy    bool
	held    bool // while a submission is under way, and for good once it was taken
	used    time.Time
	hash    string // of our last redraw
	state   string // that it carried
	look    string // of the dialog since then
	drawnAt time.Time
}

// settle is how long after a redraw a change may still come from the dialog as it
// was before.
const settle = 5 * time.Second

// join adds a change and reports whether the caller has to work the line off. A
// change without a button is left out when a newer one is there: that has its values
// too.
func (l *viewLine) join(p pending) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := len(l.queue)
	for at > 0 && p.before(l.queue[at-1]) {
		at--
	}
	overtaken := at < len(l.queue) || p.before(l.newest)
	switch {
	case overtaken && p.event.Action == "":
		return false
	case at > 0 && l.queue[at-1].event.Action == "":
		l.queue[at-1] = p
	default:
		l.queue = slices.Insert(l.queue, at, p)
	}
	return l.begin()
}

// begin reports whether the caller has to work the line off. The caller holds mu.
func (l *viewLine) begin() bool {
	if l.busy || l.held || len(l.queue) == 0 {
		return false
	}
	l.busy = true
	return true
}

// hold stops the redraws: the dialog was submitted, and most are gone then.
func (l *viewLine) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = true
}

// release goes on after a submission that was not taken: the dialog is still open. It
// reports whether the caller has to work the line off.
func (l *viewLine) release() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = false
	return l.begin()
}

func (l *viewLine) isHeld() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

// putBack keeps a change for later if the dialog was submitted since it was taken
// from the line, and reports whether it did.
func (l *viewLine) putBack(p pending) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held {
		l.queue, l.busy = slices.Insert(l.queue, 0, p), false
	}
	return l.held
}

func (l *viewLine) next() (pending, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 || l.held {
		l.busy = false
		return pending{}, false
	}
	p := l.queue[0]
	l.queue = l.queue[1:]
	if p.before(l.newest) { // a button that was overtaken
		p.event.Values = l.newest.event.Values
	} else {
		l.newest = p
	}
	return p, true
}

// current is the event with the state of the dialog as it is now. Where the person
// acted before a redraw reached the screen, the event carries the state of before;
// to work on that would undo the redraw.
func (l *viewLine) current(p pending, now time.Time) chat.FormEvent {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hash != "" && p.hash != l.hash && now.Sub(l.drawnAt) < settle {
		p.event.State = l.state
	}
	return p.event
}

func (l *viewLine) drew(hash string, form chat.Form, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hash, l.state, l.drawnAt, l.look = hash, form.State, now, lookOf(form)
}

// overtaken reports whether a newer change waits, which has the values of this one too.
func (l *viewLine) overtaken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) > 0 && l.queue[0].event.Action == ""
}

// shows reports whether the dialog looks like this already, but for what is typed in it.
func (l *viewLine) shows(form chat.Form) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.look != "" && l.look == lookOf(form)
}

// lookOf is what a redraw would change: a field keeps what was typed as long as its
// generation stays.
func lookOf(form chat.Form) string {
	form.Parts = slices.Clone(form.Parts)
	for i := range form.Parts {
		if form.Parts[i].Kind == chat.PartInput {
			form.Parts[i].Value = ""
		}
	}
	b, err := json.Marshal(form)
	if err != nil {
		return "" // (this is a bug)
	}
	return string(b)
}

// lines are the dialogs that were changed lately.
type lines struct {
	mu  sync.Mutex
	all map[string]*viewLine
}

func (s *lines) of(viewID string, now time.Time) *viewLine {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) > 1000 {
		for id, l := range s.all {
			if now.Sub(l.used) > time.Hour {
				delete(s.all, id)
			}
		}
	}
	l := s.all[viewID]
	if l == nil {
		l = &viewLine{}
		s.all[viewID] = l
	}
	l.used = now
	return l
}

func (s *lines) forget(viewID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, viewID)
}

// submit takes a submission. Its outcome has to be in the ack. If it does not come in
// time there is no ack: the dialog stays open with all that was typed, Slack says
// that there was trouble, and pressing Submit again is the same submission.
func (a *Adapter) submit(ctx context.Context, d delivery, in interaction) {
	e := chat.FormEvent{
		User: in.user(), Form: chat.FormID(in.View.CallbackID), State: in.View.Metadata,
		Values: in.View.values(), Key: in.View.submissionKey(),
	}
	line, open := a.lines.of(in.View.ID, d.arrived), true
	line.hold()
	defer func() {
		if open && line.release() {
			a.workOff(ctx, in.View.ID, line)
		}
	}()
	outcomes := make(chan chat.Submitted, 1)
	if !a.answering(ctx, a.submissions, "submission", func(ctx context.Context) {
		var out chat.Submitted
		if a.guard(ctx, "submission", func() { out = a.handler.Submit(ctx, e) }) {
			outcomes <- out
		}
		close(outcomes)
	}) {
		a.meter.Count(CountUnacked, "submission")
		a.log.WarnContext(ctx, "slack submission is not acknowledged: too many wait", "form", string(e.Form))
		return
	}
	budget := time.NewTimer(ackBudget - time.Since(d.arrived))
	defer budget.Stop()
	select {
	case out, ok := <-outcomes:
		if !ok {
			a.unreadable(ctx, d, errors.New("the handler panicked"))
			return
		}
		open = len(out.Errors) > 0
		a.submitted(ctx, d, in, out)
	case <-budget.C:
		a.meter.Count(CountUnacked, "submission")
		a.log.WarnContext(ctx, "slack submission took too long and is not acknowledged", "form", string(e.Form))
	}
}

func (a *Adapter) submitted(ctx context.Context, d delivery, in interaction, out chat.Submitted) {
	switch {
	case len(out.Errors) > 0:
		if places := in.View.errorPlaces(out.Errors); len(places) > 0 {
			a.ack(ctx, d, slack.NewErrorsViewSubmissionResponse(places))
			return
		}
		a.show(ctx, d, in, noticeOf(out.Errors))
	case out.Show != nil:
		a.show(ctx, d, in, *out.Show)
	default:
		a.lines.forget(in.View.ID)
		a.ack(ctx, d, slack.NewClearViewSubmissionResponse())
	}
}

// noticeOf says errors for which the dialog has no field.
func noticeOf(byField map[string]string) chat.Form {
	f := chat.Form{ID: chat.FormNotice, Title: "Not possible", Close: "Close"}
	for _, text := range byField {
		f.Parts = append(f.Parts, chat.Part{Kind: chat.PartText, Text: chat.T(text)})
	}
	return f
}

// show replaces the dialog, within the ack where it fits.
func (a *Adapter) show(ctx context.Context, d delivery, in interaction, form chat.Form) {
	a.lines.forget(in.View.ID)
	view, err := RenderForm(form)
	if err != nil {
		a.unreadable(ctx, d, err)
		return
	}
	if a.ackSmall(ctx, d, slack.NewUpdateViewSubmissionResponse(&view)) {
		return
	}
	view, err = RenderForm(loading(form.Title))
	if err != nil || !a.ackSmall(ctx, d, slack.NewUpdateViewSubmissionResponse(&view)) {
		return
	}
	a.background(ctx, "submission", func(ctx context.Context) {
		if err := a.persist(ctx, func() error { _, err := a.client.redrawForm(ctx, in.View.ID, form); return err }); err != nil {
			a.meter.Count(CountDropped, "form")
			a.log.WarnContext(ctx, "slack dialog could not be shown", "form", string(form.ID), "error", err)
		}
	})
}
