package slack

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"apono/bot/chat"
)

// Slack sends app_home_opened whenever somebody opens the tab, so whatever a home shows
// is renewed then. While it is open it is drawn again after a change.
// https://docs.slack.dev/reference/events/app_home_opened
const (
	// homeLife is how long after it was opened a home is kept up to date.
	homeLife = 8 * time.Hour
	// homePause is how long a home waits for more changes before it is drawn again.
	homePause = time.Second
	// maxHomes are kept up to date; those beyond are renewed when they are opened.
	maxHomes = 5000
	// Of the calls that Slack allows, homes that nobody waits for get these; the rest is
	// for people who open theirs.
	homesPerMinute, homesBurst = 30, 30
)

// home is what is known of a home that somebody has opened.
type home struct {
	user   chat.User
	opened time.Time
	due    time.Time // when to draw it again; zero: it is up to date
	of     []string
	all    bool

	drawing sync.Mutex // one draws at a time, and owns what follows
	page    string
	hash    string // of what was published last; empty: not known
	look    string // of that
}

// homes are those that people have open.
type homes struct {
	mu    sync.Mutex
	all   map[string]*home // by user
	queue []*home          // those that are due, in order
	wake  chan struct{}
	pace  *rate.Limiter
}

func newHomes() *homes {
	return &homes{all: map[string]*home{}, wake: make(chan struct{}, 1), pace: rate.NewLimiter(rate.Limit(homesPerMinute)/60, homesBurst)}
}

// open notes that somebody looks at their home.
func (s *homes) open(u chat.User, now time.Time) *home {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.all[u.ID]
	if h == nil {
		if len(s.all) >= maxHomes {
			s.forget(now)
		}
		h = &home{}
		s.all[u.ID] = h
	}
	h.user, h.opened = u, now
	return h
}

// forget drops those that are old, or the oldest.
func (s *homes) forget(now time.Time) {
	oldest := ""
	for id, h := range s.all {
		if now.Sub(h.opened) > homeLife {
			delete(s.all, id)
			continue
		}
		if oldest == "" || h.opened.Before(s.all[oldest].opened) {
			oldest = id
		}
	}
	if len(s.all) >= maxHomes {
		delete(s.all, oldest)
	}
}

// touch makes the homes of people old.
func (s *homes) touch(now time.Time, addresses []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.all {
		if !h.due.IsZero() || now.Sub(h.opened) > homeLife || (!h.all && !slices.ContainsFunc(h.of, func(a string) bool { return slices.Contains(addresses, a) })) {
			continue
		}
		h.due = now.Add(homePause)
		s.queue = append(s.queue, h)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// next takes the home to draw now, or says how long there is none.
func (s *homes) next(now time.Time) (h *home, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return nil, time.Hour // Touch wakes us earlier
	}
	h = s.queue[0]
	if wait = h.due.Sub(now); wait > 0 {
		return nil, wait
	}
	s.queue = s.queue[1:]
	h.due = time.Time{} // a change from now on makes it old again
	return h, 0
}

func (s *homes) about(h *home, drawn chat.Home) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.of, h.all = drawn.Of, drawn.Everybody
}

// Touch makes the homes of people old: something has changed that they, or all admins,
// may be looking at. It returns at once. Several changes are drawn together, when
// nothing that matters more waits for its turn.
func (a *Adapter) Touch(addresses ...string) { a.homes.touch(time.Now(), addresses) }

// keepHomes draws again what has become old, one after the other: people who wait for an
// answer are never held up by it.
func (a *Adapter) keepHomes(ctx context.Context) {
	for ctx.Err() == nil {
		h, wait := a.homes.next(time.Now())
		if h != nil {
			if a.homes.pace.Wait(ctx) != nil {
				return
			}
			a.guard(ctx, "home", func() { a.drawHome(ctx, h, nil, "", chat.PriorityRedraw) })
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-a.homes.wake:
		}
		timer.Stop()
	}
}

// showHome draws the home of somebody who waits for it. hash is that of the view on
// their screen, where Slack said it.
func (a *Adapter) showHome(ctx context.Context, u chat.User, page, hash string) {
	h := a.homes.open(u, time.Now())
	a.drawHome(ctx, h, &page, hash, priorityNow)
}

// drawHome publishes a home unless it is on the screen already. page nil: the one that
// is shown. What was drawn before somebody else's newer one is not put over it: Slack
// refuses an old hash, and then the home is drawn anew.
func (a *Adapter) drawHome(ctx context.Context, h *home, page *string, hash string, p chat.Priority) {
	maker, ok := a.handler.(chat.Homemaker)
	if !ok {
		return
	}
	h.drawing.Lock()
	defer h.drawing.Unlock()
	if page != nil {
		h.page = *page
	}
	if hash != "" && hash != h.hash {
		h.look = "" // an earlier run published that, or another process
		if h.hash == "" {
			h.hash = hash
		}
	}
	err := a.persist(ctx, func() error {
		err := a.publishHome(ctx, maker, h, p)
		if chat.CodeOf(err) == "hash_conflict" {
			err = a.publishHome(ctx, maker, h, p)
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		a.meter.Count(CountDropped, "home")
		a.log.WarnContext(ctx, "slack home could not be drawn", "error", err)
	}
}

// publishHome draws and publishes once.
func (a *Adapter) publishHome(ctx context.Context, maker chat.Homemaker, h *home, p chat.Priority) error {
	return a.client.call(ctx, publishView, "", p, func(ctx context.Context) error {
		drawn := maker.Home(ctx, chat.HomeQuery{User: h.user, Page: h.page}) // when it is its turn, not before
		a.homes.about(h, drawn)
		h.page = drawn.Page
		view := RenderHome(drawn)
		raw, err := json.Marshal(view.View)
		if err != nil {
			return err
		}
		if h.look == string(raw) {
			return nil
		}
		hash, err := a.client.publish(ctx, h.user.ID, view.View, h.hash)
		if err != nil {
			h.hash, h.look = "", "" // whatever is there now is replaced
			return err
		}
		h.hash, h.look = hash, string(raw)
		return nil
	})
}

// homeOpened is the inner event of app_home_opened.
type homeOpened struct {
	TeamID string `json:"team_id"`
	Event  struct {
		Type string `json:"type"`
		User string `json:"user"`
		Tab  string `json:"tab"`
		View struct {
			Hash string `json:"hash"`
		} `json:"view"`
	} `json:"event"`
}

// event takes a delivery of the Events API. A home is drawn whole each time, so there is
// nothing to commit, and a repeat does no harm: if the process dies, the person opens
// the tab again. Whatever else is done one day has to be committed first, under the
// event_id: Slack repeats events under new envelopes.
func (a *Adapter) event(ctx context.Context, d delivery) {
	if d.Retry > 0 {
		a.meter.Count(CountDuplicate, d.Type)
	}
	var e homeOpened
	err := json.Unmarshal(d.Payload, &e)
	a.ack(ctx, d, nil)
	if err != nil || e.Event.Type != "app_home_opened" || e.Event.Tab != "home" || e.Event.User == "" {
		return
	}
	u := chat.User{Platform: Platform, ID: e.Event.User, Team: e.TeamID}
	a.looking(ctx, func(ctx context.Context) { a.showHome(ctx, u, "", e.Event.View.Hash) })
}

// turnHome takes a press that shows another part of a home. It changes nothing else, so
// it is not committed.
func (a *Adapter) turnHome(ctx context.Context, d delivery, in interaction, page string) {
	a.ack(ctx, d, nil)
	a.looking(ctx, func(ctx context.Context) { a.showHome(ctx, in.user(), page, in.View.Hash) })
}
