package dispatch

import (
	"context"
	"sync"
	"time"

	"apono/flows"
	"apono/provision"
)

// DefaultProgress is the least time between two records of how far a grant is. Each is
// one redraw of one message: where several grants tell of their progress they take
// turns, so that together they use a quarter of what Slack allows at most.
const DefaultProgress = 5 * time.Second

func (a *act) usual() time.Duration {
	if a.Usual == nil {
		return 0
	}
	return a.Usual(a.group.Integration)
}

// callGrant is one call of Driver.Grant, whose progress it records. A driver that
// tells of some gets its time anew, as long as a try that begins at the deadline would
// have.
func (a *act) callGrant(ctx context.Context, g provision.Grant, deadline time.Time) (provision.Credentials, error) {
	stored := context.WithoutCancel(ctx)
	patient := newPatient(ctx, a.CallTimeout, a.CallTimeout+max(0, deadline.Sub(a.Now())))
	defer patient.end()
	p := &progress{act: a, news: make(chan struct{}, 1), over: make(chan struct{})}
	var written sync.WaitGroup
	written.Go(func() { p.record(stored) })

	told := provision.WithProgress(patient, func(done, total int) {
		patient.goesOn()
		p.report(done, total)
	})
	credentials, err := callUntimed(told, a, func(ctx context.Context) (provision.Credentials, error) { return a.in.Driver.Grant(ctx, g) }) //nolint:contextcheck // patient is made of ctx
	close(p.over)
	written.Wait()
	if err != nil {
		p.write(stored) // what is shown until the next try is true
	}
	return credentials, err
}

// progress is how far one call of Driver.Grant is.
type progress struct {
	*act
	news chan struct{} // holds one element: something was reported
	over chan struct{}

	mu          sync.Mutex
	done, total int
	wrote       [2]int
}

// report takes the word of a driver, at any pace.
func (p *progress) report(done, total int) {
	p.mu.Lock()
	p.done, p.total = done, total
	p.mu.Unlock()
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// record writes what is reported, at a sane pace, until the call is over.
func (p *progress) record(ctx context.Context) {
	select {
	case <-p.over:
		return
	case <-p.news:
	}
	defer p.counting.Add(-1)
	for n := p.counting.Add(1); ; n = p.counting.Load() {
		wait := time.NewTimer(p.ProgressEvery * time.Duration(n))
		select {
		case <-p.over:
			wait.Stop()
			return
		case <-wait.C:
			p.write(ctx)
		}
	}
}

func (p *progress) write(ctx context.Context) {
	p.mu.Lock()
	done, total := p.done, p.total
	known := p.wrote == [2]int{done, total}
	p.wrote = [2]int{done, total}
	p.mu.Unlock()
	if known {
		return
	}
	ev := flows.Event{Kind: flows.EventProgress, Integration: p.group.Integration, Done: done, Total: total}
	if _, err := p.Requests.Apply(ctx, p.Now(), p.r.ID, ev); err != nil && !late(err) {
		p.Log.WarnContext(ctx, "progress_not_recorded", "request", p.r.ID, "integration", p.group.Integration, "error", err)
	}
}
