package demo

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"apono/bot/slack/slacksim"
	"apono/flows"
)

// held is one person's access to a target, and until when.
type held struct {
	Email, Permissions, Resources, Until string
}

// holdings says who holds what, by the target's word, and until when, by the bot's.
func (s *Server) holdings(f facts) []held {
	var out []held
	for _, t := range f.targets {
		by := map[[2]string][]string{} // person and resource: permissions
		for _, h := range t.Holds {
			k := [2]string{h.Email, h.Resource}
			by[k] = append(by[k], h.Permission)
		}
		first := len(out)
		for _, k := range slices.SortedFunc(maps.Keys(by), func(a, b [2]string) int { return strings.Compare(a[0]+"\x00"+a[1], b[0]+"\x00"+b[1]) }) {
			until, granted := s.until(f.requests, t.Name, k[0], k[1], by[k][0])
			if !granted {
				until = "though no request grants it"
			}
			h := held{k[0], strings.Join(by[k], ", "), s.resource(f.requests, t.Name, k[1]), until}
			same := slices.IndexFunc(out[first:], func(x held) bool { return x.Email == h.Email && x.Permissions == h.Permissions && x.Until == h.Until })
			if same < 0 {
				out = append(out, h)
				continue
			}
			out[first+same].Resources += ", " + h.Resources
		}
	}
	return out
}

// resource is the name by which requests know a resource.
func (s *Server) resource(requests []flows.Request, integration, id string) string {
	for i := range requests {
		if g, ok := requests[i].Group(integration); ok {
			for _, it := range g.Items {
				if it.Resource == id {
					return it.ResourceName
				}
			}
		}
	}
	return id
}

// until is the latest end of the live requests that grant this. One that waits for a decision grants nothing.
func (s *Server) until(requests []flows.Request, integration, email, resource, permission string) (string, bool) {
	var end time.Time
	found, open := false, false
	for i := range requests {
		r := &requests[i]
		g, ok := r.Group(integration)
		if !ok || r.State == flows.StatePending || r.State.Terminal() || !strings.EqualFold(r.Grantee.Email, email) || !slices.ContainsFunc(g.Items, func(it flows.Item) bool {
			return it.Unit.Resource == resource && it.Unit.Permission == permission
		}) {
			continue
		}
		found = true
		open = open || r.EndsAt.IsZero()
		if r.EndsAt.After(end) {
			end = r.EndsAt
		}
	}
	switch {
	case open:
		return "no end yet", found
	case found && end.After(s.Now()):
		return "until " + clock(end, s.Now()), true
	}
	return "ending now", found
}

// requestView is a request as the bot has it.
type requestView struct {
	ID, State, Tone, Who, What, Flow string
	Lines                            []requestLine
}

type requestLine struct{ At, Text string }

const mostRequests = 6

func (s *Server) asked(requests []flows.Request) []requestView {
	var out []requestView
	for i := range requests[:min(len(requests), mostRequests)] {
		out = append(out, requestOf(&requests[i], s.Now()))
	}
	return out
}

func requestOf(r *flows.Request, now time.Time) requestView {
	v := requestView{ID: r.ID, State: string(r.State), Tone: tone(r.State), Who: r.Grantee.Email, What: r.Bundle, Flow: r.Flow}
	if r.Grantee.Name != "" {
		v.Who = r.Grantee.Name
	}
	if v.What == "" {
		v.What = plural(len(r.Items()), "item", "items")
	}
	add := func(at time.Time, format string, args ...any) {
		if !at.IsZero() {
			v.Lines = append(v.Lines, requestLine{clock(at, now), fmt.Sprintf(format, args...)})
		}
	}
	add(r.CreatedAt, "asked")
	for _, d := range r.Decisions {
		add(d.At, "%s by %s", decided[d.Verb], nameOf(d.By))
	}
	add(r.ActiveAt, "active")
	if r.State == flows.StateActive {
		add(r.EndsAt, "will end")
	}
	add(r.EndingAt, "ending")
	add(r.EndedAt, "%s", r.State)
	for _, g := range r.Groups {
		if g.Problem != "" {
			v.Lines = append(v.Lines, requestLine{"", g.Integration + ": " + g.Problem})
			continue
		}
		v.Lines = append(v.Lines, requestLine{"", g.Integration + ": " + string(g.Status)})
	}
	return v
}

var decided = map[flows.Verb]string{flows.VerbApprove: "approved", flows.VerbDeny: "denied"}

func nameOf(p flows.PersonRef) string {
	if p.Name != "" {
		return p.Name
	}
	return p.Email
}

func tone(s flows.State) string {
	switch s {
	case flows.StatePending, flows.StateApproved, flows.StateRevoking:
		return "waiting"
	case flows.StateActive:
		return "good"
	case flows.StateDenied, flows.StateFailed:
		return "bad"
	case flows.StateExpired, flows.StateRevoked, flows.StateTimedOut, flows.StateWithdrawn:
	}
	return "over"
}

// Door lines.

// Says is what a target answered, in words.
func (d Door) Says() string {
	if d.Status == 0 {
		return "no answer"
	}
	return fmt.Sprintf("%d %s", d.Status, http.StatusText(d.Status))
}

// Tone colors it.
func (d Door) Tone() string {
	switch d.Status {
	case Open:
		return "good"
	case Closed:
		return "over"
	}
	return "bad"
}

// guideView is the strip that suggests what to do.
type guideView struct {
	Steps []stepView
	Next  *stepView
	Done  int
}

type stepView struct {
	N                 int
	Title, Short, Why string
	Done, Next        bool
	Href              string // to the person who does it, unless that is who is looked at
	Who               string
}

func (s *Server) guideView(ps places) *guideView {
	if len(s.Guide) == 0 {
		return nil
	}
	s.mu.Lock()
	ticked := slices.Clone(s.ticked)
	s.mu.Unlock()
	g := &guideView{}
	for i, step := range s.Guide {
		v := stepView{N: i + 1, Title: step.Title, Short: step.Short, Why: step.Why, Done: ticked[i]}
		if step.Who != "" && !slices.ContainsFunc(ps.panes, func(p place) bool { return p.who == step.Who }) {
			n := len(ps.panes) - 1
			v.Who, v.Href = s.face(step.Who).Name, ps.with(n, place{who: step.Who, at: s.start(step.Who)})
		}
		g.Steps = append(g.Steps, v)
		if v.Done {
			g.Done++
		}
	}
	for i := range g.Steps {
		if !g.Steps[i].Done {
			g.Steps[i].Next = true
			g.Next = &g.Steps[i]
			break
		}
	}
	return g
}

// refusal is something that Slack refused or punished, or in the long log anything that went over the wire.
type refusal struct {
	when           time.Time
	At, What, Code string
	Detail         []string
	OK             bool
}

type logView struct {
	Open, All       bool
	Entries         []refusal
	HrefAll, Href   string
	RefusedOnlyHref string
}

// mostRefusals and mostEntries bound the log.
const (
	mostRefusals = 100
	mostEntries  = 200
)

// note keeps what was refused, with Slack's own words, and tells the pages; also of an acknowledgement, which may be a late one.
func (s *Server) note(e slacksim.Entry) {
	if e.Kind == "ack" {
		s.hub.poke()
	}
	if e.Err == "" {
		return
	}
	s.mu.Lock()
	s.refused = append(s.refused, entryOf(e))
	s.refused = s.refused[max(0, len(s.refused)-mostRefusals):]
	s.mu.Unlock()
	s.hub.poke()
}

func entryOf(e slacksim.Entry) refusal {
	r := refusal{when: e.At, At: e.At.Local().Format("15:04:05"), What: strings.TrimSpace(e.Kind + " " + e.Method), Code: e.Err, OK: e.Err == ""}
	var answer struct {
		Metadata struct {
			Messages []string `json:"messages"`
		} `json:"response_metadata"`
		Needed string `json:"needed"`
	}
	if json.Unmarshal(e.Answer, &answer) == nil {
		r.Detail = answer.Metadata.Messages
		if answer.Needed != "" {
			r.Detail = append(r.Detail, "needed: "+answer.Needed)
		}
	}
	return r
}

func (s *Server) refusals() int {
	violations := len(s.Workspace.Violations())
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.refused) + violations
}

func (s *Server) logView(ps places) logView {
	v := logView{Open: ps.log != "", All: ps.log == "all", Href: ps.withLog(""), HrefAll: ps.withLog("all"), RefusedOnlyHref: ps.withLog("refused")}
	if !v.Open {
		return v
	}
	if v.All {
		all := s.Workspace.Log()
		for _, e := range all[max(0, len(all)-mostEntries):] {
			v.Entries = append(v.Entries, entryOf(e))
		}
	} else {
		s.mu.Lock()
		v.Entries = slices.Clone(s.refused)
		s.mu.Unlock()
	}
	for _, x := range s.Workspace.Violations() {
		v.Entries = append(v.Entries, refusal{when: x.At, At: x.At.Local().Format("15:04:05"), What: "the app", Code: x.Kind, Detail: []string{strings.TrimSpace(x.Detail)}})
	}
	slices.SortStableFunc(v.Entries, func(a, b refusal) int { return b.when.Compare(a.when) })
	return v
}
