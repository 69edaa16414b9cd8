package slack

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"apono/bot/platform"
)

// repeatTTL is how long a delivery is remembered: longer than Slack repeats one.
// https://docs.slack.dev/apis/events-api#retries
const repeatTTL = 90 * time.Minute

// repeats are the deliveries that were taken lately. What was not acknowledged is not
// among them: Slack delivers it again so that it is done.
type repeats struct {
	mu    sync.Mutex
	taken platform.Cache[chan struct{}] // closed when the first one is through
}

func newRepeats() *repeats { return &repeats{taken: platform.NewCache[chan struct{}](repeatTTL)} }

// first notes a delivery. For a repeat it returns what to wait for.
func (r *repeats) first(key string) (through chan struct{}, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if through, ok := r.taken.Get(key); ok {
		return through, false
	}
	through = make(chan struct{})
	r.taken.Put(key, through)
	return through, true
}

// eventKey is the same in every repeat of a delivery; empty where a repeat has to be
// answered like the first one: the answer to a submission or a search is in its ack,
// and to do one twice does no harm.
func (d delivery) eventKey() string {
	var p struct {
		Type    string `json:"type"`
		Trigger string `json:"trigger_id"`
		Event   string `json:"event_id"`
	}
	if json.Unmarshal(d.Payload, &p) != nil {
		return ""
	}
	switch {
	case d.Type == "interactive" && (p.Type == "view_submission" || p.Type == "block_suggestion"):
		return ""
	case p.Event != "":
		return "event/" + p.Event
	case p.Trigger != "":
		return "trigger/" + p.Trigger
	case d.ID != "":
		return "envelope/" + d.ID
	}
	return ""
}

// once runs f for the first of equal deliveries. A repeat is acknowledged after the
// first one was, so that it does not take the place of an answer.
func (a *Adapter) once(ctx context.Context, d delivery, f func()) {
	key := d.eventKey()
	if key == "" {
		f()
		return
	}
	through, first := a.repeats.first(key)
	if !first {
		a.meter.Count(CountDuplicate, d.Type)
		select {
		case <-through:
			a.ack(ctx, d, nil)
		case <-ctx.Done():
		}
		return
	}
	defer func() {
		if !d.acked.Load() {
			a.repeats.taken.Drop(key)
		}
		close(through)
	}()
	f()
}
