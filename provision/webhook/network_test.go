package webhook_test

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"apono/provision"
	"apono/provision/webhook/webhooktest"
)

// serveTLS serves a target over TLS and writes down whom to trust for it.
func serveTLS(t *testing.T, h http.Handler, newest uint16) (server *httptest.Server, caFile string) {
	t.Helper()
	server = httptest.NewUnstartedServer(h)
	server.TLS = &tls.Config{MaxVersion: newest, MinVersion: tls.VersionTLS10}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	server.EnableHTTP2 = newest >= tls.VersionTLS12     // it does not speak anything older
	server.StartTLS()
	t.Cleanup(server.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(caFile, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	return server, caFile
}

func pingAt(t *testing.T, config string) error {
	t.Helper()
	d := connect(t, config)
	defer d.Close()
	return d.(provision.Pinger).Ping(t.Context())
}

func TestTLS(t *testing.T) {
	target := newTarget(t, webhooktest.Options{})
	server, ca := serveTLS(t, target, tls.VersionTLS13)
	trusting := fmt.Sprintf("{url: %q, secret: %q, ca_file: %q}", server.URL, secretText, ca)
	if err := pingAt(t, trusting); err != nil {
		t.Errorf("with ca_file: %v", err)
	}
	want := func(what, config, message string) {
		t.Helper()
		err := pingAt(t, config)
		if err == nil || provision.KindOf(err) == provision.KindRefused || provision.MessageOf(err) != message {
			t.Errorf("%s: error %v, want message %q", what, err, message)
		}
	}
	want("without ca_file", configFor(server.URL), "The certificate of the system could not be verified.")
	if got := target.Received("get-status"); got != 1 {
		t.Errorf("%d calls arrived, want the one that trusts", got)
	}
	want("another name", strings.Replace(trusting, "127.0.0.1", "localhost", 1), "The certificate of the system could not be verified.")
	want("https to http", configFor(strings.Replace(httptestServer(t, target), "http:", "https:", 1)), "The connection to the system broke off.")
	old, ca := serveTLS(t, target, tls.VersionTLS11)
	want("TLS 1.1", fmt.Sprintf("{url: %q, secret: %q, ca_file: %q}", old.URL, secretText, ca), "The connection to the system broke off.")
}

func httptestServer(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// TestTLSGrantAndRevoke is about HTTP/2, where one connection has all calls.
func TestTLSGrantAndRevoke(t *testing.T) {
	target := newTarget(t, webhooktest.Options{})
	var proto atomic.Value
	server, ca := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto.Store(r.Proto)
		target.ServeHTTP(w, r)
	}), tls.VersionTLS12)
	d := connect(t, fmt.Sprintf("{url: %q, secret: %q, ca_file: %q}", server.URL, secretText, ca))
	defer d.Close()
	w := &world{T: t, target: target, driver: d}
	w.mustGrant(w.grant("", mixed()...))
	if !target.Holds("alice@example.com", "mail", "drain") || proto.Load() != "HTTP/2.0" {
		t.Errorf("holds %v over %v", target.All(), proto.Load())
	}
	w.mustRevoke(w.grant("", mixed()...))
	if left := target.All(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestRedirects(t *testing.T) {
	target := newTarget(t, webhooktest.Options{})
	var elsewhere atomic.Int64
	other := httptestServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		target.ServeHTTP(w, r)
	}))
	secure, _ := serveTLS(t, target, tls.VersionTLS13)
	mux := http.NewServeMux()
	mux.Handle("/access", target)
	for path, to := range map[string]struct {
		url    string
		status int
	}{
		"/moved":     {"/access", 307},
		"/for-ever":  {"/moved", 308},
		"/elsewhere": {other + "/access", 307},
		"/secure":    {secure.URL, 308},
		"/found":     {"/access", 302},
		"/see-other": {"/access", 303},
		"/loop":      {"/loop", 307},
		"/nowhere":   {"", 307},
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			if to.url != "" {
				w.Header().Set("Location", to.url)
			}
			w.WriteHeader(to.status)
		})
	}
	url := httptestServer(t, mux)
	for _, path := range []string{"/access", "/moved", "/for-ever"} {
		if err := pingAt(t, configFor(url+path)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if got := target.Done("get-status"); got != 3 {
		t.Errorf("%d calls done, want 3", got)
	}
	for _, path := range []string{"/elsewhere", "/secure", "/found", "/see-other", "/loop", "/nowhere"} {
		err := pingAt(t, configFor(url+path))
		if provision.KindOf(err) != provision.KindRefused || provision.MessageOf(err) != "The system answered with a redirect that is not followed." {
			t.Errorf("%s: error %v", path, err)
		}
	}
	if n := elsewhere.Load(); n > 0 {
		t.Errorf("another host got %d calls", n)
	}
	if v := target.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}

func TestCompressedBomb(t *testing.T) {
	url := httptestServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb(t, 8<<20))
	}))
	err := pingAt(t, configFor(url))
	if got, want := provision.MessageOf(err), "The answer of the system is too long."; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

func TestWrongSecret(t *testing.T) {
	target := newTarget(t, webhooktest.Options{Secret: "whsec_" + "b3RoZXIgc2VjcmV0IG90aGVyIHNlY3JldCBvdGhlcg=="})
	err := pingAt(t, configFor(httptestServer(t, target)))
	if provision.KindOf(err) != provision.KindRefused || provision.MessageOf(err) != "The signature is not right." {
		t.Errorf("error %v", err)
	}
	if target.Received("get-status") != 0 || len(target.Violations()) != 1 {
		t.Errorf("violations %q", target.Violations())
	}
}
