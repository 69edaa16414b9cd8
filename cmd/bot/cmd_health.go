package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"apono/cmd/bot/internal/ops"
)

// controlReady asks a running bot over its control socket what /readyz says.
const controlReady = "readyz"

// healthWithin is how long the bot may take to answer: less than the time-out of the
// image's health check.
const healthWithin = 4 * time.Second

// healthCommand asks a running bot whether it is ready; for container health
// checks, where no other tool is at hand. Without a listener at a port that the
// configuration names it asks over the control socket, which is always there.
func healthCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "health", Short: "Ask the running bot whether it can serve", Args: cobra.NoArgs}
	path := configFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := loadForStore(cmd, *path)
		if err != nil {
			return err
		}
		defer func() { _ = cfg.Close() }() // nothing was granted through it
		ctx, cancel := context.WithTimeout(cmd.Context(), healthWithin)
		defer cancel()
		if addr, ok := fixed(cfg.HTTP.Listen); ok {
			err = readyAt(ctx, addr, cmd.OutOrStdout())
		} else {
			err = ops.Call(ctx, ops.SocketPath(cfg.Store.Path), controlReady, "", cmd.OutOrStdout())
		}
		if err == nil {
			return nil
		}
		if said, ok := errors.AsType[*ops.CommandError](err); ok {
			return &problemsError{said.Sentence}
		}
		if errors.Is(err, ops.ErrNotReady) {
			return &problemsError{err.Error()}
		}
		return &problemsError{"the bot does not answer: " + err.Error()}
	}
	return cmd
}

// fixed is where a listener can be asked; false: nobody but the bot knows its port.
func fixed(listen string) (addr string, ok bool) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "0" || port == "" {
		return "", false
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), true
}

func readyAt(ctx context.Context, addr string, w io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(w, io.LimitReader(resp.Body, 64<<10)); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return ops.ErrNotReady
	}
	return nil
}
