package bolt_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store"
	"apono/store/storetest"
)

func TestPosts(t *testing.T) {
	s := open(t)
	for i := range 11 { // AR-1 and AR-11 share a beginning
		submit(t, s, start, string(rune('a'+i)), draft("alice", "pg", "orders"))
	}
	key := func(id string, topic flows.Topic) flows.PostKey {
		return flows.PostKey{Request: id, Audience: flows.AudienceRequester, Person: "alice@example.com", Topic: topic}
	}
	want := []flows.Post{
		{Key: key("AR-1", flows.TopicApproved), Platform: "slack", Channel: "D1", Message: "2", Shows: "h", Version: 3, At: start},
		{Key: key("AR-1", flows.TopicAsked), Platform: "slack", Channel: "D1", Message: "1"},
	}
	for _, p := range append(want, flows.Post{Key: key("AR-11", flows.TopicAsked)}) {
		if err := s.SavePost(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, must[[]flows.Post](t)(s.Posts("AR-1"))); diff != "" {
		t.Errorf("posts (-want +got):\n%s", diff)
	}
	want[1].Message = "3"
	if err := s.SavePost(t.Context(), want[1]); err != nil {
		t.Fatal(err)
	}
	got, ok, err := s.Post(want[1].Key)
	if err != nil || !ok || got.Message != "3" {
		t.Errorf("post is %v, %v, %v", got, ok, err)
	}
	if _, ok, err := s.Post(key("AR-2", flows.TopicAsked)); ok || err != nil {
		t.Errorf("a post that never was: %v, %v", ok, err)
	}
	err = s.SavePost(t.Context(), flows.Post{Key: key("AR-99", flows.TopicAsked)})
	wantCode(t, err, flows.CodeNotFound)
	wantIs(t, err, store.ErrNotFound)
}

func TestSealedCredentials(t *testing.T) {
	s := open(t)
	secret := []byte("sealed-and-easy-to-find-0123456789")
	submit(t, s, start, "k", draft("alice", "pg", "orders", "k8s", "prod"))
	apply(t, s, start, "AR-1", approve("bob"))
	granted := flows.Event{Kind: flows.EventGranted, Integration: "pg", Access: flows.Access{Sealed: secret, SealedUntil: after(time.Hour), CanReset: true}}
	apply(t, s, start, "AR-1", granted)
	apply(t, s, start, "AR-1", flows.Event{Kind: flows.EventGranted, Integration: "k8s"})
	sealed := func(integration string) (string, bool) {
		raw, ok, err := s.Sealed("AR-1", integration)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw), ok
	}
	if got, ok := sealed("pg"); !ok || got != string(secret) {
		t.Errorf("sealed is %q, %v", got, ok)
	}
	if got, ok := sealed("k8s"); ok {
		t.Errorf("k8s has %q", got)
	}
	if got, ok, _ := storetest.Crash(t, s).Sealed("AR-1", "pg"); !ok || !bytes.Equal(got, secret) {
		t.Errorf("after a crash it is %q, %v", got, ok)
	}
	apply(t, s, after(time.Minute), "AR-1", flows.Event{Kind: flows.EventView, Integration: "pg", By: person("alice")})
	if got, ok := sealed("pg"); ok {
		t.Errorf("seen, and still %q", got)
	}
	if _, ok, _ := storetest.Crash(t, s).Sealed("AR-1", "pg"); ok {
		t.Error("a crash brought it back")
	}
	for i := range 20 { // free pages are used again, and what they held goes
		submit(t, s, start, string(rune('a'+i)), draft("alice", "pg", "orders"))
	}
	if bytes.Contains(read(t, s.Path()), secret) {
		t.Error("the sealed credentials are still somewhere in the file")
	}
}
