package living_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/cmd/bot/internal/living"
	"apono/flows"
)

// tagging is a context with two queues, one of which has a tag of its own.
func tagging(t *testing.T, shelf living.Shelf) *living.Context {
	t.Helper()
	c := living.New(setup(of("desk", &source{names: []string{"refunds", "vip"}}, "1")), quiet())
	if shelf != nil {
		if err := c.Remember(t.Context(), shelf); err != nil {
			t.Fatal(err)
		}
	}
	c.Sync(t.Context())
	return c
}

func put(t *testing.T, c *living.Context, tags ...flows.TaggedResource) living.TagsResult {
	t.Helper()
	r, err := c.PutTags(t.Context(), tags, told)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func told(r living.TagsResult) (time.Time, flows.Fact) {
	return time.Time{}, flows.Fact{Text: fmt.Sprintf("%d, then %d", r.Was, r.Is)}
}

// TestTagsAreToldWithThem: what changes is told of in the transaction that keeps it. What
// could not be kept is told of once it is, though it was in force in between.
func TestTagsAreToldWithThem(t *testing.T) {
	kept := &shelf{rows: map[string]flows.SourceSnapshot{}}
	c := tagging(t, kept)
	put(t, c, queue("vip", "pii", "true"))
	put(t, c, queue("vip", "pii", "true"))
	kept.full = true
	both := []flows.TaggedResource{queue("vip", "pii", "true"), queue("refunds", "pii", "true")}
	if _, err := c.PutTags(t.Context(), both, told); err == nil {
		t.Error("they are kept by a shelf that is full")
	}
	if diff := cmp.Diff([]string{"0, then 1"}, kept.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	kept.full = false
	put(t, c, both...)
	put(t, c, both...)
	if len(kept.told) != 2 {
		t.Errorf("told %q", kept.told)
	}
}

func queue(name string, pairs ...string) flows.TaggedResource {
	tags := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		tags[pairs[i]] = pairs[i+1]
	}
	return flows.TaggedResource{Integration: "desk", ResourceType: "queue", Resource: name, Tags: tags}
}

func tagsOf(c *living.Context, id string) map[string]string {
	r, ok := c.World().Inventory.Resource("desk", "queue", id)
	if !ok {
		return map[string]string{"": "no such resource"}
	}
	return r.Tags
}

// TestTagsReplaceTagsFromBefore: what is put is in force at once, the rest is gone, and
// the same again changes nothing, so that nobody who follows the world looks again.
func TestTagsReplaceTagsFromBefore(t *testing.T) {
	c := tagging(t, nil)
	empty := c.World()
	if diff := cmp.Diff(living.TagsResult{Changed: true, Is: 2, Unknown: 1}, put(t, c, queue("vip", "pii", "true"), queue("later", "pii", "true"))); diff != "" {
		t.Error(diff)
	}
	first := c.World()
	if diff := cmp.Diff(map[string]string{"pii": "true"}, tagsOf(c, "vip")); diff != "" || first == empty {
		t.Errorf("the tags (-want +got):\n%s", diff)
	}
	if r, _ := empty.Inventory.Resource("desk", "queue", "vip"); len(r.Tags) > 0 {
		t.Error("a snapshot was changed")
	}
	if diff := cmp.Diff(living.TagsResult{Was: 2, Is: 2, Unknown: 1}, put(t, c, queue("vip", "pii", "true"), queue("later", "pii", "true"))); diff != "" || c.World() != first {
		t.Errorf("the same again: %s", diff)
	}
	put(t, c, queue("refunds", "pii", "false"), queue("later", "pii", "true"))
	if len(tagsOf(c, "vip")) > 0 || tagsOf(c, "refunds")["pii"] != "false" {
		t.Errorf("vip %v, refunds %v", tagsOf(c, "vip"), tagsOf(c, "refunds"))
	}
	c.Sync(t.Context())
	if tagsOf(c, "refunds")["pii"] != "false" {
		t.Error("a sync takes the tags away")
	}
}

// TestTagsWaitForTheirResource: a resource that appears later has its tags at once.
func TestTagsWaitForTheirResource(t *testing.T) {
	desk := &source{names: []string{"refunds"}}
	c := living.New(setup(of("desk", desk, "1")), quiet())
	put(t, c, queue("vip", "pii", "true"))
	desk.names = []string{"refunds", "vip"}
	c.Sync(t.Context())
	if tagsOf(c, "vip")["pii"] != "true" {
		t.Errorf("%v", tagsOf(c, "vip"))
	}
}

// TestTagsOutliveARestart: they are on the shelf before the answer is given, and in
// force before any integration is asked.
func TestTagsOutliveARestart(t *testing.T) {
	shelf := &shelf{rows: map[string]flows.SourceSnapshot{}}
	put(t, tagging(t, shelf), queue("vip", "pii", "true"))
	again := living.New(setup(of("desk", &source{}, "1")), quiet())
	if err := again.Remember(t.Context(), shelf); err != nil {
		t.Fatal(err)
	}
	if tagsOf(again, "vip")["pii"] != "true" {
		t.Errorf("%v", tagsOf(again, "vip"))
	}
	h := again.Health()
	i := slices.IndexFunc(h, func(h living.Health) bool { return h.Name == living.TagsSource })
	if i < 0 || h[i].Items != 1 || h[i].Old || h[i].Synced.IsZero() {
		t.Errorf("%+v", h)
	}
	again.Change(t.Context(), setup(of("desk", &source{names: []string{"vip"}}, "2")), time.Minute)
	if tagsOf(again, "vip")["pii"] != "true" {
		t.Error("a change of the configuration takes the tags away")
	}
}

// TestTagsThatShrinkAreHeld: a tool that forgets much does not end what hangs on it.
func TestTagsThatShrinkAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := tagging(t, nil)
		var many []flows.TaggedResource
		for i := range 10 {
			many = append(many, queue(fmt.Sprint(i), "pii", "true"))
		}
		put(t, c, append(many, queue("vip", "pii", "true"))...)
		r := put(t, c)
		if r.Changed || r.Held == "" || tagsOf(c, "vip")["pii"] != "true" {
			t.Errorf("%+v, %v", r, tagsOf(c, "vip"))
		}
		if err := settle(t, c, living.TagsSource, "", false); err != nil {
			t.Fatal(err)
		}
		if r := put(t, c); r.Held == "" || len(c.Held()) > 0 {
			t.Errorf("after Discard: %+v, %v", r, c.Held())
		}
		put(t, c, many...)
		put(t, c)
		if err := settle(t, c, living.TagsSource, "", true); err != nil || len(tagsOf(c, "vip")) > 0 {
			t.Errorf("after Proceed: %v, %v", tagsOf(c, "vip"), err)
		}
	})
}
