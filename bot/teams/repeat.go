package teams

import (
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"sync/atomic"
	"time"

	"github.com/infracloudio/msbotbuilder-go/schema"
)

// repeats keeps the answers to invokes for a while. Clients and the connector send an
// invoke again when they do not hear in time, under the same id or another one.
type repeats struct {
	mu  sync.Mutex
	all map[string]*repeat
}

// repeat is one invoke, however often it came.
type repeat struct {
	id       string        // under which it came first
	done     chan struct{} // closed once out is there
	recorded chan struct{} // closed once it is known whether it was shown
	out      response
	kept     atomic.Bool // the inbox has it

	mu      sync.Mutex
	ended   time.Time // zero: under way
	waiting int       // how many wait for it under its id
	left    bool      // whoever waited was told that it takes longer, or hung up
}

// is reports whether an invoke is this one, sent again.
func (r *repeat) is(got received) bool { return got.ID != "" && got.ID == r.id }

func (r *repeat) enter() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting++
}

// hangUp notes that somebody under its id is gone. What is shown once is not shown then,
// unless another one waits.
func (r *repeat) hangUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting--
}

// settle gives the answer, and reports whether somebody left without it.
func (r *repeat) settle(out response, now time.Time) (late bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out, r.ended = out, now
	r.left = r.left || out.shown != nil && r.waiting == 0
	if r.left && out.lateBody != nil {
		r.out.body = out.lateBody
	}
	close(r.done)
	return r.left
}

// leave notes that somebody waits no longer; false: the answer is there.
func (r *repeat) leave() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = r.left || r.ended.IsZero()
	return r.ended.IsZero()
}

// over reports whether a repeat that comes now is another act.
func (r *repeat) over(now time.Time, life time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.ended.IsZero() && (now.Sub(r.ended) >= life || r.out.status != 200)
}

// own reports whether the answer is there and is for whoever pressed then: another
// press, under another id, asks again.
func (r *repeat) own() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.ended.IsZero() && (r.out.shown != nil || r.out.again != nil)
}

// join finds the invoke that got repeats; first is true if it repeats none. alone: it
// repeats none but those under its own id.
func (r *repeats) join(got received, now time.Time, alone bool) (one *repeat, first bool) {
	sum := sha256.Sum256([]byte(got.Name + "\x00" + got.ReplyToID + "\x00" + string(got.Value)))
	who := got.From.AadObjectID + "\x00"
	same, id := who+base64.RawStdEncoding.EncodeToString(sum[:]), who+"id\x00"+got.ID
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.all[id]; one != nil && got.ID != "" && !one.over(now, repeatID) && (one.is(got) || !alone && !one.own()) {
		if one.is(got) {
			one.enter()
		}
		return one, false
	}
	// What people write twice they mean twice.
	if one := r.all[same]; !alone && got.Type == schema.Invoke && one != nil && !one.over(now, repeatFor) && !one.own() {
		r.all[id] = one
		return one, false
	}
	for key, one := range r.all {
		if one.over(now, repeatID) {
			delete(r.all, key)
		}
	}
	one = &repeat{id: got.ID, done: make(chan struct{}), recorded: make(chan struct{}), waiting: 1}
	r.all[same], r.all[id] = one, one
	return one, true
}
