package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"apono/flows"
	"apono/store"
	"apono/store/bolt"
)

// model is a store made of maps. It decides with flows.Next, as the store does,
// and knows nothing of indexes or encodings.
type model struct {
	requests []flows.Request
	submits  map[string][]int
	released map[string][]flows.Unit // grant -> units left at the target
	sealed   map[string]string
	tasks    map[string]flows.Task // without Rev
	posts    map[string]flows.Post
	inbox    map[string]*inboxModel
	facts    []flows.Fact
	cursor   uint64
}

type inboxModel struct {
	at   time.Time
	done bool
}

func newModel() *model {
	return &model{
		submits: map[string][]int{}, released: map[string][]flows.Unit{}, sealed: map[string]string{},
		tasks: map[string]flows.Task{}, posts: map[string]flows.Post{}, inbox: map[string]*inboxModel{},
	}
}

func (m *model) effects(now time.Time, effects []flows.Effect) {
	for _, e := range effects {
		switch e.Kind {
		case flows.EffectAudit:
			m.facts = append(m.facts, *e.Fact)
		case flows.EffectSeal:
			grant := e.Request + "/" + e.Integration
			if delete(m.sealed, grant); e.Sealed != nil {
				m.sealed[grant] = string(e.Sealed)
			}
		case flows.EffectTarget, flows.EffectPost, flows.EffectAuditChannel:
			m.task(now, e)
		}
	}
}

func (m *model) task(now time.Time, e flows.Effect) {
	task := flows.Task{Key: e.Key(), Effect: e, Since: now, Due: now}
	if old, ok := m.tasks[task.Key]; ok {
		task.Since = old.Since
		if old.Due.Before(now) {
			task.Due = old.Due
		}
	}
	m.tasks[task.Key] = task
}

// holds lists the grants that stand behind a unit, by status of their group.
func (m *model) holds(who string, u flows.Unit) (live, ending, released []string) {
	for i := range m.requests {
		r := &m.requests[i]
		g, ok := r.Group(u.Integration)
		if !ok || !r.Grantee.Is(who) || !slices.ContainsFunc(g.Items, func(it flows.Item) bool { return it.Unit == u }) {
			continue
		}
		grant := r.GrantID(u.Integration)
		switch g.Status {
		case flows.GroupGranting, flows.GroupGranted:
			live = append(live, grant)
		case flows.GroupUndoing, flows.GroupRevoking:
			ending = append(ending, grant)
		case flows.GroupWaiting, flows.GroupFailed, flows.GroupRevoked:
			if slices.Contains(m.released[grant], u) {
				released = append(released, grant)
			}
		}
	}
	slices.Sort(live)
	slices.Sort(released)
	return live, ending, released
}

// machine runs the same random commands on the model and on a store.
type machine struct {
	t     *rapid.T
	ctx   context.Context
	m     *model
	s     *bolt.Store
	path  string
	now   time.Time
	opens int
}

func (x *machine) pick(name string, from ...string) string {
	return rapid.SampledFrom(from).Draw(x.t, name)
}

func (x *machine) seq() int { return rapid.IntRange(0, len(x.m.requests)).Draw(x.t, "request") }

func (x *machine) later() {
	x.now = x.now.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 1, 7, 40}).Draw(x.t, "minutes")) * time.Minute)
}

func (x *machine) same(what string, want, got any) {
	if reflect.DeepEqual(want, got) { // fast, for nearly all
		return
	}
	x.t.Helper()
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		x.t.Fatalf("%s (-model +store):\n%s", what, diff)
	}
}

func (x *machine) ok(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *machine) submit(*rapid.T) {
	x.later()
	key := fmt.Sprint("k", rapid.IntRange(0, 12).Draw(x.t, "key"))
	var drafts []flows.Request
	for range rapid.IntRange(1, 2).Draw(x.t, "drafts") {
		d := draft(x.pick("who", "alice", "alice", "dave"), "pg", x.pick("first", "a", "b"), x.pick("integration", "pg", "k8s"), x.pick("second", "a", "b"))
		if rapid.IntRange(0, 4).Draw(x.t, "other grantee") == 0 {
			d.Grantee = person("erin")
		}
		d.Need.Automatic = rapid.IntRange(0, 3).Draw(x.t, "automatic") == 0
		if rapid.IntRange(0, 9).Draw(x.t, "nobody asked") == 0 {
			d.Asked = nil
		}
		drafts = append(drafts, d)
	}
	got, err := x.s.Submit(x.ctx, x.now, key, drafts)
	if _, repeat := x.m.submits[key]; !repeat {
		made, effects, wantErr := x.m.next(drafts, x.now)
		x.same("error of submit", flows.ErrorMessage(wantErr), flows.ErrorMessage(err))
		if wantErr != nil {
			return
		}
		for i := range made {
			x.m.submits[key] = append(x.m.submits[key], len(x.m.requests))
			x.m.requests = append(x.m.requests, made[i])
			x.m.effects(x.now, effects[i])
		}
	}
	x.ok(err)
	var want []flows.Request
	for _, i := range x.m.submits[key] {
		want = append(want, x.m.requests[i])
	}
	x.same("submitted", want, got)
}

func (m *model) next(drafts []flows.Request, now time.Time) (made []flows.Request, effects [][]flows.Effect, err error) {
	for i, d := range drafts {
		d.Seq = uint64(len(m.requests) + i + 1)
		d.ID = store.ID(d.Seq)
		r, effs, err := flows.Next(d, flows.Event{Kind: flows.EventSubmit, By: d.Requestor}, now)
		if err != nil {
			return nil, nil, err
		}
		made, effects = append(made, r), append(effects, effs)
	}
	return made, effects, nil
}

func (x *machine) apply(*rapid.T) {
	x.later()
	ev := flows.Event{Kind: rapid.SampledFrom(flows.EventKinds()).Draw(x.t, "event"), By: person(x.pick("by", "alice", "bob", "carol", "erin"))}
	ev.Integration, ev.Problem, ev.CountsFor = x.pick("integration", "pg", "k8s"), "no", []int{0}
	if ev.Kind == flows.EventGranted || ev.Kind == flows.EventRotated {
		ev.Access = flows.Access{CanReset: true, SealedUntil: x.now.Add(time.Hour)}
		if rapid.Bool().Draw(x.t, "secret") {
			ev.Access.Sealed = []byte(fmt.Sprint("secret at ", x.now))
		}
	}
	if ev.Kind == flows.EventGone {
		return // see gone
	}
	x.event(x.seq(), ev)
}

// event applies what is likely, so that sequences get far.
func (x *machine) event(i int, ev flows.Event) {
	got, err := x.s.Apply(x.ctx, x.now, store.ID(uint64(i+1)), ev)
	if i == len(x.m.requests) {
		x.same("error of no request", flows.CodeNotFound, flows.ErrorCode(err))
		return
	}
	want, effects, wantErr := flows.Next(x.m.requests[i], ev, x.now)
	x.same("error of "+string(ev.Kind), fmt.Sprint(wantErr), fmt.Sprint(err))
	if err == nil {
		x.same("after "+string(ev.Kind), want, got)
		if ev.Kind == flows.EventConfirmGone {
			x.m.declared(&x.m.requests[i], ev.Integration)
		}
		x.m.requests[i] = want
		x.m.effects(x.now, effects)
	}
}

// declared leaves to others what they hold, on somebody's word, and ends with the last
// holder what earlier ones left.
func (m *model) declared(r *flows.Request, integration string) {
	g, _ := r.Group(integration)
	own := r.GrantID(integration)
	var kept []flows.Unit
	for _, u := range units(g) {
		live, ending, released := m.holds(r.Grantee.Email, u)
		if slices.ContainsFunc(append(live, ending...), func(grant string) bool { return grant != own }) {
			kept = append(kept, u)
			continue
		}
		for _, grant := range released {
			m.released[grant] = slices.DeleteFunc(m.released[grant], func(left flows.Unit) bool { return left == u })
		}
	}
	m.released[own] = kept
}

// progress moves a request on as far as it goes, so that sequences get somewhere.
func (x *machine) progress(*rapid.T) {
	x.later()
	i := x.seq()
	for i < len(x.m.requests) {
		switch r := x.m.requests[i]; r.State {
		case flows.StatePending:
			before := r.Version
			if x.event(i, approve("bob")); x.m.requests[i].Version == before {
				return // timed out, or bob has approved before
			}
		case flows.StateApproved:
			g := slices.IndexFunc(r.Groups, func(g flows.AccessGroup) bool { return g.Status == flows.GroupGranting })
			if g < 0 {
				return
			}
			x.event(i, flows.Event{Kind: flows.EventGranted, Integration: r.Groups[g].Integration})
		case flows.StateActive, flows.StateRevoking, flows.StateExpired, flows.StateRevoked, flows.StateDenied,
			flows.StateWithdrawn, flows.StateTimedOut, flows.StateFailed:
			return
		}
	}
}

// end revokes something that is active, if anything is.
func (x *machine) end(*rapid.T) {
	x.later()
	i := x.seq()
	for j, r := range x.m.requests {
		if r.State == flows.StateActive && rapid.Bool().Draw(x.t, "this one") {
			i = j
		}
	}
	x.event(i, flows.Event{Kind: flows.EventRevoke, By: person("alice")})
}

// gone plays the worker of a shared integration, now and then a wrong one.
func (x *machine) gone(*rapid.T) {
	x.later()
	if rapid.IntRange(0, 9).Draw(x.t, "any") == 0 {
		x.goneFrom(x.seq(), x.pick("integration", "pg", "k8s"))
	}
	for i, r := range x.m.requests {
		for _, g := range r.Groups {
			if g.Status == flows.GroupRevoking || g.Status == flows.GroupUndoing {
				x.goneFrom(i, g.Integration)
			}
		}
	}
}

func (x *machine) goneFrom(i int, integration string) {
	if i == len(x.m.requests) {
		return
	}
	r := x.m.requests[i]
	g, ok := r.Group(integration)
	if !ok {
		return
	}
	own := r.GrantID(integration)
	var kept []flows.Unit
	var named []string
	drops := map[string][]flows.Unit{}
	stale := false
	for _, u := range units(g) {
		live, ending, released := x.m.holds(r.Grantee.Email, u)
		held := len(live)+len(ending) > 1 || len(live)+len(ending) == 1 && !slices.Contains(append(live, ending...), own)
		if keep := len(live) > 0 && live[0] != own; keep != (rapid.IntRange(0, 9).Draw(x.t, "wrong") == 0) {
			kept = append(kept, u)
			stale = stale || !held
			continue
		}
		forget := len(released) > 0 && rapid.IntRange(0, 9).Draw(x.t, "forgets") == 0
		if !forget {
			named = append(named, released...)
		}
		for _, grant := range released {
			drops[grant] = append(drops[grant], u)
		}
	}
	for _, u := range units(g) {
		live, ending, released := x.m.holds(r.Grantee.Email, u)
		others := slices.DeleteFunc(append(live, ending...), func(grant string) bool { return grant == own })
		for _, grant := range released {
			stale = stale || !slices.Contains(kept, u) && !slices.Contains(named, grant) && len(others) == 0
		}
	}
	got, err := x.s.ApplyGone(x.ctx, x.now, r.ID, integration, kept, named)
	want, effects, wantErr := flows.Next(r, flows.Event{Kind: flows.EventGone, Integration: integration, Kept: len(kept) > 0}, x.now)
	switch {
	case wantErr != nil:
		x.same("error of gone", wantErr.Error(), fmt.Sprint(err))
		return
	case stale:
		if !errors.Is(err, store.ErrStale) {
			x.t.Fatalf("gone of %s, kept %v, released %v: %v, want ErrStale", own, kept, named, err)
		}
		return
	}
	x.ok(err)
	x.same("after gone", want, got)
	x.m.requests[i] = want
	x.m.effects(x.now, effects)
	x.m.released[own] = kept
	for grant, us := range drops {
		if slices.Contains(named, grant) {
			x.m.released[grant] = slices.DeleteFunc(x.m.released[grant], func(u flows.Unit) bool { return slices.Contains(us, u) })
		}
	}
}

func units(g *flows.AccessGroup) []flows.Unit {
	var out []flows.Unit
	for _, it := range g.Items {
		if !slices.Contains(out, it.Unit) {
			out = append(out, it.Unit)
		}
	}
	return out
}

// work does tasks or puts them off.
func (x *machine) work(*rapid.T) {
	x.later()
	lane := rapid.SampledFrom([]flows.Lane{flows.LaneTarget, flows.LaneChat}).Draw(x.t, "lane")
	tasks, err := x.s.Tasks(lane, x.now, 3, nil)
	x.ok(err)
	for _, task := range tasks {
		done := rapid.Bool().Draw(x.t, "done")
		switch {
		case task.Effect.Kind == flows.EffectTarget && done:
			i := slices.IndexFunc(x.m.requests, func(r flows.Request) bool { return r.ID == task.Effect.Request })
			if slices.Contains(store.Targets(&x.m.requests[i]), task.Effect.Integration) {
				done = false // the target does not agree yet
			}
		case task.Effect.Kind == flows.EffectPost && done:
			post := flows.Post{Key: task.Effect.Post, Message: fmt.Sprint(x.now), At: x.now}
			x.ok(x.s.SavePost(x.ctx, post))
			x.m.posts[post.Key.String()] = post
		case task.Effect.Kind == flows.EffectAuditChannel && done:
			x.m.cursor = uint64(len(x.m.facts))
			x.ok(x.s.AdvanceAudit(x.ctx, x.m.cursor))
		}
		if done {
			x.ok(x.s.Done(x.ctx, task.Key, task.Rev))
			delete(x.m.tasks, task.Key)
			continue
		}
		due := x.now.Add(17 * time.Minute)
		x.ok(x.s.Retry(x.ctx, task.Key, task.Rev, due, "later"))
		was := x.m.tasks[task.Key]
		was.Due, was.Problem = due, "later"
		was.Tries++
		x.m.tasks[task.Key] = was
	}
}

func (x *machine) deliver(*rapid.T) {
	x.later()
	key := fmt.Sprint("d", rapid.IntRange(0, 6).Draw(x.t, "delivery"))
	fresh, err := x.s.Receive(x.ctx, x.now, flows.Delivery{Key: key})
	x.ok(err)
	_, known := x.m.inbox[key]
	x.same("fresh", !known, fresh)
	if fresh {
		x.m.inbox[key] = &inboxModel{at: x.now}
	}
}

func (x *machine) finish(*rapid.T) {
	key := fmt.Sprint("d", rapid.IntRange(0, 6).Draw(x.t, "delivery"))
	x.ok(x.s.Finish(x.ctx, key))
	if d, ok := x.m.inbox[key]; ok {
		d.done = true
	}
}

// prune leaves submissions alone by an old delivery that is never finished.
func (x *machine) prune(*rapid.T) {
	x.later()
	n, err := x.s.PruneDeliveries(x.ctx, x.now, 0)
	x.ok(err)
	before := len(x.m.inbox)
	maps.DeleteFunc(x.m.inbox, func(_ string, d *inboxModel) bool { return d.done && d.at.Before(x.now.Add(-time.Hour)) })
	x.same("pruned", before-len(x.m.inbox), n)
}

func (x *machine) record(*rapid.T) {
	x.later()
	fact := flows.Fact{Kind: rapid.SampledFrom([]flows.FactKind{flows.FactOperator, flows.FactCredentials}).Draw(x.t, "fact"), Text: "x"}
	x.ok(x.s.Record(x.ctx, x.now, fact))
	x.m.facts = append(x.m.facts, fact)
	if fact.Kind.Told() {
		x.m.task(x.now, flows.Effect{Kind: flows.EffectAuditChannel})
	}
}

// crash goes on with what is on the disk.
func (x *machine) crash(*rapid.T) {
	size, err := x.s.Size()
	x.ok(err)
	raw := make([]byte, size) // the file is longer, with nothing in it
	_, err = x.s.File().ReadAt(raw, 0)
	x.ok(err)
	x.ok(x.s.Close())
	x.opens++
	x.path = fmt.Sprintf("%s.%d", x.path, x.opens)
	x.ok(os.WriteFile(x.path, raw, 0o600))
	x.s, err = bolt.Open(x.path, bolt.Options{NoSync: true})
	x.ok(err)
}

func TestStoreIsAMap(t *testing.T) {
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		x := &machine{t: rt, ctx: t.Context(), m: newModel(), now: start, path: filepath.Join(dir, fmt.Sprint("run", run, ".db"))}
		var err error
		x.s, err = bolt.Open(x.path, bolt.Options{NoSync: true})
		x.ok(err)
		defer func() { x.ok(x.s.Close()) }()
		_, err = x.s.Receive(x.ctx, start.Add(-time.Hour), flows.Delivery{Key: "keeps submissions"})
		x.ok(err)
		x.m.inbox["keeps submissions"] = &inboxModel{at: start.Add(-time.Hour)}
		rt.Repeat(map[string]func(*rapid.T){
			"submit": x.submit, "apply": x.apply, "progress": x.progress, "progress more": x.progress, "end": x.end, "gone": x.gone,
			"work": x.work, "deliver": x.deliver, "finish": x.finish, "prune": x.prune, "record": x.record, "crash": x.crash,
			"": x.compare,
		})
		if problems := x.s.CheckAlone(); problems != nil {
			rt.Fatalf("check: %v", problems)
		}
	})
}
