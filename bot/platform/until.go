package platform

import "context"

// Until gives a context that ends with ctx, or once over is closed. Cancel it when
// nobody waits any more.
func Until(ctx context.Context, over <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-over:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
