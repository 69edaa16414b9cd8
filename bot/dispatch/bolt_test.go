package dispatch_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/bot/dispatch"
	"apono/bot/sweep"
	"apono/flows"
	"apono/provision"
	"apono/store/bolt"
	"apono/store/storetest"
)

var (
	_ dispatch.Queue    = (*bolt.Store)(nil)
	_ dispatch.Requests = (*bolt.Store)(nil)
	_ dispatch.Posts    = (*bolt.Store)(nil)
)

// world is everything outside: a group that knows users only, and a chat. It
// outlives the bot.
type world struct {
	mu      sync.Mutex
	held    map[string]bool
	message map[string]chat.Card
	n       int
	audit   []string
	quick   bool // acts take no time
	// acted is called after each act that took effect.
	acted func()
}

func newWorld() *world { return &world{held: map[string]bool{}, message: map[string]chat.Card{}} }

func (w *world) clone() *world {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &world{held: maps.Clone(w.held), message: maps.Clone(w.message), n: w.n, audit: slices.Clone(w.audit)}
}

func (w *world) act(change func()) {
	if !w.quick {
		time.Sleep(50 * time.Millisecond)
	}
	w.mu.Lock()
	change()
	w.mu.Unlock()
	if w.acted != nil {
		w.acted()
	}
}

func (w *world) Close() error { return nil }

func (w *world) Shared() bool { return true }

func (w *world) Grant(_ context.Context, g provision.Grant) (provision.Credentials, error) {
	w.act(func() {
		for _, it := range g.Items {
			w.held[g.Person.Email+" "+it.Resource] = true
		}
	})
	return provision.Credentials{Fields: []provision.Field{{Name: "Password", Value: "hunter2", Secret: true}}}, nil
}

func (w *world) Revoke(_ context.Context, g provision.Grant) error {
	w.act(func() {
		for _, it := range g.Items {
			delete(w.held, g.Person.Email+" "+it.Resource)
		}
	})
	return nil
}

func (w *world) post(c chat.Card) string {
	var id string
	w.act(func() {
		w.n++
		id = fmt.Sprintf("m%d", w.n)
		w.message[id] = c
	})
	return id
}

func (w *world) Post(_ context.Context, to chat.Recipient, c chat.Card, _ chat.Priority) (chat.MessageRef, error) {
	return chat.MessageRef{Platform: "slack", Channel: to.Email, Message: w.post(c)}, nil
}

func (w *world) PostAudit(_ context.Context, c chat.Card) (chat.MessageRef, error) {
	w.act(func() {
		line := c.Fallback
		if len(c.Sections) > 1 {
			line = ""
			for _, s := range c.Sections {
				line += s.Title + ";"
			}
		}
		w.audit = append(w.audit, line)
	})
	return chat.MessageRef{Platform: "slack", Channel: "audit"}, nil
}

func (w *world) Update(_ context.Context, ref chat.MessageRef, c chat.Card, _ chat.Priority) error {
	w.act(func() { w.message[ref.Message] = c })
	return nil
}

func (w *world) Integration(string) (dispatch.Integration, bool) {
	return dispatch.Integration{Driver: w}, true
}

func (*world) Recipient(_, email string) (chat.Recipient, error) {
	return chat.Recipient{Email: email}, nil
}

func (*world) Seal(plain []byte) ([]byte, error) { return slices.Clone(plain), nil }

func (*world) Card(r flows.Request, key flows.PostKey, now time.Time) (chat.Card, bool) {
	return cards.Card(r, key, now)
}

func (*world) Audit(events []flows.AuditEvent) chat.Card { return cards.Audit(events) }

// bot runs a sweep first, then both workers and the sweeper, until stop.
func bot(t *testing.T, s *bolt.Store, w *world) (stop func()) {
	t.Helper()
	sweeper, err := sweep.New(sweep.Options{Requests: s, Inbox: s})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := sweeper.RunNow(ctx); err != nil {
		t.Error(err)
	}
	log := slog.New(slog.DiscardHandler)
	runs := []func(context.Context) error{
		sweeper.Run,
		dispatch.NewTargets(dispatch.TargetOptions{Queue: s, Requests: s, Integrations: w, Sealer: w, Log: log}).Run,
		dispatch.NewChat(dispatch.ChatOptions{
			Queue: s, Posts: s, Renderer: w, People: w, Messenger: w, AuditChannel: func() bool { return true }, Log: log,
		}).Run,
	}
	var wg sync.WaitGroup
	for _, run := range runs {
		wg.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}

var (
	alice = flows.PersonRef{Email: "alice@example.com", Name: "Alice"}
	bob   = flows.PersonRef{Email: "bob@example.com", Name: "Bob"}
)

func draft(duration time.Duration, resources ...string) flows.Request {
	r := flows.Request{
		Trigger: flows.TriggerSelfServe, Requestor: alice, Grantee: alice, Flow: "Read", Duration: duration,
		Need:   flows.Need{Mode: flows.ModeAnyOf, Groups: []string{"leads"}},
		Asked:  []flows.Asked{{PersonRef: bob, Groups: []int{0}, Why: "You are Alice's manager."}},
		Groups: []flows.AccessGroup{{Integration: "group"}},
	}
	for _, name := range resources {
		u := flows.Unit{Integration: "group", ResourceType: "role", Resource: name, Permission: "member"}
		r.Groups[0].Items = append(r.Groups[0].Items, flows.Item{Unit: u, ResourceName: name, TypeName: "Role", PermissionName: "Member"})
	}
	return r
}

// clicks do what people do in the story: two overlapping requests, one of them
// ended early. Each is safe to repeat, as clicks are.
func clicks(t *testing.T, s *bolt.Store) {
	t.Helper()
	drafts := []flows.Request{draft(2*time.Minute, "a", "b"), draft(4*time.Minute, "b", "c")}
	made, err := s.Submit(t.Context(), time.Now(), "form-1", drafts)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range made {
		event(t, s, r.ID, flows.Event{Kind: flows.EventApprove, By: bob, CountsFor: []int{0}})
	}
}

func event(t *testing.T, s *bolt.Store, id string, ev flows.Event) {
	t.Helper()
	if _, err := s.Apply(t.Context(), time.Now(), id, ev); err != nil && flows.ErrorCode(err) != flows.CodeLate {
		t.Fatal(err)
	}
}

// settled proves what must hold once all is over.
func settled(t *testing.T, s *bolt.Store, w *world) {
	t.Helper()
	if len(w.held) != 0 {
		t.Errorf("access left at the target: %v", w.held)
	}
	requests, err := s.Requests(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	told := strings.Join(w.audit, ";")
	for _, r := range requests {
		if r.State != flows.StateExpired {
			t.Errorf("%s is %s", r.ID, r.State)
		}
		for _, key := range r.Posts() {
			p, ok, err := s.Post(key)
			if err != nil || !ok {
				t.Errorf("%s was never shown: %v", key, err)
				continue
			}
			card, _ := cards.Card(r, key, time.Now())
			if got := w.message[p.Message]; got.Title != card.Title || len(got.Actions) != len(card.Actions) || len(got.Notes) != len(card.Notes) {
				t.Errorf("%s does not show what is", key)
			}
		}
		for _, word := range []string{" asked", " approved", " granted", " expired"} {
			if !strings.Contains(told, r.ID+word) {
				t.Errorf("the channel was not told that %s%s: %q", r.ID, word, w.audit)
			}
		}
	}
	for _, lane := range []flows.Lane{flows.LaneTarget, flows.LaneChat} {
		if n, _, err := s.Backlog(lane); n != 0 || err != nil {
			t.Errorf("%d tasks left in lane %s, %v", n, lane, err)
		}
	}
}

// TestLifeOnTheRealStore follows two overlapping requests from the form to the end.
func TestLifeOnTheRealStore(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.OpenAt(t, filepath.Join(dir, "bot.db"), bolt.Options{NoSync: true})
		w := newWorld()
		stop := bot(t, s, w)
		clicks(t, s)
		at := func(d time.Duration, want ...string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			w.mu.Lock()
			defer w.mu.Unlock()
			if got := slices.Sorted(maps.Keys(w.held)); !slices.Equal(got, want) {
				t.Errorf("the target holds %v, want %v", got, want)
			}
		}
		at(10*time.Second, "alice@example.com a", "alice@example.com b", "alice@example.com c")
		at(2*time.Minute, "alice@example.com b", "alice@example.com c")
		at(2 * time.Minute)
		time.Sleep(time.Minute)
		stop()
		settled(t, s, w)
		for _, line := range w.audit {
			if strings.Contains(line, "hunter2") {
				t.Error("the channel was told a secret")
			}
		}
	})
}

// moment is what a crash leaves: a file, and the world.
type moment struct {
	name  string
	file  []byte
	world *world
}

// TestCrashAnywhere stops the bot after every commit and after every outside act,
// starts it again on what that left, and lets it settle.
func TestCrashAnywhere(t *testing.T) {
	moments := record(t)
	if len(moments) < 60 {
		t.Fatalf("only %d moments", len(moments))
	}
	for _, m := range moments {
		dir := t.TempDir()
		path := filepath.Join(dir, "bot.db")
		if err := os.WriteFile(path, m.file, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := storetest.OpenAt(t, path, bolt.Options{NoSync: true})
				stop := bot(t, s, m.world)
				clicks(t, s) // the platform delivers again what was not acknowledged
				time.Sleep(8 * time.Minute)
				stop()
				settled(t, s, m.world)
			})
		})
	}
}

// record tells the story once and keeps every moment.
func record(t *testing.T) (moments []moment) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var file []byte
		w := newWorld()
		path := filepath.Join(dir, "bot.db")
		keep := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			if file != nil {
				moments = append(moments, moment{fmt.Sprintf("%03d-%s", len(moments), what), file, w.clone()})
			}
		}
		s := storetest.OpenAt(t, path, bolt.Options{NoSync: true, OnCommit: func() {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			file = raw
			mu.Unlock()
			keep("commit")
		}})
		w.acted = func() { keep("act") }
		stop := bot(t, s, w)
		clicks(t, s)
		time.Sleep(6 * time.Minute)
		stop()
		settled(t, s, w)
	})
	return moments
}
