package slack

import (
	"context"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"apono/bot/chat"
	"apono/bot/platform"
)

// Slack answers 100 questions about one person a minute, and 20 about a thousand.
const (
	rosterPage  = 1000 // the most that Slack gives at once
	rosterPages = 5    // in one go; who is further behind is asked about alone
	rosterPause = 10 * time.Second
	rosterLimit = 20 * time.Second
)

// lookups are the people whom somebody waits to know at this moment.
type lookups struct {
	mu      sync.Mutex
	all     map[string]*lookup
	listing bool
	listed  time.Time // when the last list was begun
}

// lookup is one such person. Those who wait share what comes.
type lookup struct {
	waiting int
	asking  bool
	begun   chan struct{} // closed when somebody asks, so that nobody else has to
	settled bool
	done    chan struct{} // closed when it is settled
	user    *slack.User
	err     error
}

// join adds somebody who waits; leave has to be called after it.
func (s *lookups) join(id string) *lookup {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.all[id]
	if l == nil {
		if s.all == nil {
			s.all = map[string]*lookup{}
		}
		l = &lookup{begun: make(chan struct{}), done: make(chan struct{})}
		s.all[id] = l
	}
	l.waiting++
	return l
}

func (s *lookups) leave(id string, l *lookup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.waiting--; l.waiting == 0 && s.all[id] == l {
		delete(s.all, id)
	}
}

// begin reports whether the caller is the one who asks.
func (s *lookups) begin(l *lookup) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.asking || l.settled {
		return false
	}
	l.asking = true
	close(l.begun)
	return true
}

// settle tells all who wait for a user. Who comes later begins anew.
func (s *lookups) settle(id string, u *slack.User, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.all[id]
	if l == nil {
		return
	}
	if !l.asking {
		l.asking = true
		close(l.begun)
	}
	l.settled, l.user, l.err = true, u, err
	close(l.done)
	delete(s.all, id)
}

// wanted reports whether a list would answer anybody.
func (s *lookups) wanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all) > 0
}

// list reports whether the caller is to fetch a list of people now.
func (s *lookups) list(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listing || !s.listed.IsZero() && now.Sub(s.listed) < rosterPause {
		return false
	}
	s.listing, s.listed = true, now
	return true
}

func (s *lookups) endList() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listing = false
}

// codeGivenUp says that whoever asked for others gave up; they ask again.
const codeGivenUp = "given_up"

// profile is what Slack says of a user. However many wait for one user, one asks, and
// whoever of them is in the most haste goes first. Where it cannot be asked at once, a
// list of people is fetched beside it.
func (c *Client) profile(ctx context.Context, id string, haste chat.Priority) (*slack.User, error) {
	for {
		if user, ok := c.accounts.Get(id); ok {
			return user, nil
		}
		l := c.lookups.join(id)
		user, err := c.lookUp(ctx, id, l, haste)
		c.lookups.leave(id, l)
		if err == nil || ctx.Err() != nil || chat.CodeOf(err) != codeGivenUp {
			return user, err
		}
	}
}

func (c *Client) lookUp(ctx context.Context, id string, l *lookup, haste chat.Priority) (*slack.User, error) {
	if c.gate.Busy(haste, lanesOf(usersInfo, "")...) && c.lookups.list(time.Now()) {
		go c.roster(context.WithoutCancel(ctx))
	}
	waiting, cancel := platform.Until(ctx, l.begun)
	defer cancel()
	err := c.callIn(ctx, waiting, usersInfo, "", haste, func(ctx context.Context) error {
		if !c.lookups.begin(l) {
			return nil
		}
		user, err := c.api.GetUserInfoContext(ctx, id)
		switch {
		case err == nil:
			c.accounts.Put(id, user)
			c.lookups.settle(id, user, nil)
		case ctx.Err() != nil: // that of whoever asked
			c.lookups.settle(id, nil, &chat.Error{Kind: chat.ErrorRetry, Op: usersInfo.name, Code: codeGivenUp, Err: err})
		default:
			c.lookups.settle(id, nil, c.judged(ctx, usersInfo, classify(usersInfo.name, usersInfo.repeatable, err)))
		}
		return err
	})
	select {
	case <-l.begun:
	default:
		return nil, err // nobody asked
	}
	select {
	case <-l.done:
		return l.user, l.err
	case <-ctx.Done():
		return nil, &chat.Error{Kind: chat.ErrorRetry, Op: usersInfo.name, Code: codeNotSent, Err: ctx.Err()}
	}
}

// roster answers those who wait from lists of people. Of whom it does not say without
// a doubt that they are a full member, Slack is asked alone.
// https://docs.slack.dev/reference/methods/users.list
func (c *Client) roster(ctx context.Context) {
	defer c.lookups.endList()
	ctx, cancel := context.WithTimeout(ctx, rosterLimit)
	defer cancel()
	self, err := c.identity(ctx)
	if err != nil {
		return // who waits learns it too
	}
	list := c.api.GetUsersPaginated(slack.GetUsersOptionLimit(rosterPage))
	for page := 0; page < rosterPages && c.lookups.wanted(); page++ {
		err := c.call(ctx, listUsers, "", priorityNow, func(ctx context.Context) (err error) {
			list, err = list.Next(ctx)
			return err
		})
		if err != nil {
			c.log.WarnContext(ctx, "slack people could not be listed", "error", err)
			return
		}
		for i := range list.Users {
			u := &list.Users[i]
			if a := account(u, self); !a.EmailVerified || refusedAs(a) != "" {
				continue
			}
			c.accounts.Put(u.ID, u)
			c.lookups.settle(u.ID, u, nil)
		}
		if list.Cursor == "" {
			return
		}
	}
}
