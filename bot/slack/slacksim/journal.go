package slacksim

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Entry is one thing that went over the wire, for a developer's log.
type Entry struct {
	At     time.Time
	Kind   string // call, response_url, upload, envelope, ack, socket
	Method string // Web API method, envelope type, or socket event
	ID     string // envelope id or socket id, where there is one
	// Args are the arguments of a call without its token, or the payload of an envelope or ack.
	Args   any
	Status int             // HTTP status of a call
	Answer json.RawMessage // body of the answer to a call
	Err    string          // Slack's error code, where there was one
}

// Violation is something that Slack punishes without telling the app, or only by a worse view for people.
type Violation struct {
	At     time.Time
	Kind   string // one of the Violation constants
	ID     string // envelope id, view id or method
	Detail string
}

// Kinds of Violation.
const (
	NoAck             = "no_ack"             // no ack within 3 s while the socket was open
	LateAck           = "late_ack"           // an ack came, but later than 3 s
	OversizeAck       = "oversize_ack"       // 20,480 bytes or more: dropped
	UnknownAck        = "unknown_ack"        // for an envelope that was never sent
	DuplicateAck      = "duplicate_ack"      // a second ack for an envelope delivered once
	BadAck            = "bad_ack"            // not JSON, or without an envelope_id
	UnexpectedPayload = "unexpected_payload" // a payload where Slack ignores it
	InvalidPayload    = "invalid_payload"    // a payload that Slack refuses
	BadSuggestions    = "bad_suggestions"    // an answer to block_suggestion that Slack shows as no results
	TruncatedText     = "truncated_text"     // text over 40,000 characters was cut
	NoFallback        = "no_fallback"        // blocks without text: the notification says nothing
	LostThread        = "lost_thread"        // a reply whose thread does not exist was posted to the channel
	TokenInQuery      = "token_in_query"     // Slack takes no tokens there
	OpenOverModal     = "open_over_modal"    // views.open from inside a modal: some clients never show it
)

// Change says that something people see has changed. It names what to look at again, not what is new.
type Change struct {
	Kind    string // message, ephemeral, view, home, channel, user, group, socket
	Channel string
	User    string
	TS      string
	View    string
}

type journal struct {
	limit      int
	entries    []Entry
	violations []*Violation
	limited    map[string]int
	pending    []func() // hook calls due when the lock is released
}

type watchers struct {
	nextID int
	change map[int]func(Change)
	log    map[int]func(Entry)
}

// unlock releases the lock and then tells the hooks what happened, in order.
func (w *Workspace) unlock() {
	due := w.journal.pending
	w.journal.pending = nil
	w.mu.Unlock()
	for _, f := range due {
		f()
	}
}

func (w *Workspace) changed(c Change) {
	for _, id := range sortedInts(w.watchers.change) {
		f := w.watchers.change[id]
		w.journal.pending = append(w.journal.pending, func() { f(c) })
	}
}

func (w *Workspace) log(e Entry) {
	e.At = w.opts.Now()
	w.journal.entries = append(w.journal.entries, e)
	if over := len(w.journal.entries) - w.journal.limit; over > w.journal.limit/4 {
		w.journal.entries = slices.Delete(w.journal.entries, 0, over)
	}
	for _, id := range sortedInts(w.watchers.log) {
		f := w.watchers.log[id]
		w.journal.pending = append(w.journal.pending, func() { f(e) })
	}
}

func (w *Workspace) violate(kind, id, detail string) *Violation {
	v := &Violation{At: w.opts.Now(), Kind: kind, ID: id, Detail: detail}
	w.journal.violations = append(w.journal.violations, v)
	return v
}

// Violations returns what the app did wrong so far in ways that Slack does not report. A test asserts that it is empty.
func (w *Workspace) Violations() []Violation {
	w.mu.Lock()
	defer w.unlock()
	var out []Violation
	for _, v := range w.journal.violations {
		out = append(out, *v)
	}
	return out
}

// ForgetViolations empties the list, for tests that provoke one.
func (w *Workspace) ForgetViolations() {
	w.mu.Lock()
	defer w.unlock()
	w.journal.violations = nil
}

// Log returns what went over the wire, oldest first.
func (w *Workspace) Log() []Entry {
	w.mu.Lock()
	defer w.unlock()
	return slices.Clone(w.journal.entries)
}

// Calls returns the Web API calls of one method, or all with an empty method.
func (w *Workspace) Calls(method string) []Entry {
	return slices.DeleteFunc(w.Log(), func(e Entry) bool {
		return e.Kind != "call" || (method != "" && e.Method != method)
	})
}

// RateLimited returns how many 429 answers each method was given.
func (w *Workspace) RateLimited() map[string]int {
	w.mu.Lock()
	defer w.unlock()
	out := map[string]int{}
	maps.Copy(out, w.journal.limited)
	return out
}

// OnChange calls f after each change until cancel is called. f may call the workspace; it must not block.
func (w *Workspace) OnChange(f func(Change)) (cancel func()) {
	w.mu.Lock()
	defer w.unlock()
	if w.watchers.change == nil {
		w.watchers.change = map[int]func(Change){}
	}
	w.watchers.nextID++
	id := w.watchers.nextID
	w.watchers.change[id] = f
	return func() {
		w.mu.Lock()
		defer w.unlock()
		delete(w.watchers.change, id)
	}
}

// OnLog calls f with each new log entry until cancel is called. f may call the workspace; it must not block.
func (w *Workspace) OnLog(f func(Entry)) (cancel func()) {
	w.mu.Lock()
	defer w.unlock()
	if w.watchers.log == nil {
		w.watchers.log = map[int]func(Entry){}
	}
	w.watchers.nextID++
	id := w.watchers.nextID
	w.watchers.log[id] = f
	return func() {
		w.mu.Lock()
		defer w.unlock()
		delete(w.watchers.log, id)
	}
}

func sortedInts[V any](m map[int]V) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
