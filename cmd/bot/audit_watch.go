package main

import (
	"context"
	"strings"
	"sync"

	"apono/bot/dispatch"
	"apono/bot/platform"
	"apono/flows"
)

// auditWatch knows whether the audit channel takes messages. While it takes none the bot
// serves: events wait, none is lost, and a restart mends nothing. So it is no matter of
// Ready, but said beside it, on the home of admins, and by the preflight, which looks at
// once when that changes and tells every admin what to do.
type auditWatch struct {
	app  *App
	look chan struct{} // holds one

	mu      sync.Mutex
	refused bool   // the last message was, whatever a look says
	problem string // what the last look found; empty: nothing
}

func newAuditWatch(a *App) *auditWatch { return &auditWatch{app: a, look: make(chan struct{}, 1)} }

// tried takes note of a try to tell the channel.
func (w *auditWatch) tried(t dispatch.Try) {
	refused := t.Result == dispatch.ResultRefused || t.Result == dispatch.ResultGone
	if t.Kind != flows.EffectAuditChannel || !refused && t.Result != dispatch.ResultDone {
		return
	}
	w.mu.Lock()
	before := w.refused || !refused && w.problem != ""
	w.refused = refused
	if !refused {
		w.problem = ""
	}
	w.mu.Unlock()
	if before == refused {
		return
	}
	select {
	case w.look <- struct{}{}:
	default: // one is wanted already
	}
}

// found takes note of what a look found.
func (w *auditWatch) found(problems []platform.Problem) {
	var of []platform.Problem
	for _, p := range problems {
		if p.Setting == "slack.audit_channel" || p.Setting == "teams.audit_conversation" {
			of = append(of, p)
		}
	}
	w.mu.Lock()
	w.problem = strings.Join(sentences(of), " ")
	w.mu.Unlock()
	w.app.touchPeople()
}

// Problem is why the audit channel takes no messages; empty: it does, as far as is known.
func (w *auditWatch) Problem() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.problem == "" && w.refused {
		return "The chat platform refuses messages to the audit channel; the log says why."
	}
	return w.problem
}

// run has the preflight look when something has changed.
func (w *auditWatch) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.look:
			w.app.preflight.again(ctx)
		}
	}
}

// Warnings say what does not work although the bot serves, by part.
func (a *App) Warnings() map[string]string {
	all := map[string]string{}
	if p := a.audit.Problem(); p != "" {
		all["audit_channel"] = p
	}
	if a.file.away.Load() {
		all["store"] = storeAway + " " + storeTodo
	}
	return all
}
