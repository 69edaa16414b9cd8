package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"apono/bot/slack/slacksim"
	"apono/flows"
)

// Person is somebody whom the page offers to be.
type Person struct {
	ID   string // in the workspace
	Role string // a few words: "her manager"
}

// Options of a Server. All but Guide and Note are required.
type Options struct {
	Workspace *slacksim.Workspace
	People    []Person // the first is looked at first
	Audit     string   // the audit channel, id or #name
	Command   string   // the bot's slash command
	// Requests are the bot's requests as they are stored, newest first.
	Requests func() ([]flows.Request, error)
	// Targets asks the systems at this moment.
	Targets func(context.Context) []Target
	// Now is the time of the bot and the workspace; Advance moves it on.
	Now     func() time.Time
	Advance func(time.Duration)
	Guide   []Step
	Note    string // a sentence about what is shown; may be empty
	Log     *slog.Logger
}

// Target is a system and what it holds at this moment.
type Target struct {
	Name  string
	Doors []Door
	Holds []Holding
}

// Door is a token that was handed out and what the target answers to it now.
type Door struct {
	Email  string
	Token  string // shortened; the whole one is the person's secret
	Status int    // of HTTP; 0: no answer
}

// Holding is what somebody has in a target.
type Holding struct{ Email, ResourceType, Resource, Permission string }

// Server shows the workspace to a browser. Make one with New; Run must run while it serves.
type Server struct {
	Options
	handler http.Handler
	hub     hub
	seen    seen

	mu      sync.Mutex
	latest  facts
	ticked  []bool
	refused []refusal
}

// New makes a server.
func New(o Options) *Server {
	s := &Server{Options: o, ticked: make([]bool, len(o.Guide))}
	o.Workspace.OnLog(s.note) // from the first call of the bot on, which comes before Run, and for as long as the workspace is there
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.servePage)
	mux.HandleFunc("GET /events", s.serveEvents)
	mux.HandleFunc("POST /act", s.serveAct)
	mux.HandleFunc("POST /time", s.serveTime)
	for _, a := range []asset{{"demo.css", "text/css; charset=utf-8"}, {"demo.js", "text/javascript; charset=utf-8"}, {"icon.svg", "image/svg+xml"}} {
		mux.HandleFunc("GET /"+a.name, a.serve)
	}
	s.handler = guard(http.NewCrossOriginProtection().Handler(mux))
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// guard refuses requests under names that are not this machine's own, and says what the page may do: nothing that its own
// files do not do.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types demo")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if err := Loopback(r.Host); err != nil {
			http.Error(w, "This page answers on loopback addresses only.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Loopback returns an error unless the host, with or without a port, is this machine as it calls itself.
func Loopback(hostport string) error {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	if host == "localhost" {
		return nil
	}
	addr, err := netip.ParseAddr(trimBrackets(host))
	if err != nil || !addr.IsLoopback() {
		return fmt.Errorf("%q is no loopback address", host)
	}
	return nil
}

func trimBrackets(host string) string {
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}

// lookEvery is how often the target and the store are asked while nothing else says that something changed.
const lookEvery = 400 * time.Millisecond

// Run watches the world until ctx ends, and tells the pages that are open.
func (s *Server) Run(ctx context.Context) error {
	poke := make(chan struct{}, 1)
	wake := func() {
		select {
		case poke <- struct{}{}:
		default:
		}
	}
	defer s.Workspace.OnChange(func(slacksim.Change) { s.hub.poke(); wake() })()
	defer s.Workspace.OnLog(func(slacksim.Entry) { wake() })()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		s.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-poke:
		case <-tick.C:
		}
	}
}

// facts are what was last seen beside the workspace.
type facts struct {
	requests []flows.Request
	targets  []Target
	minute   string
	problems int // violations of the workspace's rules
}

// look asks the store and the targets, ticks off what has happened, and tells the pages if anything changed.
func (s *Server) look(ctx context.Context) {
	now := facts{targets: s.Targets(ctx), minute: today(s.Now()), problems: len(s.Workspace.Violations())}
	var err error
	if now.requests, err = s.Requests(); err != nil && !errors.Is(err, context.Canceled) {
		s.Log.WarnContext(ctx, "requests could not be read", "err", err)
	}
	s.mu.Lock()
	changed := !now.equal(s.latest)
	s.latest = now
	for i, step := range s.Guide {
		if !s.ticked[i] && step.Happened(Seen{s.Workspace, now.requests, now.targets}) {
			s.ticked[i], changed = true, true
		}
	}
	s.mu.Unlock()
	if changed {
		s.hub.poke()
	}
}

// clock shows a time of day, and the day of the week where it is not today.
func clock(t, now time.Time) string {
	if t, now := t.Local(), now.Local(); t.YearDay() != now.YearDay() || t.Year() != now.Year() {
		return t.Format("Mon 3:04 PM")
	}
	return t.Local().Format("3:04 PM")
}

// today is the day and time in the bar.
func today(now time.Time) string { return now.Local().Format("Mon 3:04 PM") }
