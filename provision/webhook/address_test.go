package webhook

import "testing"

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
