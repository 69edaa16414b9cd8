package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"apono/cmd/bot/internal/living"
	"apono/cmd/bot/internal/ops"
	"apono/flows"
	"apono/provision"
)

// tagsAPI serves PUT /api/v1/tags.
func (a *App) tagsAPI() http.Handler {
	return ops.TagsHandler(ops.TagsOptions{
		TokenHash:    func() flows.Secret { return a.current.Load().HTTP.APIToken },
		Integrations: a.inventoried,
		Put:          a.putTags,
		Done:         func(outcome string) { a.metrics.API.WithLabelValues("tags", outcome).Inc() },
	})
}

// inventoried are the integrations that have resources.
func (a *App) inventoried() (out []string) {
	for _, in := range a.current.Load().Integrations {
		if _, ok := in.Connection.(provision.Discoverer); ok {
			out = append(out, in.Name)
		}
	}
	return out
}

// putTags has resources carry tags, and tells the audit trail where that changes
// something. What is held is told of by raiseHeld.
func (a *App) putTags(ctx context.Context, tags []flows.TaggedResource) (ops.TagsAnswer, error) {
	r, err := a.living.PutTags(ctx, tags, func(r living.TagsResult) (time.Time, flows.Fact) {
		return a.now(), flows.Fact{Kind: flows.FactOperator, Text: fmt.Sprintf(
			"The API replaced the tags of resources: %s now, %d before. Flows and access scopes follow them.", count(r.Is, "resource has tags from it", "resources have tags from it"), r.Was)}
	})
	a.wrote(err)
	answer := ops.TagsAnswer{Changed: r.Changed, Resources: r.Is, Unknown: r.Unknown, Held: r.Held}
	if err != nil {
		a.log.ErrorContext(ctx, "could not keep the tags of the API", "err", err)
		return answer, err
	}
	a.log.InfoContext(ctx, "tags were put", "resources", r.Is, "before", r.Was, "unknown", r.Unknown, "changed", r.Changed, "held", r.Held != "")
	return answer, nil
}
