package provision

import "context"

type progressKey struct{}

// WithProgress returns a context for Driver.Grant. report is told how far the grant is
// and must return at once.
func WithProgress(ctx context.Context, report func(done, total int)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

// Progress tells whoever waits for a grant that done of total units are granted. A
// driver that takes one step after the other calls it after each, however many there
// are: the caller sees to a sane pace. It also says that the target is alive, so that a
// long grant is not taken for one that hangs. Without somebody who waits it does nothing.
func Progress(ctx context.Context, done, total int) {
	if report, ok := ctx.Value(progressKey{}).(func(done, total int)); ok {
		report(done, total)
	}
}
