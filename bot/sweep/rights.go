package sweep

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"apono/flows"
)

// JobRights is the name of the job that Rights makes.
const JobRights = "rights"

const (
	rightsSpec = "@every 1s" // how soon a changed world is noticed
	// rightsEvery is how often everything is judged though the world is the same:
	// what was decided while the last change was being judged.
	rightsEvery = time.Minute
	rightsPage  = 256
	// holdFrom is how many people must lose their rights at once before that can look
	// like a fault of the directory; one or two of a handful are no sign of one.
	holdFrom = 3
)

// LiveRequests is the durable state in which rights are judged.
type LiveRequests interface {
	// ByState reads at most limit requests in a state, those before a number, or the
	// newest for 0; the newest first.
	ByState(state flows.State, before uint64, limit int) ([]flows.Request, error)
	// Apply moves one request. Errors of flows.Next come back unchanged.
	Apply(ctx context.Context, now time.Time, id string, ev flows.Event) (flows.Request, error)
	// Record appends a fact that belongs to no request.
	Record(ctx context.Context, now time.Time, f flows.Fact) error
}

// RightsOptions are what the job that judges rights is made of.
type RightsOptions struct {
	Requests LiveRequests
	// World is the snapshot of this moment. settled says that every source of people
	// has answered since the bot started: before that, nobody is missed.
	World func() (w flows.World, settled bool)
	// HoldAbove is a percentage of the people with access. Where the directory takes
	// the rights of more than that at once, that is raised and not acted on. It is
	// asked anew each time.
	HoldAbove func() int
	Log       *slog.Logger
	Now       func() time.Time // nil: time.Now
}

// Rights is the job that ends the access of those who lost the right to it, or
// reports it; see flows.World.Lost. It looks after every change of people, inventory
// or policy and every minute, and its cost grows with the live requests only.
func Rights(o RightsOptions) Job {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &rights{RightsOptions: o}
	return Job{Name: JobRights, Spec: rightsSpec, Run: r.run}
}

type rights struct {
	RightsOptions
	world   flows.World // of the last look
	settled bool
	at      time.Time // of the last look; zero: none
	held    bool      // it was raised that losses are held
}

func (j *rights) run(ctx context.Context) error {
	w, settled := j.World()
	settled = settled && w.People.Size() > 0 // one that knows nobody is not the directory
	now := j.Now()
	if !j.at.IsZero() && now.Sub(j.at) < rightsEvery && !now.Before(j.at) && w == j.world && settled == j.settled {
		return nil
	}
	p := &judgement{rights: j, settled: settled, people: map[string]bool{}, missed: map[string]bool{}}
	for _, state := range []flows.State{flows.StateApproved, flows.StateActive} {
		if err := p.judge(ctx, w, state); err != nil {
			return err
		}
	}
	if err := p.act(ctx); err != nil {
		return err
	}
	j.world, j.settled, j.at = w, settled, now
	return nil
}

// judgement is one look at all live requests.
type judgement struct {
	*rights
	settled bool
	events  []verdict
	people  map[string]bool // with live requests
	missed  map[string]bool // of these, whose rights the directory took
}

type verdict struct {
	id     string
	people bool // see flows.Loss
	event  flows.Event
}

// judge reads page by page, and keeps of each only what is to be done.
func (p *judgement) judge(ctx context.Context, w flows.World, state flows.State) error {
	for before := uint64(0); ctx.Err() == nil; {
		page, err := p.Requests.ByState(state, before, rightsPage)
		if err != nil {
			return fmt.Errorf("look for live requests: %w", err)
		}
		for i := range page {
			p.one(w, &page[i])
		}
		if len(page) < rightsPage {
			return nil
		}
		before = page[len(page)-1].Seq
	}
	return ctx.Err()
}

func (p *judgement) one(w flows.World, r *flows.Request) {
	p.people[r.Requestor.Email], p.people[r.Grantee.Email] = true, true
	loss, lost := w.Lost(r, p.settled)
	ev := flows.Event{Kind: flows.EventLostRight, Reason: loss.Cause, Report: loss.Report}
	switch {
	case !lost && (r.LostRight == "" || !p.settled):
		return
	case !lost:
		ev.Report = true
	case ev.Report && r.LostRight == ev.Reason:
		return
	case loss.People:
		p.missed[r.Requestor.Email] = true
	}
	p.events = append(p.events, verdict{id: r.ID, people: loss.People, event: ev})
}

// act moves the requests. A crowd that the directory lost at once is raised
// instead: no fault of a directory may take everybody's access.
func (p *judgement) act(ctx context.Context) error {
	hold := len(p.missed) >= holdFrom && len(p.missed)*100 > len(p.people)*p.HoldAbove()
	if err := p.raise(ctx, hold); err != nil {
		return err
	}
	var mu sync.Mutex
	var failed []error
	atOnce(p.events, func(v verdict) {
		if hold && v.people {
			return
		}
		if err := p.move(ctx, v); err != nil {
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, err)
		}
	})
	if len(failed) > 0 {
		return fmt.Errorf("%d requests lost their right and could not be moved, one because of: %w", len(failed), failed[0])
	}
	return nil
}

func (p *judgement) move(ctx context.Context, v verdict) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("%s: panic: %v", v.id, caught)
		}
	}()
	_, err = p.Requests.Apply(ctx, p.Now(), v.id, v.event)
	switch {
	case err == nil:
		p.Log.InfoContext(ctx, "right_judged", "request", v.id, "lost", v.event.Reason, "reported", v.event.Report)
	case flows.ErrorCode(err) == flows.CodeLate: // it has moved on between the look and the write
	default:
		return fmt.Errorf("%s: %w", v.id, err)
	}
	return nil
}

// raise tells the admins once that losses are held, and once that they are not any
// more.
func (p *judgement) raise(ctx context.Context, hold bool) error {
	if hold == p.held {
		return nil
	}
	text := "Nothing is held any more: the directory knows the people again, or their access is over."
	if hold {
		text = fmt.Sprintf("The directory took the rights of %d of %d people with access at once. Nothing was ended because of that, since it may be a fault of the directory. "+
			"Please look at it. If it is right, end the access of those who left, or raise sync.hold_when_shrinking_by.", len(p.missed), len(p.people))
	}
	if err := p.Requests.Record(ctx, p.Now(), flows.Fact{Kind: flows.FactOperator, Text: text}); err != nil {
		return fmt.Errorf("raise that losses are held: %w", err)
	}
	p.held = hold
	return nil
}
