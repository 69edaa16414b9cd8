package living

import (
	"context"
	"maps"
	"slices"
	"time"

	"apono/flows"
)

// TagsSource is the name under which tags that are streamed in stand beside the
// integrations. No integration can have it.
const TagsSource = "api:tags"

// TagsResult is what became of tags that were put.
type TagsResult struct {
	// Changed: they are not what was in force before.
	Changed bool
	// Held is why they are not in force; empty: they are.
	Held string
	// Was and Is are how many resources had tags before, and have now.
	Was, Is int
	// Unknown is how many of them the inventory does not have at this moment. They get
	// their tags when they appear.
	Unknown int
}

// PutTags has resources carry further tags, in place of all that were put before. A
// tag of the same key that the integration tells is hidden. They are in force from one
// moment to the next, and outlive a restart; where they are for much fewer resources
// than before, they are held like a sync. An error says that they may not outlive a
// restart: put them again. tell makes what the audit trail says of it, and when; that is
// kept with them or not at all. The caller must not change what it has put.
func (c *Context) PutTags(ctx context.Context, tags []flows.TaggedResource, tell func(TagsResult) (time.Time, flows.Fact)) (TagsResult, error) {
	c.tagging.Lock()
	defer c.tagging.Unlock()
	now := time.Now().UTC()
	answer := said{Answer: Answer{Tags: tags}, health: Health{Name: TagsSource, Tried: now, Synced: now, Items: len(tags)}}
	_, answer.sum = answer.encoded()
	c.mu.Lock()
	before := c.said[TagsSource]
	r := TagsResult{Was: len(before.Tags), Is: len(tags)}
	raise := c.take(Source{Name: TagsSource}, answer)
	if h, held := c.held[TagsSource]; held {
		r.Held = h.Text()
	}
	if r.Changed = c.said[TagsSource].sum != before.sum; r.Changed {
		c.rebuild()
	}
	r.Unknown = unknown(c.now.Load().world.Inventory, tags)
	c.mu.Unlock()
	if raise != nil {
		raise(ctx)
	}
	if r.Held != "" {
		return r, nil
	}
	return r, c.save(ctx, TagsSource, func(shelf Shelf, s flows.SourceSnapshot) error {
		if s.Data == nil { // they are kept already, and so is what was told
			return shelf.SaveSource(ctx, s)
		}
		at, fact := tell(r)
		return shelf.SaveSourceTold(ctx, at, s, fact)
	})
}

// tagsHealth is how the tags do; none where nobody ever put any. The caller holds mu.
func (c *Context) tagsHealth() []Health {
	s, ok := c.said[TagsSource]
	if !ok {
		return nil
	}
	h := s.health
	h.Name = TagsSource
	if held, ok := c.held[TagsSource]; ok {
		h.Held = held.Text()
	}
	return []Health{h}
}

// place is where resources are looked for.
type place struct{ integration, typ, resource string }

// tagged is holdings with tags added. What it is given is not changed.
func tagged(holdings []flows.Holdings, tags []flows.TaggedResource) []flows.Holdings {
	if len(tags) == 0 {
		return holdings
	}
	at, of := map[place]map[string]string{}, map[string]bool{}
	for _, t := range tags {
		at[place{t.Integration, t.ResourceType, t.Resource}] = t.Tags
		of[t.Integration] = true
	}
	out := slices.Clone(holdings)
	for i := range out {
		if of[out[i].Integration] {
			out[i].Resources = withTags(&out[i], at)
		}
	}
	return out
}

func withTags(h *flows.Holdings, at map[place]map[string]string) []flows.Resource {
	ids := map[place]bool{} // an id comes before a name that is spelt alike
	for i := range h.Resources {
		ids[place{h.Integration, h.Resources[i].Type, h.Resources[i].ID}] = true
	}
	out := slices.Clone(h.Resources)
	for i := range out {
		r := &out[i]
		more := at[place{h.Integration, r.Type, r.ID}]
		if name := (place{h.Integration, r.Type, r.Name}); more == nil && !ids[name] {
			more = at[name]
		}
		if len(more) == 0 {
			continue
		}
		all := maps.Clone(r.Tags)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, more)
		r.Tags = all
	}
	return out
}

// unknown counts those that an inventory does not have.
func unknown(inv *flows.Inventory, tags []flows.TaggedResource) (n int) {
	names, looked := map[place]bool{}, map[[2]string]bool{}
	for _, t := range tags {
		if k := [2]string{t.Integration, t.ResourceType}; !looked[k] {
			looked[k] = true
			for _, r := range inv.Resources(t.Integration, t.ResourceType) {
				names[place{t.Integration, t.ResourceType, r.ID}], names[place{t.Integration, t.ResourceType, r.Name}] = true, true
			}
		}
		if !names[place{t.Integration, t.ResourceType, t.Resource}] {
			n++
		}
	}
	return n
}
