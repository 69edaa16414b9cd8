package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"apono/flows"
)

// memory is a store that forgets everything with the test. It keeps the promises
// of the real one, and can be made to fail.
type memory struct {
	mu       sync.Mutex
	seq, rev uint64
	requests map[string]flows.Request
	tasks    map[string]flows.Task
	wake     map[flows.Lane]chan struct{}
	posts    map[flows.PostKey]flows.Post
	sealed   map[string][]byte
	released map[string][]string // person and unit -> grant ids
	audit    []flows.AuditEvent
	cursor   uint64
	posting  uint64
	reads    int   // keys of tasks looked at
	given    int   // tasks read
	down     error // writes fail while set
}

func newMemory() *memory {
	return &memory{
		requests: map[string]flows.Request{}, tasks: map[string]flows.Task{}, posts: map[flows.PostKey]flows.Post{},
		sealed: map[string][]byte{}, released: map[string][]string{},
		wake: map[flows.Lane]chan struct{}{flows.LaneTarget: make(chan struct{}, 1), flows.LaneChat: make(chan struct{}, 1)},
	}
}

var errDown = errors.New("the disk is gone")

func (m *memory) breakDown(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}

func (m *memory) submit(t testing.TB, draft flows.Request) flows.Request {
	t.Helper()
	m.mu.Lock()
	m.seq++
	draft.Seq, draft.ID = m.seq, fmt.Sprintf("AR-%d", m.seq)
	m.requests[draft.ID] = draft
	m.mu.Unlock()
	return m.must(t, draft.ID, flows.Event{Kind: flows.EventSubmit})
}

func (m *memory) must(t testing.TB, id string, ev flows.Event) flows.Request {
	t.Helper()
	r, err := m.Apply(t.Context(), time.Now(), id, ev)
	if err != nil {
		t.Fatalf("%s %s: %v", ev.Kind, id, err)
	}
	return r
}

func (m *memory) get(t testing.TB, id string) flows.Request {
	t.Helper()
	r, err := m.Request(id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (m *memory) Request(id string) (flows.Request, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.requests[id]
	if !ok {
		return r, flows.Errorf(flows.CodeNotFound, "There is no request %s.", id)
	}
	return r, nil
}

func (m *memory) Apply(_ context.Context, now time.Time, id string, ev flows.Event) (flows.Request, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.apply(now, id, ev)
}

func (m *memory) apply(now time.Time, id string, ev flows.Event) (flows.Request, error) {
	if m.down != nil {
		return flows.Request{}, m.down
	}
	r, effects, err := flows.Next(m.requests[id], ev, now)
	if err != nil {
		return r, err
	}
	m.requests[id] = r
	for _, e := range effects {
		switch e.Kind {
		case flows.EffectAudit:
			m.audit = append(m.audit, flows.AuditEvent{Seq: uint64(len(m.audit) + 1), At: now, Fact: *e.Fact})
		case flows.EffectSeal:
			m.sealed[r.GrantID(e.Integration)] = e.Sealed
		case flows.EffectTarget, flows.EffectPost, flows.EffectAuditChannel:
			m.want(now, e)
		}
	}
	return r, nil
}

// wants is want for tests.
func (m *memory) wants(now time.Time, e flows.Effect) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.want(now, e)
}

func (m *memory) want(now time.Time, e flows.Effect) {
	m.rev++
	task := flows.Task{Key: e.Key(), Effect: e, Rev: m.rev, Since: now, Due: now}
	if old, ok := m.tasks[task.Key]; ok {
		task.Since = old.Since
	}
	m.tasks[task.Key] = task
	m.wakeUp(e.Lane())
}

func (m *memory) wakeUp(lane flows.Lane) {
	select {
	case m.wake[lane] <- struct{}{}:
	default:
	}
}

func (m *memory) groups(person, integration string, fn func(r flows.Request, g flows.AccessGroup)) {
	for _, r := range m.requests {
		if g, ok := r.Group(integration); ok && r.Grantee.Is(person) {
			fn(r, *g)
		}
	}
}

func wants(s flows.GroupStatus) bool { return s == flows.GroupGranting || s == flows.GroupGranted }

func (m *memory) Held(person, integration string) (out []flows.Unit, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.groups(person, integration, func(_ flows.Request, g flows.AccessGroup) {
		for _, it := range g.Items {
			if wants(g.Status) && !slices.Contains(out, it.Unit) {
				out = append(out, it.Unit)
			}
		}
	})
	slices.SortFunc(out, flows.Unit.Compare)
	return out, nil
}

func (m *memory) Holders(person string, u flows.Unit) (live, released []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.groups(person, u.Integration, func(r flows.Request, g flows.AccessGroup) {
		if wants(g.Status) && slices.ContainsFunc(g.Items, func(it flows.Item) bool { return it.Unit == u }) {
			live = append(live, r.GrantID(u.Integration))
		}
	})
	return live, slices.Clone(m.released[person+fmt.Sprint(u)]), nil
}

func (m *memory) ApplyGone(_ context.Context, now time.Time, id, integration string, kept []flows.Unit, released []string) (flows.Request, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.apply(now, id, flows.Event{Kind: flows.EventGone, Integration: integration})
	if err != nil {
		return r, err
	}
	g, _ := r.Group(integration)
	for _, it := range g.Items {
		key := r.Grantee.Email + fmt.Sprint(it.Unit)
		if slices.Contains(kept, it.Unit) {
			m.released[key] = append(m.released[key], r.GrantID(integration))
			continue
		}
		m.released[key] = slices.DeleteFunc(m.released[key], func(grant string) bool { return slices.Contains(released, grant) })
		if len(m.released[key]) == 0 {
			delete(m.released, key)
		}
	}
	return r, nil
}

func (m *memory) Tasks(lane flows.Lane, now time.Time, limit int, skip func(string) bool) ([]flows.Task, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []flows.Task
	for _, t := range slices.SortedFunc(maps.Values(m.tasks), func(a, b flows.Task) int {
		return cmp.Or(cmp.Compare(a.Effect.Priority(), b.Effect.Priority()), a.Due.Compare(b.Due), cmp.Compare(a.Key, b.Key))
	}) {
		m.reads++
		if t.Effect.Lane() == lane && !t.Due.After(now) && !skip(t.Key) && len(out) < limit {
			out = append(out, t)
			m.given++
		}
	}
	return out, nil
}

func (m *memory) NextDue(lane flows.Lane) (at time.Time, ok bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tasks {
		if t.Effect.Lane() == lane && (!ok || t.Due.Before(at)) {
			at, ok = t.Due, true
		}
	}
	return at, ok, nil
}

func (m *memory) Wake(lane flows.Lane) <-chan struct{} { return m.wake[lane] }

func (m *memory) Done(_ context.Context, key string, rev uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	if m.tasks[key].Rev == rev {
		delete(m.tasks, key)
	}
	return nil
}

func (m *memory) Retry(_ context.Context, key string, rev uint64, due time.Time, problem string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	t, ok := m.tasks[key]
	if !ok || t.Rev != rev {
		return nil
	}
	t.Due, t.Problem = due, problem
	t.Tries++
	m.tasks[key] = t
	m.wakeUp(t.Effect.Lane())
	return nil
}

func (m *memory) task(key string) (flows.Task, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tasks[key]
	return t, ok
}

// waiting lists the keys of a lane's tasks.
func (m *memory) waiting(lane flows.Lane) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for key, t := range m.tasks {
		if t.Effect.Lane() == lane {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

func (m *memory) Post(key flows.PostKey) (flows.Post, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.posts[key]
	return p, ok, nil
}

func (m *memory) SavePost(_ context.Context, p flows.Post) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	m.posts[p.Key] = p
	return nil
}

func (m *memory) Record(_ context.Context, now time.Time, f flows.Fact) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	m.audit = append(m.audit, flows.AuditEvent{Seq: uint64(len(m.audit) + 1), At: now, Fact: f})
	if f.Kind.Told() {
		m.want(now, flows.Effect{Kind: flows.EffectAuditChannel})
	}
	return nil
}

func (m *memory) facts(kind flows.FactKind) []flows.Fact {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []flows.Fact
	for _, e := range m.audit {
		if e.Fact.Kind == kind {
			out = append(out, e.Fact)
		}
	}
	return out
}

func (m *memory) Audit(seq uint64, limit int) ([]flows.AuditEvent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := min(int(seq)-1, len(m.audit))
	return slices.Clone(m.audit[from:min(from+limit, len(m.audit))]), nil
}

func (m *memory) AuditCursor() (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cursor, nil
}

func (m *memory) AdvanceAudit(_ context.Context, seq uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	m.cursor, m.posting = max(m.cursor, seq), 0
	return nil
}

func (m *memory) AuditPosting() (uint64, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.posting, m.posting > 0, nil
}

func (m *memory) SetAuditPosting(_ context.Context, to uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	m.posting = to
	return nil
}
