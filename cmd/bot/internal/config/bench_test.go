package config_test

import (
	"fmt"
	"strings"
	"testing"

	"apono/cmd/bot/internal/config"
)

// BenchmarkLoad reads a large installation: 10,000 people and 500 flows.
func BenchmarkLoad(b *testing.B) {
	var s strings.Builder
	s.WriteString(minimal + "integrations:\n  - {name: db, type: postgresql, config: {dsn: env:DSN}}\n  - name: people\n    type: static\n    config:\n      people:\n")
	for i := range 10_000 {
		fmt.Fprintf(&s, "        - {email: p%d@example.com, name: Person %d, groups: [g%d, all], manager: p%d@example.com}\n", i, i, i%100, i/10)
	}
	s.WriteString("flows:\n")
	for i := range 500 {
		fmt.Fprintf(&s, "  - name: flow %d\n    requestors: {conditions: [{attribute: group, values: [g%d]}]}\n", i, i%100)
		s.WriteString("    targets: [{integration: db, resource_type: database, permissions: [read]}]\n")
	}
	path := file(b, s.String())
	w := newWorld(b)
	for b.Loop() {
		c, report := config.Load(b.Context(), config.Options{Path: path, Registry: w.registry, LookupEnv: lookup(environment)})
		if err := report.Err(); err != nil {
			b.Fatal(err)
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(s.Len()))
}
