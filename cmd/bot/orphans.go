package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// orphansNamed bounds how many requests of an integration are named.
const orphansNamed = 10

// orphans finds the live requests whose access cannot be ended by this bot, because
// their integration is not configured any more: ids by integration, oldest first.
func (a *App) orphans() (map[string][]string, error) {
	live, err := a.store.Live()
	if err != nil {
		return nil, fmt.Errorf("read the live requests: %w", err)
	}
	out := map[string][]string{}
	for i := range live {
		for g := range live[i].Groups {
			group := &live[i].Groups[g]
			if !group.Status.MayHold() {
				continue
			}
			in, ok := integrations{a.living}.Integration(group.Integration)
			if !ok {
				out[group.Integration] = append(out[group.Integration], live[i].ID)
				continue
			}
			in.Done()
		}
	}
	return out, nil
}

// nameOrphans says which integrations are gone while somebody has access there.
func (a *App) nameOrphans(ctx context.Context) {
	gone, err := a.orphans()
	if err != nil {
		a.log.ErrorContext(ctx, "could not look for access in integrations that are not configured", "err", err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		ids := gone[name]
		a.log.WarnContext(ctx, "an integration is not configured any more, but people have access there; it cannot be ended until the integration is back",
			"integration", name, "requests", len(ids))
		a.tell(ctx, fmt.Sprintf("The integration %s is not configured any more, but %s access there. It cannot be ended until the integration is back.",
			name, count(len(ids), "request still holds", "requests still hold")), strings.Join(firstIDs(ids), ", "))
	}
}

func firstIDs(ids []string) []string {
	if len(ids) <= orphansNamed {
		return ids
	}
	return append(slices.Clone(ids[:orphansNamed]), fmt.Sprintf("and %d more", len(ids)-orphansNamed))
}

// count is "1 request", "2 requests".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
