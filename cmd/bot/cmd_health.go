package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// healthCommand asks a running bot whether it is ready; for container health
// checks, where no other tool is at hand.
func healthCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "health", Short: "Ask the running bot whether it can serve", Args: cobra.NoArgs}
	path := configFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := loadConfig(cmd, *path, true)
		if err != nil {
			return err
		}
		defer func() { _ = cfg.Close() }() // nothing was granted through it
		host, port, err := net.SplitHostPort(cfg.HTTP.Listen)
		if err != nil || port == "0" {
			return fmt.Errorf("http.listen is %q: a health check needs a fixed port", cfg.HTTP.Listen)
		}
		if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
			host = "127.0.0.1"
		}
		req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := (&http.Client{Timeout: 4 * time.Second}).Do(req)
		if err != nil {
			return &problemsError{"the bot does not answer: " + err.Error()}
		}
		defer func() { _ = resp.Body.Close() }()
		if _, err := io.Copy(cmd.OutOrStdout(), io.LimitReader(resp.Body, 64<<10)); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return &problemsError{"the bot is not ready"}
		}
		return nil
	}
	return cmd
}
