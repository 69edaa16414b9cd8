package platform

import (
	"context"
	"errors"
	"time"

	"apono/bot/chat"
)

// Times of what was committed and cannot be done, because the platform or the store
// cannot be asked, and of an answer that cannot be delivered.
const (
	keptFor   = 24 * time.Hour   // since it arrived
	answerFor = 30 * time.Minute // since it was done
	// KeptPause is between the first two tries; each is twice as long as the one
	// before, up to keptPause.
	KeptPause = time.Second
	keptPause = time.Minute
	// KeptSilence is the pause from which on whoever pressed is told to wait, where
	// nobody waits for an answer on the screen.
	KeptSilence = 4 * time.Second
)

// KeptWait is what whoever pressed is told meanwhile.
var KeptWait = chat.Say("I cannot do that at the moment. It is kept and tried again, so you need not do it again.")

// Kept is a press, or a command, that was committed: it is tried until it could be
// done and its answer was delivered, at first after a second and then ever more
// rarely. It stays committed meanwhile, so that a restart does not lose it.
type Kept struct {
	// Start runs f in the background. Where again is set, and the adapter stops, it does
	// not: what was not done is left to the next start.
	Start func(again bool, f func(ctx context.Context))
	// At is when it arrived.
	At time.Time
	// Handle does it. It is called again as long as its answer is Later.
	Handle func(ctx context.Context) chat.Answer
	// Show shows the answer and returns what could not be delivered; nil: all was, or
	// may have been.
	Show func(ctx context.Context, a chat.Answer) *chat.Card
	// Tell tries again to deliver what was left, and returns it where that fails.
	Tell func(ctx context.Context, left chat.Card) *chat.Card
	// Delay notes that it is tried again after a pause.
	Delay func(ctx context.Context, pause time.Duration)
	// Finish takes it out of what is committed; lost: its answer was given up.
	Finish func(ctx context.Context, lost bool)

	left *chat.Card // of the answer
	done time.Time
}

// Begin tries at once, and again until it need not be tried any more.
func (k *Kept) Begin() { k.start(false, KeptPause) }

// Again goes on where Try reported that there is more to do, after a pause.
func (k *Kept) Again(pause time.Duration) {
	time.AfterFunc(pause, func() { k.start(true, min(2*pause, keptPause)) })
}

func (k *Kept) start(again bool, pause time.Duration) {
	k.Start(again, func(ctx context.Context) {
		if !k.Try(ctx, time.Now(), pause) {
			k.Again(pause)
		}
	})
}

// Try does what can be done now, and reports whether that was all. Where it was not,
// the next try is after pause. A ctx that is cancelled, since the process ends, leaves
// it to the next start.
func (k *Kept) Try(ctx context.Context, now time.Time, pause time.Duration) (through bool) {
	if k.done.IsZero() {
		answer := k.Handle(ctx)
		cutOff := ctx.Err() != nil && answer.Private == nil && answer.Open == nil
		if cutOff || answer.Later && (ctx.Err() != nil || now.Sub(k.At) < keptFor) {
			k.Delay(ctx, pause)
			return false
		}
		k.left, k.done = k.Show(ctx, answer), now
	} else {
		k.left = k.Tell(ctx, *k.left)
	}
	switch {
	case k.left == nil:
	case errors.Is(ctx.Err(), context.Canceled):
		return true
	case now.Sub(k.done) < answerFor:
		return false
	}
	k.Finish(ctx, k.left != nil)
	return true
}
