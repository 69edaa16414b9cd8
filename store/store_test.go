package store_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store"
)

func TestIDs(t *testing.T) {
	for _, seq := range []uint64{1, 9, 10, 1<<64 - 1} {
		if got, ok := store.ParseID(store.ID(seq)); !ok || got != seq {
			t.Errorf("%s parses to %d, %v", store.ID(seq), got, ok)
		}
	}
	for _, id := range []string{"", "AR-", "AR-0", "AR-01", "ar-1", "AR-1 ", "AR--1", "AR-+1", "1", "AR-18446744073709551616"} {
		if seq, ok := store.ParseID(id); ok {
			t.Errorf("%q is taken for %d", id, seq)
		}
	}
}

func TestGrantIDs(t *testing.T) {
	r := flows.Request{ID: "AR-12"}
	id, integration, ok := store.SplitGrantID(r.GrantID("prod/postgres"))
	if id != "AR-12" || integration != "prod/postgres" || !ok {
		t.Errorf("split into %q and %q, %v", id, integration, ok)
	}
	for _, grant := range []string{"", "AR-1", "AR-1/", "/x", "AR-x/pg"} {
		if _, _, ok := store.SplitGrantID(grant); ok {
			t.Errorf("%q is taken for a grant id", grant)
		}
	}
}

var fact = flows.Fact{
	Kind: flows.FactDenied, Request: "AR-1", Actor: flows.PersonRef{Email: "bob@example.com", Name: "Bob"}, Reason: "no <&> \u2028",
	Groups: []flows.FactGroup{{Integration: "pg", Items: []flows.Item{{Unit: flows.Unit{Integration: "pg", ResourceType: "database", Resource: "orders", Permission: "read"}}}, Status: flows.GroupWaiting}},
}

// The canonical encoding is kept for ever: exports are verified against it by
// others. A change here is a break.
func TestCanonicalEncoding(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 120_000_000, time.FixedZone("CET", 3600))
	ev, line, err := store.Chain("aa", 7, at, fact)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"seq":7,"at":"2026-03-01T09:00:00.12Z","fact":{"kind":"denied","request":"AR-1",` +
		`"actor":{"email":"bob@example.com","name":"Bob"},` +
		`"groups":[{"integration":"pg","items":[{"integration":"pg","resource_type":"database","resource":"orders","permission":"read",` +
		`"resource_name":"","type_name":"","permission_name":""}],"status":"waiting"}],` +
		`"reason":"no \u003c\u0026\u003e \u2028"},"prev":"aa","hash":"` + ev.Hash + `"}`
	if diff := cmp.Diff(want, string(line)); diff != "" {
		t.Errorf("encoding (-want +got):\n%s", diff)
	}
	// Computed by another program, over the line without its last member.
	if want := "5691a2d124932681dd0fffe265a874902760f80fc98a06bb3e93ffe0fe76c15b"; ev.Hash != want {
		t.Errorf("hash is %s, want %s", ev.Hash, want)
	}
	plain, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(plain), string(line)); diff != "" {
		t.Errorf("it is not what encoding/json makes of the event (-json +canonical):\n%s", diff)
	}
	got, err := store.Verify(line, "aa", 7)
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(ev, got); diff != "" {
		t.Errorf("verified (-chained +read):\n%s", diff)
	}
	if hash, ok := store.HashOf(line); !ok || hash != ev.Hash {
		t.Errorf("the hash is read as %q, %v", hash, ok)
	}
	for _, short := range []string{"", "{}", `,"hash":"` + ev.Hash[1:] + `"}`} {
		if hash, ok := store.HashOf([]byte(short)); ok {
			t.Errorf("%q has the hash %q", short, hash)
		}
	}
}

// An event that was written when a fact had other fields still verifies.
func TestOldEncodingsVerify(t *testing.T) {
	_, line := store.ChainEncoded("", 1, time.Unix(0, 0), []byte(`{"kind":"operator","text":"x","abolished":[1,2]}`))
	ev, err := store.Verify(line, "", 1)
	if err != nil || ev.Fact.Text != "x" {
		t.Errorf("verified as %+v, %v", ev, err)
	}
}

func TestOpenErrors(t *testing.T) {
	for _, c := range []struct {
		err  store.OpenError
		want string
	}{
		{store.OpenError{Kind: store.ErrLocked, Err: errors.New("timeout")}, "the database data/bot.db is in use by another process (is the bot already running?)"},
		{store.OpenError{Kind: store.ErrCorrupt, Err: errors.New("checksum")}, "the database data/bot.db is damaged; put a backup in its place with `bot db restore FILE`: checksum"},
		{store.OpenError{Kind: store.ErrForeign}, "the file data/bot.db is not a database of this bot"},
		{store.OpenError{Kind: store.ErrSchemaNewer}, "the database data/bot.db was written by a newer version of the bot; use that version or a newer one"},
		{store.OpenError{Kind: store.ErrSchemaOlder}, "the database data/bot.db was written by an older version of the bot; start the bot once to migrate it"},
		{store.OpenError{Err: fs.ErrPermission}, "the database data/bot.db cannot be opened: permission denied"},
	} {
		c.err.Path = "data/bot.db"
		if got := c.err.Error(); got != c.want {
			t.Errorf("the operator reads %q, want %q", got, c.want)
		}
		for _, cause := range []error{c.err.Kind, c.err.Err} {
			if cause != nil && !errors.Is(&c.err, cause) {
				t.Errorf("%v does not wrap %v", &c.err, cause)
			}
		}
	}
}

func TestTargets(t *testing.T) {
	r := flows.Request{}
	for _, s := range []flows.GroupStatus{
		flows.GroupWaiting, flows.GroupGranting, flows.GroupGranted, flows.GroupUndoing, flows.GroupFailed, flows.GroupRevoking, flows.GroupRevoked,
	} {
		r.Groups = append(r.Groups, flows.AccessGroup{Integration: string(s), Status: s})
	}
	r.Groups = append(r.Groups, flows.AccessGroup{Integration: "resetting", Status: flows.GroupGranted, Resetting: true})
	if diff := cmp.Diff([]string{"granting", "undoing", "revoking", "resetting"}, store.Targets(&r)); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
}

func TestNotFound(t *testing.T) {
	err := store.NotFound("AR-99 %s")
	if !errors.Is(err, store.ErrNotFound) || flows.ErrorCode(err) != flows.CodeNotFound {
		t.Errorf("it is %v", err)
	}
	if got := flows.ErrorMessage(err); got != "There is no request AR-99 %s." {
		t.Errorf("the person reads %q", got)
	}
}
