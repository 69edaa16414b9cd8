package webhook_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apono/flows"
	"apono/provision"
	"apono/provision/webhook"
	"apono/provision/webhook/webhooktest"
)

const pipeURL = "http://127.0.0.1:1/access"

// world is a target and a driver in a bubble of virtual time.
type world struct {
	*testing.T
	target *webhooktest.Target
	driver provision.Driver
	pipe   *webhooktest.Pipe

	mu    sync.Mutex
	tries []try
}

// try is one request as it arrived.
type try struct {
	at                       time.Duration // since the start of the bubble
	event, id, stamp, signed string
	body                     string
}

// inBubble serves a target, or the handler that it is given in its stead, over a
// pipe, and tells the story.
func inBubble(t *testing.T, instead http.Handler, story func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, target: newTarget(t, webhooktest.Options{}), pipe: webhooktest.NewPipe()}
		began := time.Now()
		server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.record(r, time.Since(began))
			if instead != nil {
				instead.ServeHTTP(rw, r)
				return
			}
			w.target.ServeHTTP(rw, r)
		})}
		go func() { _ = server.Serve(w.pipe) }()
		w.driver = w.connect(pipeURL)
		story(w)
		if v := w.target.Violations(); instead == nil && len(v) > 0 {
			t.Errorf("violations of the protocol: %q", v)
		}
		_ = w.driver.Close()
		_ = server.Close()
	})
}

func (w *world) connect(url string) provision.Driver {
	return connect(w.T, configFor(url), webhook.WithDialer(w.pipe.Dial))
}

func (w *world) record(r *http.Request, at time.Duration) {
	body := new(strings.Builder)
	r.Body = tee(r.Body, body)
	event := func(b string) string {
		_, rest, _ := strings.Cut(b, `"event_type":"`)
		name, _, _ := strings.Cut(rest, `"`)
		return name
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries = append(w.tries, try{
		at: at, id: r.Header.Get("webhook-id"), stamp: r.Header.Get("webhook-timestamp"),
		signed: r.Header.Get("webhook-signature"), body: body.String(), event: event(body.String()),
	})
}

func (w *world) events() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, t := range w.tries {
		out = append(out, t.event)
	}
	return out
}

// take returns the tries so far and forgets them.
func (w *world) take() []try {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.tries
	w.tries = nil
	return out
}

func (w *world) ping() error { return w.driver.(provision.Pinger).Ping(w.Context()) }

func (w *world) grant(call string, items ...flows.Item) provision.Grant {
	return provision.Grant{
		ID: "AR-12/deploy", Request: "AR-12", Call: call, Items: items,
		Person: flows.PersonRef{Email: "alice@example.com", Name: "Alice"},
	}
}

func (w *world) mustGrant(g provision.Grant) provision.Credentials {
	w.Helper()
	c, err := w.driver.Grant(w.Context(), g)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

func (w *world) mustRevoke(g provision.Grant) {
	w.Helper()
	if err := w.driver.Revoke(w.Context(), g); err != nil {
		w.Fatal(err)
	}
}

func (w *world) wantKind(err error, want provision.Kind) {
	w.Helper()
	if err == nil || provision.KindOf(err) != want {
		w.Errorf("error %v, want kind %q", err, want)
	}
}

func says(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

func ids(tries []try) []string {
	var out []string
	for _, t := range tries {
		out = append(out, t.id)
	}
	return out
}

func distinct(s []string) int { return len(slices.Compact(slices.Sorted(slices.Values(s)))) }

var secretText = webhooktest.Secret.Reveal()

func (w *world) dialer() webhook.Option { return webhook.WithDialer(w.pipe.Dial) }

// sleepUntilTry waits until a number of tries has arrived and all is quiet.
func (w *world) sleepUntilTry(n int) {
	for {
		synctest.Wait()
		w.mu.Lock()
		arrived := len(w.tries)
		w.mu.Unlock()
		if arrived >= n {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
