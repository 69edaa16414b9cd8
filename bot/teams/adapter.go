package teams

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/infracloudio/msbotbuilder-go/schema"

	"apono/bot/chat"
	"apono/bot/platform"
)

// Time limits.
const (
	// invokeBudget is what a handler gets of the five seconds that Teams waits for
	// the answer to an invoke.
	// https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/task-modules/task-modules-bots
	invokeBudget = 4 * time.Second
	// workLimit bounds what is done behind an answer.
	workLimit = 2 * time.Minute
	// drainLimit bounds how long Run waits for work under way when it ends.
	drainLimit = 30 * time.Second
	// repeatFor is how long the answer to an invoke is kept for a client that did
	// not get it and asks again, and repeatID for a connector that does.
	repeatFor = 10 * time.Second
	repeatID  = 2 * time.Minute
	// sentFor is how long it is known of a form within a message that it was sent.
	sentFor = 24 * time.Hour
)

// Adapter receives. It translates what people do into calls of a chat.Handler, and
// its answers into what people see. It is the http.Handler of /api/messages.
type Adapter struct {
	client  *Client
	handler chat.Handler
	inbox   platform.Inbox
	log     *slog.Logger
	meter   platform.Meter

	invokes   *repeats
	newcomers *newcomers
	sent      platform.Cache[struct{}] // what was filled in within a message and is done

	mu       sync.Mutex
	stopping bool
	stopped  chan struct{} // closed with stopping
	working  sync.WaitGroup
}

// NewAdapter makes an adapter that receives for client.
func NewAdapter(client *Client, handler chat.Handler, inbox platform.Inbox) *Adapter {
	return &Adapter{
		client: client, handler: handler, inbox: inbox, log: client.log, meter: client.meter,
		invokes: &repeats{all: map[string]*repeat{}}, newcomers: newNewcomers(), sent: platform.NewCache[struct{}](sentFor), stopped: make(chan struct{}),
	}
}

// Ready reports whether requests of Teams can be authenticated.
func (a *Adapter) Ready() bool { return a.client.check.keys.ready() }

// Run handles what an earlier run left undone, and waits for ctx. When it returns,
// what was under way is finished or, after 30 seconds, left undone in the inbox.
// Requests that arrive after ctx ended are turned away. It may be called once.
func (a *Adapter) Run(ctx context.Context) error {
	a.Ready() //nolint:contextcheck // begins to fetch the keys, for all requests
	a.replay(ctx)
	a.arriving(ctx)
	<-ctx.Done()
	a.mu.Lock()
	a.stopping = true
	close(a.stopped)
	a.mu.Unlock()
	done := make(chan struct{})
	go func() { a.working.Wait(); close(done) }()
	timer := time.NewTimer(drainLimit)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		a.log.WarnContext(ctx, "teams work is left for the next start")
	}
	return nil
}

// background does work that outlives its request; false when the adapter stops.
func (a *Adapter) background(ctx context.Context, kind string, f func(context.Context)) bool {
	return a.backgroundFor(ctx, workLimit, kind, f)
}

func (a *Adapter) backgroundFor(ctx context.Context, limit time.Duration, kind string, f func(context.Context)) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopping {
		return false
	}
	a.working.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
		a.guard(ctx, kind, func() { f(ctx) })
	})
	return true
}

// guard runs f and survives its panic.
func (a *Adapter) guard(ctx context.Context, kind string, f func()) (ended bool) {
	return platform.Guard(ctx, a.log, a.meter, CountPanic, kind, f)
}

// ServeHTTP takes one activity.
func (a *Adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	got, ok := a.client.admit(w, r)
	if !ok {
		return
	}
	ctx, kind := r.Context(), kindOf(got.Activity)
	a.meter.Count(CountReceived, kind)
	out := response{status: http.StatusInternalServerError}
	a.guard(ctx, kind, func() { out = a.take(ctx, got) })
	switch {
	case out.status == http.StatusNotImplemented:
		a.log.InfoContext(ctx, "teams invoke is none that this bot knows")
	case out.status >= 500:
		a.log.ErrorContext(ctx, "teams activity was not taken", "kind", kind, "status", out.status, "error", out.err)
	}
	if out.body == nil && out.status >= 400 && (kind == "adaptiveCard/action" || kind == "application/search") {
		out.body = refused(out.status).body
	}
	if out.body != nil {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body) // the connector is gone; it asks again
}

// response is the answer to a request.
type response struct {
	status int
	body   []byte
	err    error
	// late, if set, says the same in a message, for whoever waits no longer.
	late func(ctx context.Context)
	// lateBody, if set, is what repeats get where that was so.
	lateBody []byte
	// shown, if set, is called with whether somebody waited for it, which is shown once.
	shown func(ctx context.Context, inTime bool)
	// again, if set, is the answer to another press that came meanwhile. One that comes
	// later is worked out anew: there is something to go on with, and it may be another.
	again func() response
}

func answerWith(v any) response {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return response{status: http.StatusInternalServerError, err: err}
	}
	return response{status: http.StatusOK, body: b.Bytes()}
}

// refused is an invoke's answer that says why there is none.
// https://learn.microsoft.com/adaptive-cards/authoring-cards/universal-action-model#response-format
func refused(status int) response {
	sentence := platform.Sorry.Private.Fallback
	switch status {
	case http.StatusBadRequest:
		sentence = chat.OtherVersion
	case http.StatusForbidden:
		sentence = "Teams does not say who you are, so I can do nothing for you."
	case http.StatusServiceUnavailable:
		sentence = "I am being restarted. Please try again in a moment."
	}
	return answerWith(obj{
		"statusCode": status, "type": "application/vnd.microsoft.error",
		"value": obj{"code": strings.ReplaceAll(http.StatusText(status), " ", ""), "message": sentence},
	})
}

// kindOf names an activity, from a closed set.
func kindOf(a schema.Activity) string {
	switch a.Type {
	case schema.Message, schema.ConversationUpdate, schema.InstallationUpdate:
		return string(a.Type)
	case schema.Invoke:
		switch a.Name {
		case "adaptiveCard/action", "task/fetch", "task/submit", "application/search":
			return a.Name
		}
		return "invoke"
	}
	return "other"
}

func user(a schema.Activity) chat.User {
	return chat.User{Platform: Platform, ID: a.From.AadObjectID, Team: a.Conversation.TenantID}
}

func (a *Adapter) take(ctx context.Context, got received) response {
	accepted := response{status: http.StatusAccepted}
	keep := a.client.meet
	if got.Type == schema.InstallationUpdate && got.Action == "remove" || among(got.MembersRemoved, a.client.bot()) {
		keep = a.client.part
	}
	if err := keep(ctx, got); err != nil {
		return response{status: http.StatusInternalServerError, err: err}
	}
	switch kindOf(got.Activity) {
	case "message":
		return a.message(ctx, got)
	case "installationUpdate", "conversationUpdate":
		if got.arrival(a.client.bot()) && got.Conversation.ConversationType == personal {
			a.welcome(ctx, user(got.Activity))
		}
		return accepted
	case "other":
		return accepted
	case "invoke":
		return response{status: http.StatusNotImplemented}
	}
	if got.From.AadObjectID == "" {
		return response{status: http.StatusForbidden}
	}
	return a.invoke(ctx, got)
}

// among reports whether the bot is one of those that an event is about.
func among(members []schema.ChannelAccount, bot string) bool {
	return slices.ContainsFunc(members, func(m schema.ChannelAccount) bool { return m.ID == bot })
}

// arrival reports whether an event tells that somebody got the app.
func (got received) arrival(bot string) bool {
	switch got.Type {
	case schema.InstallationUpdate, schema.ConversationUpdate:
		return got.Action == "add" || among(got.MembersAdded, bot)
	}
	return false
}

var errStopping = errors.New("the bot is stopping")

// invoke answers within Teams' time. A repeat of an invoke gets the answer of the
// first, also while that is being worked out. A client repeats under an id of its own,
// as somebody does who presses twice and means it. So a press under another id has its
// own answer where that can make a difference: what is shown once is another look, and
// a form is another form. What only says what was done is the same within repeatFor;
// the service would refuse most of it as done already.
func (a *Adapter) invoke(ctx context.Context, got received) response {
	one, first := a.invokes.join(got, time.Now(), false)
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), invokeBudget)
	defer cancel()
	for {
		if first {
			a.begin(ctx, got, one)
		} else {
			a.meter.Count(CountDuplicate, kindOf(got.Activity))
		}
		if !a.await(ctx, wait, one, first || one.is(got)) {
			a.meter.Count(CountLate, kindOf(got.Activity))
			return a.late(got, one)
		}
		switch {
		case first || one.is(got) || ctx.Err() != nil:
			return one.out
		case one.out.again != nil:
			return one.out.again()
		case one.out.shown == nil:
			return one.out
		}
		select {
		case <-one.recorded:
		case <-wait.Done():
		}
		one, first = a.invokes.join(got, time.Now(), true)
	}
}

// begin works out the answer to an invoke behind the request.
func (a *Adapter) begin(ctx context.Context, got received, one *repeat) {
	kind := kindOf(got.Activity)
	if !a.background(ctx, kind, func(ctx context.Context) {
		out, kept := response{status: http.StatusInternalServerError, err: errors.New("the handler panicked")}, a.keep(ctx, got, one)
		defer func() {
			late, kept := one.settle(out, time.Now()), kept()
			if out.shown != nil {
				a.guard(ctx, kind, func() { out.shown(ctx, !late) })
			}
			close(one.recorded)
			if late && out.late != nil {
				a.guard(ctx, kind, func() { out.late(ctx) })
				return
			}
			if kept {
				p, _ := pressOf(got)
				a.finish(ctx, p.Key)
			}
		}()
		out = a.invoked(ctx, got)
	}) {
		one.settle(response{status: http.StatusServiceUnavailable, err: errStopping}, time.Now())
	}
}

// await waits for the answer; false: it is not there in time. own: it would be shown to
// whoever waits, who may hang up.
func (a *Adapter) await(ctx, wait context.Context, one *repeat, own bool) bool {
	hungUp := ctx.Done()
	if !own {
		hungUp = nil
	}
	for {
		select {
		case <-one.done:
			return true
		case <-hungUp:
			one.hangUp()
			hungUp = nil
		case <-wait.Done():
			return !one.leave()
		}
	}
}

func (a *Adapter) invoked(ctx context.Context, got received) response {
	switch got.Name {
	case "adaptiveCard/action":
		return a.executed(ctx, got)
	case "task/fetch":
		return a.fetched(ctx, got)
	case "task/submit":
		return a.submitted(ctx, got)
	}
	return a.searched(ctx, got)
}
