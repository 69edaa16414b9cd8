package postgresql_test

import (
	"strings"
	"testing"

	"apono/provision"
)

// TestIdentityTellsServersApart, for a bot with the least rights.
func TestIdentityTellsServersApart(t *testing.T) {
	seen := map[string]string{}
	for _, version := range versions {
		w := newWorld(t, version, options)
		id, err := w.driver(t).(provision.Identifier).Identity(t.Context())
		if err != nil || !strings.HasPrefix(id, "system ") || seen[id] != "" {
			t.Errorf("PostgreSQL %s is %q, %v; so is PostgreSQL %s", version, id, err, seen[id])
		}
		seen[id] = version
	}
}
