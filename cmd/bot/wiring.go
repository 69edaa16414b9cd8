package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/bot/dispatch"
	"apono/bot/sweep"
	"apono/bot/teams"
	"apono/cmd/bot/internal/config"
	"apono/cmd/bot/internal/living"
	"apono/cmd/bot/internal/ops"
	"apono/flows"
	"apono/provision"
	"apono/store"
	"apono/store/bolt"
)

// inbox shows the store to the adapter of a platform.
type inbox struct {
	store    *bolt.Store
	wrote    func(error)
	platform string
}

// replayPage bounds what is read in one transaction of what an earlier run left undone.
const replayPage = 1000

func (i inbox) Receive(ctx context.Context, now time.Time, key string, payload []byte) (bool, error) {
	fresh, err := i.store.Receive(ctx, now, flows.Delivery{Key: key, At: now, Payload: payload, Source: i.platform})
	i.wrote(err)
	return fresh, err
}

func (i inbox) Finish(ctx context.Context, key string) error { return i.store.Finish(ctx, key) }

func (i inbox) Undone(context.Context) ([][]byte, error) {
	var out [][]byte
	for last := (flows.Delivery{}); ; {
		page, err := i.store.UndoneAfter(last, replayPage)
		if err != nil {
			return nil, fmt.Errorf("read the inbox: %w", err)
		}
		if len(page) == 0 {
			return out, nil
		}
		for _, d := range page {
			if d.Source == i.platform {
				out = append(out, d.Payload)
			}
		}
		last = page[len(page)-1]
	}
}

// renderer shows package cards to dispatch.
type renderer struct{}

func (renderer) Card(r flows.Request, key flows.PostKey, now time.Time) (chat.Card, bool) {
	return cards.Card(r, key, now)
}

func (renderer) Audit(events []flows.AuditEvent) chat.Card { return cards.Audit(events) }

// people finds persons for dispatch, in the directory of the moment.
type people struct{ living *living.Context }

func (p people) Recipient(platform, email string) (chat.Recipient, error) {
	who, err := p.living.World().People.ByEmail(email)
	if err != nil {
		return chat.Recipient{}, err
	}
	if platform == teams.Platform {
		return chat.Recipient{Email: who.Email, ID: who.TeamsID}, nil
	}
	return chat.Recipient{Email: who.Email, ID: who.SlackID}, nil
}

// integrations shows those in which something can be granted to dispatch, as they
// are at the moment of each try.
type integrations struct{ living *living.Context }

func (i integrations) Integration(name string) (dispatch.Integration, bool) {
	s, done, ok := i.living.Use(name)
	if !ok {
		return dispatch.Integration{}, false
	}
	d, ok := s.Connection.(provision.Driver)
	if !ok {
		done()
		return dispatch.Integration{}, false
	}
	return dispatch.Integration{Driver: d, AccessDetails: s.AccessDetails, Done: done}, true
}

// counted counts transitions on their way into the store, and tells whose home they
// make old.
type counted struct {
	*bolt.Store
	metrics *ops.Metrics
	wrote   func(error)
	touched func(...flows.Request)
}

func (c counted) Apply(ctx context.Context, now time.Time, id string, ev flows.Event) (flows.Request, error) {
	r, err := c.Store.Apply(ctx, now, id, ev)
	c.count(ev.Kind, err)
	c.changed(err, r)
	return r, err
}

func (c counted) ApplyGone(ctx context.Context, now time.Time, id, integration string, kept []flows.Unit, released []string) (flows.Request, error) {
	r, err := c.Store.ApplyGone(ctx, now, id, integration, kept, released)
	c.count(flows.EventGone, err)
	c.changed(err, r)
	return r, err
}

func (c counted) Submit(ctx context.Context, now time.Time, key string, drafts []flows.Request) ([]flows.Request, error) {
	made, err := c.Store.Submit(ctx, now, key, drafts)
	for range drafts {
		c.count(flows.EventSubmit, err)
	}
	c.changed(err, made...)
	return made, err
}

func (c counted) changed(err error, to ...flows.Request) {
	if err == nil {
		c.touched(to...)
	}
}

func (c counted) count(kind flows.EventKind, err error) {
	c.wrote(err)
	outcome := "ok"
	if err != nil {
		outcome = string(flows.ErrorCode(err))
	}
	c.metrics.Transitions.WithLabelValues(string(kind), outcome).Inc()
}

func (a *App) counted() counted { return counted{a.store, a.metrics, a.wrote, a.touch} }

// touch has the homes drawn again that show a request.
func (a *App) touch(requests ...flows.Request) {
	if a.adapter == nil {
		return
	}
	for i := range requests {
		r := &requests[i]
		people := []string{r.Requestor.Email, r.Grantee.Email}
		for _, asked := range r.Asked {
			people = append(people, asked.Email)
			for _, s := range asked.For {
				people = append(people, s.For.Email)
			}
		}
		a.adapter.Touch(people...)
	}
}

// diskErrors are those that no later write to the same disk can be expected to be
// spared.
var diskErrors = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EIO}

// wrote ends the app when the disk takes no more writes. A bot that can record
// nothing can neither take a click nor end an access; it must not look alive.
func (a *App) wrote(err error) {
	if !slices.ContainsFunc(diskErrors, func(e error) bool { return errors.Is(err, e) }) {
		return
	}
	a.storeLost.Do(func() {
		a.failed <- fmt.Errorf("the database %s cannot be written; nothing that was committed is lost: make room and start the bot again: %w", a.cfg.Store.Path, err)
	})
}

// damaged ends the app when what is due cannot be looked for: no access would end. Single
// rows that cannot be read are passed over by the store, and do not come here.
func (a *App) damaged(err error) {
	if !errors.Is(err, store.ErrCorrupt) {
		return
	}
	a.storeLost.Do(func() {
		a.failed <- &store.OpenError{Path: a.cfg.Store.Path, Kind: store.ErrCorrupt, Err: err}
	})
}

// meter counts what the Slack adapter reports.
type meter struct{ metrics *ops.Metrics }

func (m meter) Count(name, detail string) { m.metrics.Slack.WithLabelValues(name, detail).Inc() }

func (a *App) tried(t dispatch.Try) {
	a.metrics.Tries.WithLabelValues(string(t.Lane), string(t.Kind), t.Integration, string(t.Result)).Inc()
	a.metrics.TryTime.WithLabelValues(string(t.Lane), string(t.Kind)).Observe(t.Took.Seconds())
	a.audit.tried(t)
}

// snapshot is what /metrics shows of this moment.
func (a *App) snapshot() ops.Snapshot {
	s := ops.Snapshot{Requests: map[flows.State]int{}, Backlog: map[flows.Lane]ops.Backlog{}}
	now, ctx := a.now(), context.Background() // a scrape brings none
	for _, state := range flows.States() {
		if state.Terminal() {
			continue
		}
		n, err := a.store.Count(state)
		if err != nil {
			a.log.WarnContext(ctx, "could not count requests", "state", string(state), "err", err)
		}
		s.Requests[state] = n
	}
	ending, err := a.store.Ending()
	if err != nil {
		a.log.WarnContext(ctx, "could not count overdue revokes", "err", err)
	}
	for i := range ending {
		for g := range ending[i].Groups {
			if ending[i].Groups[g].Overdue(now) {
				s.Overdue++
			}
		}
	}
	for _, lane := range []flows.Lane{flows.LaneTarget, flows.LaneChat} {
		n, oldest, err := a.store.Backlog(lane)
		if err != nil {
			a.log.WarnContext(ctx, "could not count tasks", "lane", string(lane), "err", err)
			continue
		}
		s.Backlog[lane] = ops.Backlog{Tasks: n, Oldest: oldest}
	}
	for _, h := range a.living.Health() {
		if h.Name == living.TagsSource {
			continue // nobody asks for them, so no age is too old
		}
		s.Sources = append(s.Sources, ops.Source{Name: h.Name, Synced: h.Synced, OK: h.Problem == "" && !h.Synced.IsZero()})
	}
	s.Drifts = a.drifts()
	s.Connected = a.adapter != nil && a.adapter.Ready()
	if stats, err := a.store.Stats(); err == nil {
		s.Bytes, s.Unreadable, s.Panics = stats.FileBytes, stats.Unreadable, stats.Panics
	}
	return s
}

// sources is how the integrations do, as admins see it, and the audit channel where it
// takes no messages.
func (a *App) sources() (out []cards.SourceState) {
	if p := a.audit.Problem(); p != "" {
		out = append(out, cards.SourceState{Name: "Audit channel", Problem: p, Chat: true})
	}
	held := a.living.Held()
	for _, h := range a.living.Health() {
		src := cards.SourceState{Name: h.Name, Synced: h.Synced, Problem: h.Problem}
		if i := slices.IndexFunc(held, func(x living.Held) bool { return x.Source == h.Name }); i >= 0 {
			src.Held, src.Hold = held[i].Text(), holdSync+h.Name+"/"+held[i].ID
		}
		out = append(out, src)
	}
	return out
}

// newSweeper builds the jobs that act on stored times.
func (a *App) newSweeper() (*sweep.Sweeper, error) {
	return sweep.New(sweep.Options{
		Requests: lateness{a.counted(), a.world, a.damaged}, Inbox: a.store, Log: a.log, Now: a.now, Jobs: []sweep.Job{a.rights(), a.raise(), a.prune(), a.reports(), a.drift(), a.follower.Job(), a.standing.job(), a.preflight.job(), a.tempo.job(), a.anchor(), a.file.job()},
		Swept: func(job string, _ time.Duration, err error) {
			outcome := "ok"
			if err != nil {
				outcome = "failed"
			}
			a.metrics.Sweeps.WithLabelValues(job, outcome).Inc()
		},
	})
}

// prune removes what is older than the configuration of the moment wants to keep.
func (a *App) prune() sweep.Job {
	return sweep.Prune(a.store, func() time.Duration { return a.current.Load().Audit.Retention }, a.now, a.log)
}

// anchor has the head of the audit trail told daily, where anybody reads it.
func (a *App) anchor() sweep.Job {
	return sweep.Anchor(a.store, func() bool {
		c := a.current.Load()
		return c.Slack.AuditChannel != "" || c.Teams.AuditConversation != ""
	}, a.now)
}

// lateness measures how late a sweep begins to end what has expired, and says whom
// to ask where a request is escalated.
type lateness struct {
	counted
	world   func() flows.World
	damaged func(error)
}

func (l lateness) Due(now time.Time, limit int) ([]string, error) {
	ids, err := l.counted.Due(now, limit)
	l.damaged(err)
	return ids, err
}

func (l lateness) Apply(ctx context.Context, now time.Time, id string, ev flows.Event) (flows.Request, error) {
	if ev.Kind == flows.EventDue {
		if r, err := l.Request(id); err == nil && (r.State == flows.StatePending || r.OpenExtension() > 0) {
			ev = l.world().DueEvent(&r, now)
		}
	}
	r, err := l.counted.Apply(ctx, now, id, ev)
	if err == nil && r.Ending.State == flows.StateExpired && r.EndingAt.Equal(now.UTC()) {
		l.metrics.Lateness.Observe(now.Sub(r.EndsAt).Seconds())
	}
	return r, err
}

// credentialsKey is the key that seals secrets. Where one is made beside a store that has
// been used, another is lost: whoever restored the store without it is told, before
// people press in vain.
func (a *App) credentialsKey(cfg *config.Config) (flows.Secret, error) {
	_, err := os.Stat(cfg.KeyPath())
	made := cfg.Credentials.Key == "" && errors.Is(err, fs.ErrNotExist)
	key, err := config.CredentialsKey(cfg)
	if err != nil || !made {
		return key, err
	}
	_, used, err := a.store.Head()
	if used {
		a.log.WarnContext(context.Background(), "a new credentials key was made; what an earlier one sealed cannot be opened: put that one in its place and restart, or let people press Reset credentials", "path", cfg.KeyPath())
	}
	return key, err
}
