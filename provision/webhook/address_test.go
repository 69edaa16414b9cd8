package webhook

import (
	"errors"
	"net/url"
	"testing"
)

// TestLoopbackOnly is about names that say loopback and resolve elsewhere.
func TestLoopbackOnly(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "127.255.0.1:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		"10.0.0.1:80": false, "169.254.169.254:80": false, "0.0.0.0:80": false, "[fe80::1]:80": false, "[::]:80": false, "localhost:80": false, "": false,
	} {
		if err := loopbackOnly("tcp", address, nil); (err == nil) != want {
			t.Errorf("%s: %v, want allowed: %t", address, err, want)
		}
	}
}

// TestPlainHTTPStaysHere dials an address that is for documentation: nothing
// must be sent to it. See https://www.rfc-editor.org/rfc/rfc5737.
func TestPlainHTTPStaysHere(t *testing.T) {
	plain := newTransport(&url.URL{Scheme: "http", Host: "localhost"}, nil, nil)
	conn, err := plain.DialContext(t.Context(), "tcp", "192.0.2.1:80")
	if !errors.Is(err, errNotLoopback) {
		t.Errorf("dial: %v, %v", conn, err)
	}
	if plain.Proxy != nil {
		t.Error("plain http goes through a proxy")
	}
	if secure := newTransport(&url.URL{Scheme: "https", Host: "deploy.example.com"}, nil, nil); secure.Proxy == nil {
		t.Error("https leaves out the proxy of the environment")
	}
}
