package slacksim

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"
)

// envelope is one payload on its way to the app.
type envelope struct {
	id, kind string
	accepts  bool
	conn     *conn
	sent     time.Time
	copies   int // how often it was delivered
	acks     int
	expired  bool
	ack      any
	done     chan struct{} // closed at the first ack in time
	late     *Violation    // which a late ack makes more exact
}

// UserError is what Slack shows the acting person when the app did not do its part.
type UserError struct {
	Code string // operation_timeout, dispatch_failed, invalid_command, invalid_response, …
	Text string
}

func (e *UserError) Error() string { return e.Code + ": " + e.Text }

func timeoutError() error {
	return &UserError{"operation_timeout", "The app did not answer in time."}
}

func deliveryError() error {
	return &UserError{"dispatch_failed", "The app is not reachable."}
}

// send gives an envelope to exactly one connection; build makes the payload for the host that the app knows.
// It returns nil when no connection is open. The workspace is locked.
func (w *Workspace) send(kind string, accepts bool, extra obj, build func(host string) obj) *envelope {
	c := w.pick()
	if c == nil {
		return nil
	}
	e := &envelope{id: w.ids.uuid(), kind: kind, accepts: accepts, conn: c, sent: time.Now(), done: make(chan struct{}), copies: 1}
	payload := build(c.host)
	frame := obj{"envelope_id": e.id, "type": kind, "payload": payload, "accepts_response_payload": accepts}
	maps.Copy(frame, extra)
	w.sockets.waiting[e.id] = e
	copied := w.faults.duplicates > 0
	if copied {
		w.faults.duplicates--
		e.copies++
	}
	w.hold(func() {
		c.put(frame)
		if other := w.pick(); copied && other != nil {
			other.put(frame)
		}
	})
	w.log(Entry{Kind: "envelope", Method: kind, ID: e.id, Args: payload})
	return e
}

// await waits for the ack of an envelope. That the connection went away without one is no fault of the app.
func (w *Workspace) await(ctx context.Context, e *envelope) (err error) {
	timer := time.NewTimer(w.opts.Patience)
	defer timer.Stop()
	select {
	case <-e.done:
		return nil
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	case <-w.stop:
		err = deliveryError()
	}
	w.mu.Lock()
	defer w.unlock()
	select {
	case <-e.done: // at the very last moment
		return nil
	default:
	}
	e.expired = true
	if err != nil {
		return err
	}
	if e.conn.gone() {
		return timeoutError()
	}
	e.late = w.violate(NoAck, e.id, "no ack for "+e.kind+" within "+itoa(int(w.opts.Patience/time.Second))+" s")
	return timeoutError()
}

// exchangeEnvelope sends an interactive envelope and waits for its ack.
func (w *Workspace) exchangeEnvelope(ctx context.Context, kind string, build func(host string) obj) (*envelope, error) {
	w.mu.Lock()
	e := w.send(kind, true, nil, build)
	w.unlock()
	if e == nil {
		return nil, deliveryError()
	}
	return e, w.await(ctx, e)
}

// acked takes one frame from the app.
func (w *Workspace) acked(raw []byte) {
	w.mu.Lock()
	defer w.unlock()
	var frame struct {
		EnvelopeID string          `json:"envelope_id"`
		Payload    json.RawMessage `json:"payload"`
	}
	err := json.Unmarshal(raw, &frame)
	if err == nil && frame.EnvelopeID == "" {
		err = errors.New("no envelope_id")
	}
	if err != nil {
		w.violate(BadAck, "", err.Error())
		return
	}
	var payload any
	if len(frame.Payload) > 0 {
		if payload, err = decodeJSON(frame.Payload); err != nil {
			w.violate(BadAck, frame.EnvelopeID, err.Error())
			return
		}
	}
	w.log(Entry{Kind: "ack", ID: frame.EnvelopeID, Args: payload})
	w.settle(frame.EnvelopeID, payload)
}

func (w *Workspace) settle(id string, payload any) {
	e := w.sockets.waiting[id]
	if e == nil {
		w.violate(UnknownAck, id, "no envelope with this id was sent")
		return
	}
	e.acks++
	switch {
	case e.acks > e.copies:
		w.violate(DuplicateAck, id, "ack "+itoa(e.acks)+" for "+e.kind)
	case e.acks > 1: // of a copy
	case e.expired && e.late != nil:
		e.late.Kind, e.late.Detail = LateAck, "ack for "+e.kind+" after "+time.Since(e.sent).String()
	case e.expired:
	default:
		if !e.accepts && !isVoid(payload) {
			w.violate(UnexpectedPayload, id, e.kind+" accepts no response payload")
		}
		e.ack = payload
		close(e.done)
	}
}

// isVoid says whether a payload carries nothing.
func isVoid(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case obj:
		return len(v) == 0
	case string:
		return v == ""
	}
	return false
}

// event is one Events API event with its deliveries.
type event struct {
	id      string
	body    obj
	at      time.Time
	attempt int
}

// retryDelays are the times from one failed delivery of an event to the next.
var retryDelays = []time.Duration{0, time.Minute, 5 * time.Minute}

// emit delivers an event to the app if it subscribed to it, and again until it is acknowledged or given up.
func (w *Workspace) emit(body obj, subscription string) {
	if !w.subscribed(subscription) || w.closed {
		return
	}
	ev := &event{id: w.ids.next("Ev"), body: body, at: time.Now()}
	w.deliver(ev, "")
}

func (w *Workspace) subscribed(kind string) bool {
	return slices.Contains(w.opts.Events, kind)
}

func (w *Workspace) deliver(ev *event, reason string) {
	extra := obj{"retry_attempt": ev.attempt, "retry_reason": reason}
	e := w.send("events_api", false, extra, func(string) obj {
		return obj{
			"token": "verification-token", "team_id": w.opts.TeamID, "context_team_id": w.opts.TeamID, "api_app_id": w.opts.AppID,
			"event": ev.body, "type": "event_callback", "event_id": ev.id, "event_time": ev.at.Unix(),
			"authorizations": arr{obj{
				"enterprise_id": nil, "team_id": w.opts.TeamID, "user_id": w.opts.BotUserID, "is_bot": true, "is_enterprise_install": false,
			}}, "is_ext_shared_channel": false,
		}
	})
	if e == nil {
		w.retry(ev, "connection_failed")
		return
	}
	w.running.Go(func() {
		if w.await(context.Background(), e) != nil {
			w.mu.Lock()
			defer w.unlock()
			w.retry(ev, "timeout")
		}
	})
}

func (w *Workspace) retry(ev *event, reason string) {
	if ev.attempt >= len(retryDelays) || w.closed {
		return
	}
	d := retryDelays[ev.attempt]
	ev.attempt++
	w.after(d, func() {
		w.mu.Lock()
		defer w.unlock()
		w.deliver(ev, reason)
	})
}
