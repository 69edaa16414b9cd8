package slacksim

import (
	"slices"
	"time"
)

// Outage is a way for the Web API to be out.
type Outage string

// Ways to be out.
const (
	Refuse      Outage = "refuse" // connections are closed without an answer
	ServerError Outage = "500"    // HTTP 500 with a text body
	Hang        Outage = "hang"   // no answer until the outage is over; then the connection is closed
)

type faultState struct {
	outage      Outage
	outageUntil time.Time
	forced      map[string]*throttle
	failing     map[string][]string
	losing      map[string]int
	ackDelay    time.Duration
	duplicates  int
	reorder     int      // envelopes still to hold back
	held        []func() // each delivers one
	heldSince   time.Time
	noSockets   time.Time
	skew        time.Duration
}

type throttle struct {
	left  int
	after time.Duration
}

func (f *faultState) init() {
	f.forced, f.failing, f.losing = map[string]*throttle{}, map[string][]string{}, map[string]int{}
}

// Faults makes the workspace misbehave as Slack does on bad days.
type Faults struct{ w *Workspace }

// Faults returns the switchboard of misbehaviour.
func (w *Workspace) Faults() Faults { return Faults{w} }

// Outage takes the Web API, response URLs and uploads out for d. Open sockets stay.
func (f Faults) Outage(kind Outage, d time.Duration) {
	f.w.mu.Lock()
	defer f.w.unlock()
	f.w.faults.outage, f.w.faults.outageUntil = kind, time.Now().Add(d)
}

// RateLimit answers the next n calls of method with 429 and Retry-After.
func (f Faults) RateLimit(method string, n int, retryAfter time.Duration) {
	f.w.mu.Lock()
	defer f.w.unlock()
	f.w.faults.forced[method] = &throttle{n, retryAfter}
}

// Fail answers the next calls of method with the given error codes, one each.
func (f Faults) Fail(method string, codes ...string) {
	f.w.mu.Lock()
	defer f.w.unlock()
	f.w.faults.failing[method] = append(f.w.faults.failing[method], codes...)
}

// LoseAnswer carries out the next n calls of method but closes the connection instead of answering.
func (f Faults) LoseAnswer(method string, n int) {
	f.w.mu.Lock()
	defer f.w.unlock()
	f.w.faults.losing[method] += n
}

// DelayAcks holds every ack back for d before Slack sees it; 0 ends it.
func (f Faults) DelayAcks(d time.Duration) {
	f.w.mu.Lock()
	defer f.w.unlock()
	f.w.faults.ackDelay = d
}

// Duplicate delivers each of the next n envelopes twice, over another socket where there is one.
func (f Faults) Duplicate(n int) {
	f.w.mu.Lock()
	defer f.w.unlock()
	f.w.faults.duplicates = n
}

// Reorder holds the next n envelopes back and delivers them the wrong way round, the last one first, once all n have
// come or the first has waited for a second.
func (f Faults) Reorder(n int) {
	f.w.mu.Lock()
	defer f.w.unlock()
	f.w.releaseHeld()
	f.w.faults.reorder = n
}

// RefuseSockets refuses new sockets for d. apps.connections.open still answers.
func (f Faults) RefuseSockets(d time.Duration) {
	f.w.mu.Lock()
	defer f.w.unlock()
	f.w.faults.noSockets = time.Now().Add(d)
}

// Skew sets Slack's clock d ahead of the real one, as the Date of its answers tells; 0 ends it.
func (f Faults) Skew(d time.Duration) {
	f.w.mu.Lock()
	defer f.w.unlock()
	f.w.faults.skew = d
}

// DropSockets breaks all open sockets without a word and returns how many there were.
func (f Faults) DropSockets() int {
	f.w.mu.Lock()
	open := f.w.sockets.open
	f.w.unlock()
	for _, c := range open {
		c.shut()
	}
	return len(open)
}

// Disconnect sends a disconnect message with the reason over all open sockets: warning, refresh_requested,
// too_many_websockets, link_disabled. All but warning also end the socket; after link_disabled
// apps.connections.open answers with an error until RestoreLink.
func (f Faults) Disconnect(reason string) {
	f.w.mu.Lock()
	defer f.w.unlock()
	f.w.sockets.disabled = f.w.sockets.disabled || reason == "link_disabled"
	for _, c := range f.w.sockets.open {
		f.w.disconnect(c, reason)
	}
}

// RestoreLink ends link_disabled.
func (f Faults) RestoreLink() {
	f.w.mu.Lock()
	defer f.w.unlock()
	f.w.sockets.disabled = false
}

// reorderTime is how long an envelope waits for those that shall overtake it, well within the time for an ack, and
// reorderGap what lies between two of them, which travel over different sockets.
const (
	reorderTime = time.Second
	reorderGap  = 100 * time.Millisecond
)

// hold delivers an envelope now, or keeps it back for Reorder. The workspace is locked.
func (w *Workspace) hold(deliver func()) {
	f := &w.faults
	if f.reorder == 0 {
		deliver()
		return
	}
	if len(f.held) == 0 {
		since := time.Now()
		f.heldSince = since
		w.after(reorderTime, func() {
			w.mu.Lock()
			defer w.unlock()
			if f.heldSince.Equal(since) {
				w.releaseHeld()
			}
		})
	}
	f.held = append(f.held, deliver)
	if len(f.held) == f.reorder {
		w.releaseHeld()
	}
}

// releaseHeld delivers what is held back, the last first, and ends Reorder. The workspace is locked.
func (w *Workspace) releaseHeld() {
	f := &w.faults
	if len(f.held) == 0 {
		return
	}
	slices.Reverse(f.held)
	for i, deliver := range f.held {
		w.after(time.Duration(i)*reorderGap, func() {
			w.mu.Lock()
			defer w.unlock()
			deliver()
		})
	}
	f.held, f.reorder = nil, 0
}

func (f *faultState) outageNow() (Outage, time.Duration) {
	left := time.Until(f.outageUntil)
	if left <= 0 {
		return "", 0
	}
	return f.outage, left
}

func (f *faultState) throttles(method string) (time.Duration, bool) {
	t := f.forced[method]
	if t == nil || t.left == 0 {
		return 0, false
	}
	t.left--
	return t.after, true
}

func (f *faultState) fails(method string) string {
	codes := f.failing[method]
	if len(codes) == 0 {
		return ""
	}
	f.failing[method] = codes[1:]
	return codes[0]
}

func (f *faultState) loses(method string) bool {
	if f.losing[method] == 0 {
		return false
	}
	f.losing[method]--
	return true
}
