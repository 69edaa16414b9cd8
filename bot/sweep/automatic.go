package sweep

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"apono/flows"
)

// JobAutomatic is the name of the job that Automatic makes.
const JobAutomatic = "automatic"

const (
	automaticSpec = "@every 1s" // how soon a changed world is followed
	// automaticEvery is how often everything is compared though the world is the same:
	// somebody may have ended an access, or a system refused it.
	automaticEvery = time.Minute
	// planFrom is how many accesses a changed policy must end at once before that can
	// look like a mistake.
	planFrom = 5
)

// StandingRequests is the durable state of automatic access.
type StandingRequests interface {
	LiveRequests
	// Submit makes requests. A repeat with the same key makes nothing.
	Submit(ctx context.Context, now time.Time, key string, drafts []flows.Request) ([]flows.Request, error)
	// ByPerson returns up to limit requests of a person, newest first, from the one
	// numbered below before; 0: from the newest.
	ByPerson(email string, before uint64, limit int) ([]flows.Request, error)
}

// AutomaticOptions are what the job of automatic flows is made of.
type AutomaticOptions struct {
	Requests StandingRequests
	// World is as in RightsOptions; before it is settled nothing is done.
	World func() (w flows.World, settled bool)
	// HoldAbove is a percentage of the live automatic accesses. Where a changed policy
	// would end more than that at once, and at least five, an admin is asked first.
	HoldAbove func() int
	// Raise tells the admins of a plan that waits for Settle with this name.
	Raise func(ctx context.Context, name, text, details string)
	// Discards is nil where nothing is kept: a plan that was discarded is asked about again
	// after a restart.
	Discards Discards
	Log      *slog.Logger
	Now      func() time.Time // nil: time.Now
}

// Follower makes everybody hold what automatic flows give, and nobody else.
type Follower struct {
	AutomaticOptions
	world    flows.World // of the last look
	at       time.Time   // of the last look; zero: none
	tooMuch  string
	holdings map[string]flows.Holding // by request, of the last look
	seen     map[string]string        // by request, the hash of the flow that it agreed with

	mu        sync.Mutex
	waiting   *waitingPlan    // nil: none
	approved  map[string]bool // requests that may end
	settled   bool            // somebody has decided since the last look
	discarded discarded
}

type waitingPlan struct {
	name string
	ids  []string
	no   bool // somebody said that it is wrong
}

// Automatic makes the follower of automatic flows. It looks after every change of
// people, inventory or policy, and every minute.
func Automatic(o AutomaticOptions) *Follower {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Follower{AutomaticOptions: o, seen: map[string]string{}, approved: map[string]bool{}}
}

// Job is what follows.
func (j *Follower) Job() Job { return Job{Name: JobAutomatic, Spec: automaticSpec, Run: j.run} }

// Settle acts on an admin's word about a plan that waits: proceed carries it out
// within a second, else what it would end stays until the policy changes again.
// record is told first how many it would end; what it cannot write does not happen.
// Errors: flows.CodeLate, where that plan does not wait any more; those of record.
func (j *Follower) Settle(name string, proceed bool, record func(count int) error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	w := j.waiting
	if w == nil || w.name != name || w.no {
		return flows.Errorf(flows.CodeLate, "That plan does not wait any more: somebody decided, or people or policy have changed since.")
	}
	if err := record(len(w.ids)); err != nil {
		return err
	}
	if !proceed {
		w.no, j.discarded = true, discarded{true, name}
		return nil
	}
	for _, id := range w.ids {
		j.approved[id] = true
	}
	j.waiting, j.settled = nil, true
	return nil
}

func (j *Follower) run(ctx context.Context) error {
	w, settled := j.World()
	if !settled || w.People.Size() == 0 {
		return nil // who is missing may be there
	}
	now := j.Now()
	j.mu.Lock()
	decided := j.settled
	j.settled = false
	j.mu.Unlock()
	if !decided && !j.at.IsZero() && now.Sub(j.at) < automaticEvery && !now.Before(j.at) && w == j.world {
		return nil
	}
	held, err := j.held(ctx)
	if err != nil {
		return err
	}
	for i := range held {
		held[i].Hash = cmp.Or(j.seen[held[i].ID], held[i].Hash)
	}
	plan := w.PlanAutomatic(held)
	hold := j.judge(ctx, w, &plan, len(held))
	j.tellTooMuch(ctx, plan.TooMuch)
	if err := j.act(ctx, &plan, hold); err != nil {
		return err
	}
	if err := j.again(ctx, plan.Again); err != nil {
		return err
	}
	j.remember(w, &plan)
	j.world, j.at = w, now
	return nil
}

// remember keeps under which content of its flow each holding was found right, so
// that a later end of it is not laid at the door of a change long past.
func (j *Follower) remember(w flows.World, plan *flows.AutomaticPlan) {
	seen := map[string]string{}
	for _, h := range plan.Keep {
		if f, ok := w.Catalog.Flow(h.Flow); ok {
			seen[h.ID] = w.Catalog.HashOf(f.Name)
		}
	}
	for id, hash := range j.seen {
		if _, live := j.holdings[id]; live && seen[id] == "" {
			seen[id] = hash
		}
	}
	j.seen = seen
}

// held reads what automatic flows have given. Requests that were read before are not
// summed up again: their units never change.
func (j *Follower) held(ctx context.Context) ([]flows.Holding, error) {
	var out []flows.Holding
	now := map[string]flows.Holding{}
	for _, state := range []flows.State{flows.StateApproved, flows.StateActive} {
		for before := uint64(0); ctx.Err() == nil; {
			page, err := j.Requests.ByState(state, before, rightsPage)
			if err != nil {
				return nil, fmt.Errorf("look for automatic access: %w", err)
			}
			for i := range page {
				r := &page[i]
				if r.Trigger != flows.TriggerAutomatic {
					continue
				}
				h, known := j.holdings[r.ID]
				if !known {
					h = flows.HoldingOf(r)
				}
				h.Partly = r.PartlyGranted()
				if _, twice := now[r.ID]; !twice { // it may move on between two reads
					out = append(out, h)
				}
				now[r.ID] = h
			}
			if len(page) < rightsPage {
				break
			}
			before = page[len(page)-1].Seq
		}
	}
	j.holdings = now
	return out, ctx.Err()
}

// judge says whether the ends that a changed policy makes wait for an admin.
func (j *Follower) judge(ctx context.Context, world flows.World, plan *flows.AutomaticPlan, live int) (hold bool) {
	all := plan.PolicyEnds()
	j.mu.Lock()
	ids := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return j.approved[id] })
	if len(ids) < planFrom || len(ids)*100 <= live*j.HoldAbove() {
		j.waiting = nil
		j.wrong(ctx, "")
		j.mu.Unlock()
		return false
	}
	name := nameOf(world, plan, ids)
	no := j.wrong(ctx, name)
	known := no || j.waiting != nil && j.waiting.name == name
	if !known || j.waiting == nil {
		j.waiting = &waitingPlan{name: name, ids: ids, no: no}
	}
	j.mu.Unlock()
	if !known {
		j.Raise(ctx, name, fmt.Sprintf("The policy has changed, and would end %d of %d automatic accesses. They go on until an admin decides.", len(ids), live), j.details(plan, ids))
	}
	return true
}

// nameOf is equal for plans that end the same under the same policy.
func nameOf(w flows.World, plan *flows.AutomaticPlan, ids []string) string {
	var parts []string
	for _, s := range plan.Steps {
		if slices.ContainsFunc(s.Ends, func(e flows.AutomaticEnd) bool { return e.Policy }) {
			parts = append(parts, s.Flow+"\x00"+w.Catalog.HashOf(s.Flow))
		}
	}
	slices.Sort(parts)
	sum := sha256.Sum256([]byte(strings.Join(append(slices.Compact(parts), ids...), "\x00")))
	return hex.EncodeToString(sum[:8])
}

// details counts the ends of a plan by flow.
func (j *Follower) details(plan *flows.AutomaticPlan, ids []string) string {
	const named = 5
	ends, starts, order := map[string]int{}, 0, []string{}
	for _, s := range plan.Steps {
		if s.Draft != nil {
			starts++
		}
		for _, e := range s.Ends {
			if slices.Contains(ids, e.ID) {
				if ends[s.Flow] == 0 {
					order = append(order, s.Flow)
				}
				ends[s.Flow]++
			}
		}
	}
	var parts []string
	for i, flow := range order {
		if i == named {
			parts = append(parts, fmt.Sprintf("and %d more flows", len(order)-named))
			break
		}
		parts = append(parts, fmt.Sprintf("%s: %d end", flow, ends[flow]))
	}
	return fmt.Sprintf("%s. %d begin. The first to end: %s. Proceed carries this out; Discard leaves them as they are until the policy changes again.",
		strings.Join(parts, "; "), starts, strings.Join(ids[:min(named, len(ids))], ", "))
}

func (j *Follower) tellTooMuch(ctx context.Context, names []string) {
	all := strings.Join(names, ", ")
	if all != j.tooMuch && all != "" {
		err := j.Requests.Record(ctx, j.Now(), flows.Fact{Kind: flows.FactOperator, Text: fmt.Sprintf(
			"These automatic access flows cover more than %d units, so nothing is granted under them: %s. Please make their targets narrower.", flows.MaxUnits, all)})
		if err != nil {
			j.Log.ErrorContext(ctx, "could not tell the audit trail", "error", err)
			return
		}
	}
	j.tooMuch = all
}

// act carries out a plan. With hold, what a changed policy would end stays as it is.
func (j *Follower) act(ctx context.Context, plan *flows.AutomaticPlan, hold bool) error {
	var mu sync.Mutex
	var failed []error
	atOnce(plan.Steps, func(s flows.AutomaticStep) {
		if hold && slices.ContainsFunc(s.Ends, func(e flows.AutomaticEnd) bool { return e.Policy && !j.mayEnd(e.ID) }) {
			return
		}
		if err := j.step(ctx, s); err != nil {
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, err)
		}
	})
	if len(failed) > 0 {
		return fmt.Errorf("%d automatic accesses could not be moved, one because of: %w", len(failed), failed[0])
	}
	return ctx.Err()
}

func (j *Follower) mayEnd(id string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.approved[id]
}

func (j *Follower) step(ctx context.Context, s flows.AutomaticStep) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("%s of %s: panic: %v", s.Flow, s.Person, caught)
		}
	}()
	successor := ""
	if s.Draft != nil {
		if successor, err = j.begin(ctx, s); err != nil {
			return fmt.Errorf("%s of %s: %w", s.Flow, s.Person, err)
		}
	}
	var all []error
	for _, e := range s.Ends {
		reason := e.Cause
		if successor != "" {
			reason += " " + successor + " takes its place."
		}
		_, err := j.Requests.Apply(ctx, j.Now(), e.ID, flows.Event{Kind: flows.EventLostRight, Reason: reason})
		switch {
		case err == nil:
			j.Log.InfoContext(ctx, "automatic_access_ended", "request", e.ID, "flow", s.Flow, "cause", e.Cause)
		case flows.ErrorCode(err) == flows.CodeLate: // somebody else ended it
		default:
			all = append(all, fmt.Errorf("%s: %w", e.ID, err))
		}
	}
	return errors.Join(all...)
}

// begin makes the request of somebody who matches. The key names the last one of the
// same person and flow, so that a repeat after a crash, or by another replica, makes
// no second.
func (j *Follower) begin(ctx context.Context, s flows.AutomaticStep) (id string, err error) {
	last, err := j.last(s)
	if err != nil {
		return "", err
	}
	replaced := last != nil && slices.ContainsFunc(s.Ends, func(e flows.AutomaticEnd) bool { return e.ID == last.ID })
	switch {
	case last == nil || replaced:
	case last.State == flows.StateApproved || last.State == flows.StateActive:
		return last.ID, nil // somebody made it since the look
	case j.tooSoon(last, s):
		return "", nil
	}
	key := "automatic/" + s.Flow + "/" + s.Person
	if last != nil {
		key += "/" + last.ID + "." + last.Stamp
	}
	made, err := j.Requests.Submit(ctx, j.Now(), key, []flows.Request{*s.Draft})
	if err != nil || len(made) == 0 {
		return "", err
	}
	j.Log.InfoContext(ctx, "automatic_access_begun", "request", made[0].ID, "flow", s.Flow)
	return made[0].ID, nil
}

// last finds the newest request of a person under a flow.
func (j *Follower) last(s flows.AutomaticStep) (*flows.Request, error) {
	const page = 50
	for before := uint64(0); ; {
		some, err := j.Requests.ByPerson(s.Person, before, page)
		if err != nil {
			return nil, err
		}
		for i := range some {
			if r := &some[i]; r.Trigger == flows.TriggerAutomatic && r.Flow == s.Flow && r.Grantee.Is(s.Person) {
				return r, nil
			}
		}
		if len(some) < page {
			return nil, nil //nolint:nilnil // there is none
		}
		before = some[len(some)-1].Seq
	}
}

// tooSoon reports whether what ended shortly ago must not come back by itself yet:
// the system refused it, or a person ended it. Another set of units is another thing.
func (j *Follower) tooSoon(last *flows.Request, s flows.AutomaticStep) bool {
	wait := flows.AutomaticRetry
	switch {
	case last.State == flows.StateFailed, last.State == flows.StateApproved && last.NothingGranted():
	case last.Ending.By != (flows.PersonRef{}):
		wait = flows.AutomaticAgain
	default:
		return false
	}
	at := cmp.Or(last.EndedAt, last.EndingAt, last.DecidedAt)
	return flows.HoldingOf(last).Digest == flows.HoldingOf(s.Draft).Digest && j.Now().Before(at.Add(wait))
}
