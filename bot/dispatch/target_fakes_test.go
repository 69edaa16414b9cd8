package dispatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apono/flows"
	"apono/provision"
)

// target is a connected system with its driver. It remembers every call, and
// holds access by grant id or, where shared, by person.
type target struct {
	mu     sync.Mutex
	name   string
	shared bool // grants of one person are one and the same
	byUser bool // a revoke takes the person's units whatever the grant id
	held   map[string]bool
	calls  []string
	grants []provision.Grant
	live   int // calls under way
	most   int // calls ever under way at once
	took   time.Duration

	// onGrant and onRevoke decide about a call before it takes effect.
	onGrant  func(ctx context.Context, n int) error
	onRevoke func(ctx context.Context, n int) error
	granted  int // calls so far
	revoked  int
	fields   []provision.Field
}

func (s *story) target(name string) *target {
	d := &target{name: name, held: map[string]bool{}}
	s.all = append(s.all, d)
	return d
}

func (d *target) Close() error { return nil }

func (d *target) Shared() bool { return d.shared }

func (d *target) begin(g provision.Grant, verb string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var units []string
	for _, it := range g.Items {
		units = append(units, it.Resource)
	}
	d.calls = append(d.calls, fmt.Sprintf("%s %s %s", verb, g.ID, strings.Join(units, "+")))
	d.grants = append(d.grants, g)
	d.live++
	d.most = max(d.most, d.live)
	if verb == "grant" {
		d.granted++
		return d.granted
	}
	d.revoked++
	return d.revoked
}

func (d *target) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.live--
}

func (d *target) key(g provision.Grant, it flows.Item) string {
	if d.byUser {
		return g.Person.Email + " " + it.Resource
	}
	return g.ID + " " + it.Resource
}

func (d *target) Grant(ctx context.Context, g provision.Grant) (provision.Credentials, error) {
	n := d.begin(g, "grant")
	defer d.end()
	time.Sleep(d.took)
	if d.onGrant != nil {
		if err := d.onGrant(ctx, n); err != nil {
			return provision.Credentials{}, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, it := range g.Items {
		d.held[d.key(g, it)] = true
	}
	return provision.Credentials{Fields: d.fields, Instructions: "Connect with psql."}, nil
}

func (d *target) Revoke(ctx context.Context, g provision.Grant) error {
	n := d.begin(g, "revoke")
	defer d.end()
	time.Sleep(d.took)
	if d.onRevoke != nil {
		if err := d.onRevoke(ctx, n); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, it := range g.Items {
		delete(d.held, d.key(g, it))
	}
	return nil
}

func (d *target) holds() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.held))
}

func (d *target) log() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.calls)
}

// together is how many calls were ever under way at once.
func (d *target) together() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.most
}

func (d *target) last() provision.Grant {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.grants[len(d.grants)-1]
}

// rotating is a target that can also issue new credentials.
type rotating struct {
	*target
	onRotate func(n int) error
	rotated  int
}

func (d *rotating) Rotate(_ context.Context, g provision.Grant) (provision.Credentials, error) {
	d.begin(g, "rotate")
	defer d.end()
	d.rotated++
	if d.onRotate != nil {
		if err := d.onRotate(d.rotated); err != nil {
			return provision.Credentials{}, err
		}
	}
	return provision.Credentials{Fields: d.fields}, nil
}

// checking is a target that can be asked.
type checking struct {
	*target
	checks int
}

func (d *checking) Check(_ context.Context, g provision.Grant) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.checks++
	for _, it := range g.Items {
		if !d.held[d.key(g, it)] {
			return false, nil
		}
	}
	return true, nil
}

type connected map[string]provision.Driver

func (c connected) Integration(name string) (Integration, bool) {
	d, ok := c[name]
	return Integration{Driver: d, AccessDetails: "Use the VPN."}, ok
}

// wrap is a Sealer that does not hide.
type wrap struct{ err error }

func (w wrap) Seal(plain []byte) ([]byte, error) { return append([]byte("sealed:"), plain...), w.err }

func retryErr(after time.Duration) error {
	return &provision.Error{Integration: "db", Op: "grant", Kind: provision.KindRetry, Message: "It is busy.", RetryAfter: after}
}

func refusedErr() error {
	return &provision.Error{Integration: "db", Op: "grant", Kind: provision.KindRefused, Message: "There is no such role."}
}

func unknownErr() error {
	return &provision.Error{Integration: "db", Op: "grant", Kind: provision.KindUnknown, Err: errors.New("connection reset")}
}

func unit(integration, resource string) flows.Item {
	return flows.Item{
		Unit:         flows.Unit{Integration: integration, ResourceType: "database", Resource: resource, Permission: "read"},
		ResourceName: resource, TypeName: "Database", PermissionName: "Read",
	}
}

var alice = flows.PersonRef{Email: "alice@example.com", Name: "Alice"}

// ask is a draft that needs no approval, for an hour.
func ask(items ...flows.Item) flows.Request {
	r := flows.Request{
		Trigger: flows.TriggerSelfServe, Requestor: alice, Grantee: alice, Flow: "Read", Duration: time.Hour,
		Need: flows.Need{Automatic: true},
	}
	for _, it := range items {
		if g, ok := r.Group(it.Integration); ok {
			g.Items = append(g.Items, it)
			continue
		}
		r.Groups = append(r.Groups, flows.AccessGroup{Integration: it.Integration, Items: []flows.Item{it}})
	}
	return r
}

// story is a store, targets, and a worker that can be stopped and started again.
type story struct {
	*testing.T
	*memory
	options TargetOptions
	targets connected
	all     []*target
	logged  *bytes.Buffer
	tries   []Try
	mu      sync.Mutex
	stop    func() error
}

func tell(t *testing.T, fn func(s *story)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &story{T: t, memory: newMemory(), targets: connected{}, logged: &bytes.Buffer{}}
		s.options = TargetOptions{
			Queue: s.memory, Requests: s.memory, Integrations: s.targets, Sealer: wrap{},
			Log: slog.New(slog.NewTextHandler(s, nil)),
			Hooks: Hooks{Tried: func(t Try) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.tries = append(s.tries, t)
			}},
		}
		fn(s)
		if s.stop != nil {
			s.end()
		}
	})
}

// Write keeps what is logged.
func (s *story) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logged.Write(p)
}

func (s *story) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logged.String()
}

func (s *story) results() (out []Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tries {
		out = append(out, t.Result)
	}
	return out
}

func (s *story) start() {
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan error, 1)
	w := NewTargets(s.options)
	go func() { ended <- w.Run(ctx) }()
	s.stop = func() error { cancel(); return <-ended }
	synctest.Wait()
}

// handOver orders what the test did before what the worker does next, and the
// other way round: sleeping in a bubble does not.
func (s *story) handOver() {
	for _, mu := range []*sync.Mutex{&s.mu, &s.memory.mu} {
		mu.Lock()
		mu.Unlock() //nolint:staticcheck // passing through is the point
	}
	for _, d := range s.all {
		d.mu.Lock()
		d.mu.Unlock() //nolint:staticcheck // passing through is the point
	}
}

func (s *story) end() {
	s.Helper()
	s.handOver()
	stop := s.stop
	s.stop = nil
	if err := stop(); err != nil {
		s.Errorf("the worker did not stop: %v", err)
	}
}

func (s *story) after(d time.Duration) {
	s.handOver()
	time.Sleep(d)
	synctest.Wait()
	s.handOver()
}

func (s *story) status(id, integration string) flows.GroupStatus {
	s.Helper()
	r := s.get(s, id)
	g, ok := r.Group(integration)
	if !ok {
		s.Fatalf("%s has nothing in %s", id, integration)
	}
	return g.Status
}
