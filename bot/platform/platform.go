package platform

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// Token is a secret that does not print.
type Token string

// String hides the token.
func (Token) String() string { return "*****" }

// GoString hides the token.
func (Token) GoString() string { return "*****" }

// LogValue hides the token.
func (Token) LogValue() slog.Value { return slog.StringValue("*****") }

// Meter counts what happens. Names and details are from small closed sets; see the
// Count… constants of each platform.
type Meter interface {
	Count(name, detail string)
}

// NoMeter counts nothing.
type NoMeter struct{}

// Count does nothing.
func (NoMeter) Count(string, string) {}

// Inbox keeps clicks from when they arrive until they are answered.
type Inbox interface {
	// Receive commits a delivery. fresh is false if the key was committed before,
	// for at least ten minutes. The delivery is acknowledged after Receive returned
	// no error and not earlier.
	Receive(ctx context.Context, now time.Time, key string, payload []byte) (fresh bool, err error)
	// Finish marks a delivery as done. Finishing what is done, or was never
	// received, is no error.
	Finish(ctx context.Context, key string) error
	// Undone returns the payloads of what was received and not finished, oldest
	// first. With several processes on one inbox it may return what another one is
	// busy with; handling that twice does no harm.
	Undone(ctx context.Context) ([][]byte, error)
}

// Guard runs f and survives its panic, which it counts under a name of the
// platform's and logs with the kind of what was being handled. It reports whether f
// came to its end.
func Guard(ctx context.Context, log *slog.Logger, meter Meter, count, kind string, f func()) (ended bool) {
	defer func() {
		if r := recover(); r != nil {
			meter.Count(count, kind)
			log.ErrorContext(ctx, "chat handler panicked", "counter", count, "kind", kind, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	f()
	return true
}
