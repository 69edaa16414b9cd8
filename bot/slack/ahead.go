package slack

import (
	"context"
	"errors"
	"sync"
	"time"

	"apono/bot/chat"
)

// momentPatience is how long the answer to a command or press may take before a
// dialog is opened without it. A trigger works for three seconds, and opening takes
// a part of them.
// https://docs.slack.dev/interactivity/handling-user-interaction#trigger-ids
const momentPatience = 300 * time.Millisecond

// triggerPatience is how long after a delivery a dialog may still be opened: of the three
// seconds of its trigger the rest is for the call, and for what Slack took to deliver.
const triggerPatience = 2400 * time.Millisecond

// errTooLate is why nobody works any more on what is to open.
var errTooLate = errors.New("the trigger is dead")

// ahead is a dialog that is opened before it is known what belongs in it, because to
// find that out takes longer than the trigger works.
type ahead struct {
	mu    sync.Mutex
	begun bool
	over  chan struct{} // closed when it need not begin any more
	done  chan struct{} // closed when viewID is settled
	id    string
}

// oneMoment opens a dialog for a place, unless it is answered before.
func (a *Adapter) oneMoment(ctx context.Context, at place) *ahead {
	m := &ahead{over: make(chan struct{}), done: make(chan struct{})}
	a.working.add(1)
	go func() {
		defer a.working.add(-1)
		defer close(m.done)
		wait := time.NewTimer(momentPatience - time.Since(at.arrived))
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-m.over:
		}
		if !m.begin() {
			return
		}
		bounded(func(ctx context.Context) {
			id, err := a.client.openForm(ctx, at, loading("Please wait"))
			if err != nil {
				a.log.WarnContext(ctx, "slack form could not be opened ahead", "after", time.Since(at.arrived), "error", err)
				return
			}
			m.id = id
		})(ctx)
	}()
	return m
}

// loading is what a dialog shows until its content is there.
func loading(title string) chat.Form {
	return chat.Form{ID: chat.FormNotice, Title: title, Close: "Close", Parts: []chat.Part{{Kind: chat.PartNote, Text: chat.T("One moment …")}}}
}

func (m *ahead) begin() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.over:
		return false
	default:
	}
	m.begun = true
	return true
}

// opening keeps a dialog from being opened ahead, and reports whether it is too late
// for that.
func (m *ahead) opening() bool {
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.over:
	default:
		if !m.begun {
			close(m.over)
		}
	}
	return m.begun
}

// view is the dialog that was opened ahead; empty: there is none.
func (m *ahead) view() string {
	if !m.opening() {
		return ""
	}
	<-m.done
	return m.id
}

// whileOpen bounds the work on what a dialog is to show: it ends with errTooLate once
// the trigger is dead and nothing is on the screen, so that it costs no more calls.
func whileOpen(ctx context.Context, at place) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(time.Until(at.arrived.Add(triggerPatience)), func() {
		if at.moment.view() == "" {
			cancel(errTooLate)
		}
	})
	return ctx, func() { timer.Stop(); cancel(nil) }
}
