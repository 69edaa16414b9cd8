package sweep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"apono/flows"
)

// JobDrift is the name of the job that Drift makes.
const JobDrift = "drift"

const (
	driftSpec = "@every 1s" // how soon it is noticed that a look is due
	// driftPause is between the start and the first look, and between two looks that
	// have to agree.
	driftPause = time.Minute
	driftRetry = 15 * time.Minute // after a target that could not be asked
)

// Holdings are connected systems as far as they say what they hold.
type Holdings interface {
	// Listers are the names of those that can say it.
	Listers() []string
	// List are the ids of the grants that a system holds in the name of this bot.
	List(ctx context.Context, integration string) ([]string, error)
	// TakeBack revokes what is left of an access group that is over. It must touch
	// nothing else, and nothing that is not there is success.
	TakeBack(ctx context.Context, r flows.Request, integration string) error
}

// DriftRecords is the durable state that systems are compared with.
type DriftRecords interface {
	// Live returns the requests that are not over.
	Live() ([]flows.Request, error)
	// Request reads one. Error: flows.CodeNotFound.
	Request(id string) (flows.Request, error)
	// Holders tells by id the grants behind one unit of a person; released are over,
	// and left the unit at the target to another holder.
	Holders(person string, u flows.Unit) (live, released []string, err error)
	// Drifts are what was found and told before.
	Drifts() ([]flows.Drift, error)
	// SaveDrift keeps what was found, and tells it, in one transaction.
	SaveDrift(ctx context.Context, now time.Time, d flows.Drift, told ...flows.Fact) error
}

// DriftOptions are what the job that compares is made of.
type DriftOptions struct {
	Records DriftRecords
	Targets Holdings
	// Every is how often each integration is looked at; 0: never. It is asked anew
	// each time.
	Every func() time.Duration
	Log   *slog.Logger
	Now   func() time.Time // nil: time.Now
}

// Drift is the job that asks each integration what it holds in the name of the bot, and
// compares that with the records, soon after the start and then regularly. What no record
// explains (an orphan), and what is live and not there (missing), is told to the admins
// once, and once that it is over.
//
// Nothing is said on the word of one look: what is granted or revoked meanwhile is on
// record before or after it, and what is left must be there in a second one. An orphan
// is taken back only where the record says that this very grant is over; all others are
// told and left alone.
func Drift(o DriftOptions) Job {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	j := &drift{DriftOptions: o, places: map[string]*lookout{}}
	return Job{Name: JobDrift, Spec: driftSpec, Run: j.run}
}

type drift struct {
	DriftOptions
	places map[string]*lookout // by integration
}

// lookout is where the comparison of one integration stands.
type lookout struct {
	next  time.Time       // look
	first *disagreement   // what the first look found; nil: the next look is a first one
	taken map[string]bool // orphans that the target said are taken back
}

// disagreement is what one look found: ids of grants.
type disagreement struct{ orphans, missing map[string]bool }

func (j *drift) run(ctx context.Context) error {
	every := j.Every()
	if every <= 0 {
		clear(j.places)
		return nil
	}
	pause := min(driftPause, every)
	now := j.Now()
	names := j.Targets.Listers()
	maps.DeleteFunc(j.places, func(name string, _ *lookout) bool { return !slices.Contains(names, name) })
	var due []string
	for _, name := range names {
		p := j.places[name]
		if p == nil {
			p = &lookout{next: now.Add(pause), taken: map[string]bool{}}
			j.places[name] = p
		}
		if longest := now.Add(max(every, driftRetry)); !now.Before(p.next) || p.next.After(longest) { // the clock was set back
			due = append(due, name)
		}
	}
	var mu sync.Mutex
	var failed []error
	atOnce(due, func(name string) {
		wait, err := j.guarded(ctx, name, j.places[name], every)
		j.places[name].next = now.Add(wait)
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, fmt.Errorf("compare %s with the records: %w", name, err))
		}
	})
	return errors.Join(failed...)
}

// guarded is look, with a panic as an error.
func (j *drift) guarded(ctx context.Context, name string, p *lookout, every time.Duration) (wait time.Duration, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
		if err != nil {
			p.first, wait = nil, min(driftRetry, every)
		}
	}()
	return j.look(ctx, name, p, every)
}

// look takes one look and says when the next one is due.
func (j *drift) look(ctx context.Context, name string, p *lookout, every time.Duration) (wait time.Duration, err error) {
	pause := min(driftPause, every)
	found, err := j.compare(ctx, name)
	if err != nil {
		return 0, err
	}
	told, err := j.told(name)
	if err != nil {
		return 0, err
	}
	stays := slices.ContainsFunc(told.Orphans, func(id string) bool {
		return p.taken[id] && found.orphans[id] && !slices.Contains(told.Stuck, id)
	})
	switch {
	case found.agrees(told) && !stays:
		p.first = nil
	case p.first == nil:
		p.first = &found
		return pause, nil
	default:
		d := settle(told, *p.first, found, p.taken)
		d.Integration, d.At = name, j.Now().UTC()
		p.first = nil
		maps.DeleteFunc(p.taken, func(id string, _ bool) bool { return !slices.Contains(d.Orphans, id) })
		if err := j.Records.SaveDrift(ctx, d.At, d, j.facts(told, d)...); err != nil {
			return 0, err
		}
		j.Log.WarnContext(ctx, "target_drifts", "integration", name, "orphans", d.Orphans, "missing", d.Missing)
		told = d
	}
	tried, err := j.takeBack(ctx, name, told, p.taken)
	if tried {
		return pause, err
	}
	return every, err
}

// agrees reports whether a look found what was told already.
func (f disagreement) agrees(told flows.Drift) bool {
	return slices.Equal(slices.Sorted(maps.Keys(f.orphans)), told.Orphans) && slices.Equal(slices.Sorted(maps.Keys(f.missing)), told.Missing)
}

// settle is what two looks agree on. Where they do not, it stays as it was told.
func settle(told flows.Drift, first, second disagreement, taken map[string]bool) flows.Drift {
	both := func(told []string, a, b map[string]bool) (out []string) {
		all := map[string]bool{}
		for _, id := range told {
			all[id] = true
		}
		maps.Copy(all, a)
		maps.Copy(all, b)
		for _, id := range slices.Sorted(maps.Keys(all)) {
			if a[id] && b[id] || a[id] != b[id] && slices.Contains(told, id) {
				out = append(out, id)
			}
		}
		return out
	}
	d := flows.Drift{Orphans: both(told.Orphans, first.orphans, second.orphans), Missing: both(told.Missing, first.missing, second.missing)}
	for _, id := range d.Orphans {
		if slices.Contains(told.Stuck, id) || taken[id] && first.orphans[id] && second.orphans[id] {
			d.Stuck = append(d.Stuck, id)
		}
	}
	return d
}

func (j *drift) told(name string) (flows.Drift, error) {
	all, err := j.Records.Drifts()
	if err != nil {
		return flows.Drift{}, err
	}
	for _, d := range all {
		if d.Integration == name {
			return d, nil
		}
	}
	return flows.Drift{Integration: name}, nil
}

// compare asks the records before and after the target. A grant that is begun is on
// record before the target hears of it, and one that is gone stays on record until the
// target has said so: so neither that comes or goes in between is found.
func (j *drift) compare(ctx context.Context, name string) (disagreement, error) {
	before, err := j.recorded(name)
	if err != nil {
		return disagreement{}, err
	}
	held, err := j.Targets.List(ctx, name)
	if err != nil {
		return disagreement{}, err
	}
	after, err := j.recorded(name)
	if err != nil {
		return disagreement{}, err
	}
	out := disagreement{orphans: map[string]bool{}, missing: map[string]bool{}}
	for _, id := range held {
		if before[id] != "" || after[id] != "" {
			continue
		}
		left, err := j.leftToOthers(id, name)
		if err != nil {
			return disagreement{}, err
		}
		if !left {
			out.orphans[id] = true
		}
	}
	for id, status := range after {
		if status == flows.GroupGranted && before[id] == flows.GroupGranted && !slices.Contains(held, id) {
			out.missing[id] = true
		}
	}
	return out, nil
}

// recorded are the grants that the target may hold, by id.
func (j *drift) recorded(name string) (map[string]flows.GroupStatus, error) {
	live, err := j.Records.Live()
	if err != nil {
		return nil, err
	}
	out := map[string]flows.GroupStatus{}
	for i := range live {
		if g, ok := live[i].Group(name); ok && g.Status.MayHold() {
			out[live[i].GrantID(name)] = g.Status
		}
	}
	return out, nil
}

// record is the request and the access group of a grant; nil: there is no such record.
func (j *drift) record(id, name string) (*flows.Request, *flows.AccessGroup, error) {
	r, err := j.Records.Request(flows.RequestOfGrant(id))
	if flows.ErrorCode(err) == flows.CodeNotFound {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	g, ok := r.Group(name)
	if !ok || r.GrantID(name) != id { // another request of the same number
		return nil, nil, nil
	}
	return &r, g, nil
}

// leftToOthers reports whether a grant is over and left something at the target that
// another grant of the same person holds too.
func (j *drift) leftToOthers(id, name string) (bool, error) {
	r, g, err := j.record(id, name)
	if r == nil || err != nil {
		return false, err
	}
	for _, it := range g.Items {
		_, released, err := j.Records.Holders(flows.NormalizeEmail(r.Grantee.Email), it.Unit)
		if err != nil {
			return false, err
		}
		if slices.Contains(released, id) {
			return true, nil
		}
	}
	return false, nil
}

// over reports whether the record proves that a grant is this bot's own and has ended.
// The stamp is drawn at random, so no other bot has it; and no access group that is
// revoked or failed is ever granted again, nor was it in what a restored backup forgot.
func over(r *flows.Request, g *flows.AccessGroup) bool {
	return r != nil && r.Stamp != "" && (g.Status == flows.GroupRevoked || g.Status == flows.GroupFailed)
}

// takeBack revokes the orphans that are over, and reports whether there were any. They
// were told before; that they are gone, the next looks say.
func (j *drift) takeBack(ctx context.Context, name string, d flows.Drift, taken map[string]bool) (tried bool, err error) {
	var failed []error
	for _, id := range d.Orphans {
		if slices.Contains(d.Stuck, id) {
			continue
		}
		r, g, err := j.record(id, name)
		switch {
		case err != nil:
			failed = append(failed, err)
			continue
		case !over(r, g):
			continue
		}
		if err := j.Targets.TakeBack(ctx, *r, name); err != nil {
			failed = append(failed, fmt.Errorf("take back %s: %w", id, err))
			continue
		}
		tried, taken[id] = true, true
		j.Log.InfoContext(ctx, "orphan_taken_back", "integration", name, "grant", id)
	}
	return tried, errors.Join(failed...)
}
