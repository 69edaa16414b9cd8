package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"apono/flows"
	"apono/provision"
)

// GrantDeadline is how long after the decision a grant is still tried. A request
// stays approved while one access group is being granted and others already hold
// access, and its clock does not run until then; so this must end.
const GrantDeadline = 30 * time.Minute

// RotateDeadline is how long after somebody asked for new credentials a target that
// cannot be reached is still tried.
const RotateDeadline = 30 * time.Minute

// Defaults of target tasks.
const (
	DefaultCallTimeout    = time.Minute // one call of a driver
	DefaultCredentialsTTL = time.Hour   // until credentials nobody looked at are erased
)

// expirySlack is between the moment at which the bot itself ends an access and the
// moment at which the target may. It covers clocks that differ, and no more: the
// bot's own revoke is the first lock, but a bot that is down has only the second.
const expirySlack = 30 * time.Second

// Requests is the durable state that target tasks need.
type Requests interface {
	// Request reads one. Error: flows.CodeNotFound.
	Request(id string) (flows.Request, error)
	// Apply moves one request. Errors of flows.Next come back unchanged.
	Apply(ctx context.Context, now time.Time, id string, ev flows.Event) (flows.Request, error)
	// Held lists the units that live grants of the person in the integration want:
	// those whose access group is granting or granted.
	Held(person, integration string) ([]flows.Unit, error)
	// Holders tells by id the grants behind one unit of the person: live ones, as
	// above, and released ones, which are over but left the unit to another holder.
	Holders(person string, u flows.Unit) (live, released []string, err error)
	// ApplyGone is Apply with flows.EventGone. In the same transaction the grant
	// becomes a released holder of kept, a holder of nothing else, and the released
	// grants become holders of nothing that was not kept. An error says if holders
	// changed meanwhile so that this is no longer true.
	ApplyGone(ctx context.Context, now time.Time, id, integration string, kept []flows.Unit, released []string) (flows.Request, error)
}

// Integration is a connected system as a task sees it.
type Integration struct {
	Driver        provision.Driver
	AccessDetails string // from the configuration, shown with the credentials; may be empty
	// Done is called once when the try that asked for it is over. May be nil.
	Done func()
}

// Integrations finds connected systems.
type Integrations interface {
	// Integration is asked anew for each try. False: not configured, or nothing
	// can be granted in it.
	Integration(name string) (Integration, bool)
}

// TargetOptions are what the worker of flows.LaneTarget is made of. Zero numbers
// mean the defaults.
type TargetOptions struct {
	Queue        Queue
	Requests     Requests
	Integrations Integrations
	Sealer       Sealer
	// Usual says how long a grant in an integration usually takes; 0: not long, or not
	// known. nil: it is never known.
	Usual func(integration string) time.Duration
	// Lost says why the right behind a decided request is gone at this moment, so
	// that it is not granted any more; nil: not judged here.
	Lost  func(r *flows.Request) (cause string, lost bool)
	Log   *slog.Logger
	Hooks Hooks
	Now   func() time.Time // nil: time.Now

	Total          int           // tasks under way at once
	PerIntegration int           // of these, in one integration
	CallTimeout    time.Duration // of one call of a driver, or between two words of its progress
	ProgressEvery  time.Duration // at least this between two records of how far a grant is
	CredentialsTTL time.Duration
	Grace          time.Duration // for what is under way when Run's context ends
}

// NewTargets makes the worker that grants, revokes and rotates.
func NewTargets(o TargetOptions) *Worker {
	o.Now = clockOr(o.Now)
	o.CallTimeout = cmp.Or(o.CallTimeout, DefaultCallTimeout)
	o.CredentialsTTL = cmp.Or(o.CredentialsTTL, DefaultCredentialsTTL)
	o.ProgressEvery = cmp.Or(o.ProgressEvery, DefaultProgress)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return &Worker{
		lane: flows.LaneTarget, queue: o.Queue, doer: &targets{TargetOptions: o},
		total: cmp.Or(o.Total, DefaultTargets), perPool: cmp.Or(o.PerIntegration, DefaultPerIntegration),
		grace: cmp.Or(o.Grace, DefaultGrace), log: o.Log, hooks: o.Hooks, now: o.Now,
	}
}

type targets struct {
	TargetOptions
	counting atomic.Int64 // grants that tell of their progress
}

// pool is the integration, the last part of the key.
func (d *targets) room(key string) room { return room{pool: key[strings.LastIndexByte(key, '/')+1:]} }

// look locks the person in the integration: a revoke that counts holders must not
// run beside a grant that makes one.
func (d *targets) look(t flows.Task) (look, error) {
	r, err := d.Requests.Request(t.Effect.Request)
	if missing(err) {
		return look{}, nil
	}
	if err != nil {
		return look{}, err
	}
	return look{lock: flows.NormalizeEmail(r.Grantee.Email) + "/" + t.Effect.Integration}, nil
}

// act is one try at one access group.
type act struct {
	*targets
	task  flows.Task
	r     flows.Request
	group *flows.AccessGroup
	in    Integration
	found bool // in is connected
}

func (d *targets) do(ctx context.Context, _ <-chan struct{}, t flows.Task) outcome {
	r, err := d.Requests.Request(t.Effect.Request)
	switch {
	case missing(err):
		return doneBut(ResultNothing, err)
	case err != nil:
		return again(ResultStore, d.Now().Add(grantBackoff.delay(t.Key, t.Tries, 0)), err)
	}
	g, ok := r.Group(t.Effect.Integration)
	if !ok {
		return doneBut(ResultNothing, fmt.Errorf("%s has nothing in %s", r.ID, t.Effect.Integration))
	}
	a := &act{targets: d, task: t, r: r, group: g}
	a.in, a.found = d.Integrations.Integration(g.Integration)
	if a.in.Done != nil {
		defer a.in.Done()
	}
	switch g.Status {
	case flows.GroupGranting:
		return a.grant(ctx)
	case flows.GroupRevoking, flows.GroupUndoing:
		return a.revoke(ctx)
	case flows.GroupGranted:
		switch {
		case g.Extending, g.Undated && r.State == flows.StateActive:
			return a.extend(ctx)
		case g.Resetting:
			return a.rotate(ctx)
		}
	case flows.GroupWaiting, flows.GroupFailed, flows.GroupRevoked:
	}
	return done(ResultNothing)
}

func (a *act) grant(ctx context.Context) outcome {
	now := a.Now()
	deadline := cmpTime(a.r.DecidedAt, a.r.CreatedAt).Add(GrantDeadline)
	switch {
	case a.r.State != flows.StateApproved:
		return doneBut(ResultNothing, fmt.Errorf("%s is %s and yet to be granted (this is a bug)", a.r.ID, a.r.State))
	case a.Lost != nil:
		if cause, lost := a.Lost(&a.r); lost {
			return a.apply(ctx, flows.Event{Kind: flows.EventLostRight, Reason: cause}, ResultNothing, nil)
		}
	}
	switch {
	case !now.Before(deadline):
		return a.failed(ctx, a.tooLate(), errors.New("the grant deadline has passed"))
	case !a.found:
		return a.failed(ctx, a.group.Integration+" is not connected any more.", errNotConnected)
	case a.timeUp(now):
		return a.failed(ctx, "The time of the access was up before "+a.group.Integration+" had confirmed it.", errors.New("the duration has passed since the first try"))
	}
	first := a.group.BegunAt.IsZero()
	target, err := a.identity(ctx)
	switch {
	case err != nil:
		return a.notGranted(ctx, err, deadline)
	case !first && a.moved(target):
		return a.failed(ctx, a.group.Integration+" is another system now than the one that was asked first.", errMoved)
	}
	if first {
		if err := a.begin(ctx, now, target); err != nil {
			return a.applied(err, ResultDone, nil)
		}
	}
	g := a.grantOf(deadline)
	credentials, err := a.callGrant(ctx, g, deadline)
	if first && err != nil && provision.KindOf(err) == provision.KindRetry {
		a.unbegin(ctx)
	}
	if err != nil && provision.KindOf(err) == provision.KindUnknown && a.took(ctx, g) {
		// Only a grant brings credentials, and a repeat of one that took is quick.
		credentials, err = a.callGrant(ctx, g, deadline)
	}
	if err != nil {
		return a.notGranted(ctx, err, deadline)
	}
	access, err := a.accessOf(a.in, credentials, a.Now())
	if err != nil {
		return a.notGranted(ctx, &provision.Error{
			Integration: a.group.Integration, Op: "grant", Kind: provision.KindRetry, Message: "The credentials could not be kept.", Err: err,
		}, deadline)
	}
	ev := flows.Event{Kind: flows.EventGranted, Integration: a.group.Integration, Access: access, Undated: a.undated()}
	return a.apply(ctx, ev, ResultDone, nil)
}

// timeUp reports whether what an earlier try may have granted has lasted for as
// long as was asked for.
func (a *act) timeUp(now time.Time) bool {
	return !a.r.Indefinite && !a.group.BegunAt.IsZero() && !now.Before(a.group.BegunAt.Add(a.r.Duration))
}

// begin records, before the target is touched, that it may hold access from now on.
// A bot that dies in the call finds that, and gives the access no second full time.
func (a *act) begin(ctx context.Context, now time.Time, target string) error {
	r, err := a.Requests.Apply(ctx, now, a.r.ID, flows.Event{Kind: flows.EventBegun, Integration: a.group.Integration, Target: target, Usual: a.usual()})
	if err != nil {
		return err
	}
	a.r = r
	a.group, _ = a.r.Group(a.group.Integration)
	return nil
}

// unbegin takes begin back after a first try that the target says it did not take.
// Where that cannot be recorded, the access is a little shorter.
func (a *act) unbegin(ctx context.Context) {
	ev := flows.Event{Kind: flows.EventNotBegun, Integration: a.group.Integration}
	if _, err := a.Requests.Apply(context.WithoutCancel(ctx), a.Now(), a.r.ID, ev); err != nil && !late(err) {
		a.Log.WarnContext(ctx, "grant_counts_from_its_first_try", "request", a.r.ID, "integration", a.group.Integration, "error", err)
	}
}

// grantOf is the grant as it is asked for. Every try of the same access passes the
// same end, since that counts from the first.
func (a *act) grantOf(deadline time.Time) provision.Grant {
	g := a.base("grant")
	if a.r.Indefinite {
		return g
	}
	// The clock starts once every access group has an outcome. Where this is the last
	// one, that is when it was begun; where others are open, the last try of those
	// begins before the deadline, and is: grant, check, grant again.
	begun := a.group.BegunAt
	if a.othersOpen() {
		begun = deadline.Add(3 * a.CallTimeout)
	}
	g.NotAfter = begun.Add(a.r.Duration + expirySlack)
	return g
}

// undated reports whether the target has to be told the end once it is fixed: it ends
// access by itself, and what other access groups need decides when that is.
func (a *act) undated() bool {
	native, ok := a.in.Driver.(provision.NativeExpiry)
	_, told := a.in.Driver.(provision.Extender)
	return ok && told && native.ExpiresNatively() && len(a.r.Groups) > 1
}

func (a *act) othersOpen() bool {
	return slices.ContainsFunc(a.r.Groups, func(g flows.AccessGroup) bool {
		return g.Integration != a.group.Integration && g.Status == flows.GroupGranting
	})
}

func (a *act) base(what string) provision.Grant {
	id := a.r.GrantID(a.group.Integration)
	return provision.Grant{ID: id, Request: a.r.ID, Person: a.r.Grantee, Items: a.group.Items, Call: id + "/" + what}
}

// took asks the target whether a grant of unknown outcome took effect.
func (a *act) took(ctx context.Context, g provision.Grant) bool {
	c, ok := a.in.Driver.(provision.Checker)
	if !ok || ctx.Err() != nil {
		return false
	}
	granted, err := call(ctx, a, func(ctx context.Context) (bool, error) { return c.Check(ctx, g) })
	return err == nil && granted
}

func (a *act) notGranted(ctx context.Context, err error, deadline time.Time) outcome {
	if ended(ctx, err) {
		return stopped(err)
	}
	if provision.KindOf(err) == provision.KindRefused {
		return a.failed(ctx, provision.MessageOf(err), err)
	}
	due := a.Now().Add(grantBackoff.delay(a.task.Key, a.task.Tries, provision.RetryAfterOf(err)))
	if due.After(deadline) {
		due = deadline
	}
	return again(resultOf(err), due, err)
}

// failed ends the grant. What it may have left is revoked by the task that the
// event brings.
func (a *act) failed(ctx context.Context, sentence string, cause error) outcome {
	ev := flows.Event{Kind: flows.EventGrantFailed, Integration: a.group.Integration, Problem: cut(sentence, maxProblem)}
	return a.apply(ctx, ev, ResultRefused, cause)
}

func (a *act) tooLate() string {
	if a.task.Tries == 0 {
		return fmt.Sprintf("%s was not reached within %s of the decision.", a.group.Integration, minutes(GrantDeadline))
	}
	return fmt.Sprintf("%s could not be reached for %s.", a.group.Integration, minutes(GrantDeadline))
}

func minutes(d time.Duration) string { return fmt.Sprintf("%d minutes", int(d.Minutes())) }

func (a *act) rotate(ctx context.Context) outcome {
	rotator, ok := a.in.Driver.(provision.Rotator)
	if a.found && !ok {
		return a.notRotated(ctx, &provision.Error{
			Integration: a.group.Integration, Op: "rotate", Kind: provision.KindRefused, Message: a.group.Integration + " issues no new credentials any more.",
		})
	}
	if !a.found {
		return a.notRotated(ctx, errNotConnected)
	}
	g := a.base("")
	g.Call = "" // one grant may be rotated many times
	if !a.r.EndsAt.IsZero() {
		g.NotAfter = a.r.EndsAt.Add(expirySlack)
	}
	credentials, err := call(ctx, a, func(ctx context.Context) (provision.Credentials, error) { return rotator.Rotate(ctx, g) })
	if err != nil {
		return a.notRotated(ctx, err)
	}
	access, err := a.accessOf(a.in, credentials, a.Now())
	if err != nil {
		return a.notRotated(ctx, err)
	}
	return a.apply(ctx, flows.Event{Kind: flows.EventRotated, Integration: a.group.Integration, Access: access}, ResultDone, nil)
}

// notRotated tries again, up to RotateDeadline, unless the target said no.
func (a *act) notRotated(ctx context.Context, err error) outcome {
	sentence := provision.MessageOf(err)
	deadline := a.task.Since.Add(RotateDeadline)
	switch {
	case ended(ctx, err):
		return stopped(err)
	case provision.KindOf(err) == provision.KindRefused:
	case a.Now().Before(deadline):
		due := a.Now().Add(grantBackoff.delay(a.task.Key, a.task.Tries, provision.RetryAfterOf(err)))
		if due.After(deadline) {
			due = deadline
		}
		return again(resultOf(err), due, err)
	default:
		sentence = fmt.Sprintf("%s could not be reached for %s. If the credentials you have do not work any more, reset them once more.",
			a.group.Integration, minutes(RotateDeadline))
	}
	ev := flows.Event{Kind: flows.EventRotateFailed, Integration: a.group.Integration, Problem: cut(sentence, maxProblem)}
	return a.apply(ctx, ev, ResultRefused, err)
}

// apply records the outcome of an act. One that comes too late is no error: what
// the request has become has its own revision of the task.
func (a *act) apply(ctx context.Context, ev flows.Event, r Result, cause error) outcome {
	_, err := a.Requests.Apply(context.WithoutCancel(ctx), a.Now(), a.r.ID, ev)
	return a.applied(err, r, cause)
}

func (a *act) applied(err error, r Result, cause error) outcome {
	switch {
	case err == nil:
		return doneBut(r, cause)
	case late(err):
		return done(ResultLate)
	}
	return again(ResultStore, a.Now().Add(revokeBackoff.delay(a.task.Key, a.task.Tries, 0)), err)
}

var errNotConnected = errors.New("the integration is not connected")

// call runs one call of a driver under the time-out, and turns a panic into an
// error of unknown outcome.
func call[T any](ctx context.Context, a *act, f func(context.Context) (T, error)) (out T, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.CallTimeout)
	defer cancel()
	return callUntimed(ctx, a, f)
}

func callUntimed[T any](ctx context.Context, a *act, f func(context.Context) (T, error)) (out T, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v}
			a.Log.ErrorContext(ctx, "driver_panicked", "task", a.task.Key, "request", a.r.ID, "panic", fmt.Sprint(v), "stack", stack())
		}
	}()
	return f(ctx)
}

func resultOf(err error) Result {
	if _, ok := errors.AsType[*panicked](err); ok {
		return ResultPanic
	}
	switch provision.KindOf(err) {
	case provision.KindRetry:
		return ResultRetry
	case provision.KindRefused:
		return ResultRefused
	case provision.KindUnknown:
	}
	return ResultUnknown
}

func cmpTime(t, or time.Time) time.Time {
	if t.IsZero() {
		return or
	}
	return t
}
