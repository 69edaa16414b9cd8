package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"apono/cmd/bot/internal/ops"
)

// listen opens the control socket and, where configured, the HTTP listener.
func (a *App) listen(ctx context.Context) error {
	if !a.sockets {
		return nil
	}
	if err := a.listenControl(ctx); err != nil {
		return err
	}
	if a.cfg.HTTP.Listen == "" {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.cfg.HTTP.Listen)
	if err != nil {
		return fmt.Errorf("http.listen: %w", err)
	}
	a.addr = l.Addr()
	a.log.InfoContext(ctx, "http listens", "addr", l.Addr().String())
	a.serve(ctx, "http", ops.NewServer(a.routes(ops.Handler(a.metrics, a.Ready, a.Degraded, a.Warnings))), l)
	return nil
}

// serve serves until the app stops.
func (a *App) serve(ctx context.Context, name string, s *http.Server, l net.Listener) {
	a.running.Go(func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("%s: %w", name, err)
		}
	})
	a.onStop(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			_ = s.Close() // whoever still reads has had the time
		}
	})
}
