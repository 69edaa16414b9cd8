package demo

import (
	"net/url"
	"strings"
)

// Where a pane may be beside conversations, which go by their ids.
const (
	atApp  = "app"  // the conversation with the bot, also before there is one
	atHome = "home" // the bot's Home tab
)

// place is who is looked at, and where.
type place struct{ who, at, thread string }

// places is what an address shows: one person or two, and the log or not.
type places struct {
	panes []place
	log   string // "", "refused", "all"
}

// places reads an address. What does not exist is replaced, so that every address shows something.
func (s *Server) places(q url.Values) places {
	var out places
	for _, n := range []string{"", "2"} {
		p := place{who: q.Get("who" + n), at: q.Get("at" + n), thread: q.Get("thread" + n)}
		if !s.known(p.who) {
			if n != "" {
				break
			}
			p = place{who: s.People[0].ID}
		}
		if !s.mayBeAt(p) {
			p.at, p.thread = s.start(p.who), ""
		}
		out.panes = append(out.panes, p)
	}
	if log := q.Get("log"); log == "refused" || log == "all" {
		out.log = log
	}
	return out
}

func (s *Server) mayBeAt(p place) bool {
	if p.at == atApp || p.at == atHome {
		return true
	}
	for _, r := range s.rooms(p.who) {
		if r.ID == p.at {
			return true
		}
	}
	return false
}

// start is where a person begins: where something waits for them, else in the first channel.
func (s *Server) start(who string) string {
	if id := s.Workspace.DM(who); id != "" && len(s.Workspace.As(who).DMs()) > 0 {
		return atApp
	}
	if rooms := s.rooms(who); len(rooms) > 0 {
		return rooms[0].ID
	}
	return atApp
}

// String is the address.
func (ps places) String() string {
	q := url.Values{}
	for i, p := range ps.panes {
		n := strings.Repeat("2", i)
		q.Set("who"+n, p.who)
		q.Set("at"+n, p.at)
		if p.thread != "" {
			q.Set("thread"+n, p.thread)
		}
	}
	if ps.log != "" {
		q.Set("log", ps.log)
	}
	return "/?" + q.Encode()
}

// with is the address with another place in pane n.
func (ps places) with(n int, p place) string {
	out := places{log: ps.log}
	out.panes = append(out.panes, ps.panes...)
	out.panes[n] = p
	return out.String()
}

func (ps places) withLog(log string) string {
	ps.log = log
	return ps.String()
}
