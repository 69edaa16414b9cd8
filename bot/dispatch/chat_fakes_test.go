package dispatch

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// sent is one call of the messenger.
type sent struct {
	verb string // post, update, audit
	to   string // person, or message
	card chat.Card
	at   time.Time
	prio chat.Priority
}

func (s sent) String() string { return s.verb + " " + s.to + " " + s.card.Fallback }

// messenger is a chat platform. It shows what was last posted under each message.
type messenger struct {
	mu      sync.Mutex
	n       int
	calls   []sent
	screens map[string]chat.Card // message -> what it shows
	owner   map[string]string    // message -> person
	took    time.Duration
	live    int
	most    int
	// fail decides about a call, before or after it took effect.
	fail func(s sent) (err error, took bool)
}

func newMessenger() *messenger {
	return &messenger{screens: map[string]chat.Card{}, owner: map[string]string{}}
}

func (m *messenger) send(s sent) (chat.MessageRef, error) {
	m.mu.Lock()
	s.at = time.Now()
	m.calls = append(m.calls, s)
	m.live++
	m.most = max(m.most, m.live)
	m.mu.Unlock()
	time.Sleep(m.took)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live--
	var err error
	if m.fail != nil {
		var took bool
		if err, took = m.fail(s); err != nil && !took {
			return chat.MessageRef{}, err
		}
	}
	message := s.to
	if s.verb != "update" {
		m.n++
		message = fmt.Sprintf("m%d", m.n)
		m.owner[message] = s.to
	}
	m.screens[message] = s.card
	return chat.MessageRef{Platform: "slack", Channel: "D" + s.to, Message: message}, err
}

func (m *messenger) Post(_ context.Context, to chat.Recipient, c chat.Card, p chat.Priority) (chat.MessageRef, error) {
	return m.send(sent{verb: "post", to: to.Email, card: c, prio: p})
}

func (m *messenger) PostAudit(_ context.Context, c chat.Card) (chat.MessageRef, error) {
	return m.send(sent{verb: "audit", to: "channel", card: c, prio: chat.PriorityAudit})
}

func (m *messenger) Update(_ context.Context, ref chat.MessageRef, c chat.Card, p chat.Priority) error {
	_, err := m.send(sent{verb: "update", to: ref.Message, card: c, prio: p})
	return err
}

// log lists the calls of a verb, or all of them, as text.
func (m *messenger) log(verbs ...string) (out []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.calls {
		if len(verbs) == 0 || slices.Contains(verbs, s.verb) {
			out = append(out, s.String())
		}
	}
	return out
}

// of lists what the messages of a person show.
func (m *messenger) of(person string) (out []chat.Card) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.n {
		if id := fmt.Sprintf("m%d", i+1); m.owner[id] == person {
			out = append(out, m.screens[id])
		}
	}
	return out
}

func (m *messenger) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = nil
}

type drawn struct{}

func (drawn) Card(r flows.Request, key flows.PostKey, now time.Time) (chat.Card, bool) {
	return cards.Card(r, key, now)
}

func (drawn) Audit(events []flows.AuditEvent) chat.Card { return cards.Audit(events) }

// Recipient finds everybody but those that people says something about.
func (s *talk) Recipient(_, email string) (chat.Recipient, error) {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	return chat.Recipient{Email: email}, s.people[email]
}

// handOver orders what the test did before what the worker does next, and the
// other way round: sleeping in a bubble does not.
func (s *talk) handOver() {
	for _, mu := range []*sync.Mutex{&s.logMu, &s.memory.mu, &s.messenger.mu} {
		mu.Lock()
		mu.Unlock() //nolint:staticcheck // passing through is the point
	}
}

func chatErr(kind chat.ErrorKind, after time.Duration) error {
	return &chat.Error{Kind: kind, Op: "chat.postMessage", Code: "some_code", RetryAfter: after}
}

// talk is a store, a chat platform, and a worker that can be stopped and started.
type talk struct {
	*testing.T
	*memory
	*messenger
	options ChatOptions
	people  map[string]error
	logMu   sync.Mutex
	logged  bytes.Buffer
	stop    func() error
}

func converse(t *testing.T, fn func(s *talk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &talk{T: t, memory: newMemory(), messenger: newMessenger(), people: map[string]error{}}
		s.options = ChatOptions{
			Queue: s.memory, Posts: s.memory, Renderer: drawn{}, People: s, Messenger: s.messenger,
			AuditChannel: func() bool { return true }, Log: slog.New(slog.NewTextHandler(s, nil)),
		}
		fn(s)
		if s.stop != nil {
			s.end()
		}
	})
}

// Write keeps what is logged.
func (s *talk) Write(p []byte) (int, error) {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	return s.logged.Write(p)
}

func (s *talk) start() {
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan error, 1)
	w := NewChat(s.options)
	go func() { ended <- w.Run(ctx) }()
	s.stop = func() error { cancel(); return <-ended }
	synctest.Wait()
}

func (s *talk) end() {
	s.Helper()
	s.handOver()
	stop := s.stop
	s.stop = nil
	if err := stop(); err != nil {
		s.Errorf("the worker did not stop: %v", err)
	}
}

func (s *talk) after(d time.Duration) {
	s.handOver()
	time.Sleep(d)
	synctest.Wait()
	s.handOver()
}

var (
	bob   = flows.PersonRef{Email: "bob@example.com", Name: "Bob"}
	carol = flows.PersonRef{Email: "carol@example.com", Name: "Carol"}
)

// askBob is a draft that Bob or Carol must approve.
func askBob(items ...flows.Item) flows.Request {
	r := ask(items...)
	r.Need = flows.Need{Mode: flows.ModeAnyOf, Groups: []string{"group leads"}}
	r.Asked = []flows.Asked{
		{PersonRef: bob, Groups: []int{0}, Why: "You are Alice's manager."},
		{PersonRef: carol, Groups: []int{0}, Why: "You are in leads."},
	}
	return r
}

func (s *talk) approve(id string) flows.Request {
	s.Helper()
	return s.must(s, id, flows.Event{Kind: flows.EventApprove, By: bob, CountsFor: []int{0}})
}

func (s *talk) grant(id string) flows.Request {
	s.Helper()
	return s.must(s, id, flows.Event{Kind: flows.EventGranted, Integration: "db"})
}

// settled fails unless nothing waits.
func (s *talk) settled() {
	s.Helper()
	if left := s.waiting(flows.LaneChat); left != nil {
		s.Errorf("tasks left: %v", left)
	}
}

func (s *talk) operatorFacts() (out []string) {
	for _, f := range s.facts(flows.FactOperator) {
		out = append(out, f.Text)
	}
	return out
}
