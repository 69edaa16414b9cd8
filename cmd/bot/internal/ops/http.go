package ops

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Ready says whether the bot can serve, and if not, why not: short words by
// part, such as "slack": "not connected".
type Ready func() (problems map[string]string)

// Degraded says what does not work although the bot can serve, by name of the
// integration.
type Degraded func() (problems map[string]string)

// Warnings say what an operator has to mend in chat although the bot can serve, by part,
// such as "audit_channel".
type Warnings func() (problems map[string]string)

// ErrNotReady is the answer of a bot that cannot serve.
var ErrNotReady = errors.New("the bot is not ready")

// readiness is what /readyz says.
func readiness(ready Ready, degraded Degraded, warnings Warnings) (body map[string]any, err error) {
	body = map[string]any{"status": "ok"}
	if problems := ready(); len(problems) > 0 {
		body, err = map[string]any{"status": "not ready", "problems": problems}, ErrNotReady
	}
	if problems := degraded(); len(problems) > 0 {
		body["integrations"] = problems
	}
	if problems := warnings(); len(problems) > 0 {
		body["warnings"] = problems
	}
	return body, err
}

// Readyz is a command of the control socket that says what /readyz says, whether or
// not there is a listener for it. Its error is ErrNotReady.
func Readyz(ready Ready, degraded Degraded, warnings Warnings) func(io.Writer, *http.Request) error {
	return func(w io.Writer, _ *http.Request) error {
		body, not := readiness(ready, degraded, warnings)
		return cmp.Or(json.NewEncoder(w).Encode(body), not)
	}
}

// Handler serves /healthz (the process lives), /readyz (it can serve) and
// /metrics. None of them needs or shows anything secret.
func Handler(m *Metrics, ready Ready, degraded Degraded, warnings Warnings) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		status := http.StatusOK
		body, err := readiness(ready, degraded, warnings)
		if err != nil {
			status = http.StatusServiceUnavailable
		}
		writeJSON(w, status, body)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{}))
	return mux
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone; nobody is left to tell
}

// NewServer gives a server with the time-outs that every listener here has.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 5 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
}
