package demo

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"apono/bot/slack/slacksim"
)

// page is everything that is shown at one address at one moment.
type page struct {
	Title   string
	Bar     bar
	Guide   *guideView
	Panes   []pane
	Audit   auditView
	Targets []Target
	Held    []held
	Asked   []requestView
	Log     logView
}

type bar struct {
	People     []personTab
	Both       string // address with two people, or with one again
	Two        bool
	Clock      string
	CanEnd     bool
	LogHref    string
	LogOpen    bool
	Refused    int
	Note       string
	TwoPersons []twoPersons
}

// twoPersons lets the second person be chosen where two are side by side.
type twoPersons struct {
	Label  string
	People []personTab
}

type personTab struct {
	face
	Role    string
	Href    string
	Current bool
	Unread  int
}

// face is how somebody is shown beside what they write.
type face struct {
	Name    string
	Initial string
	Color   int // 0 to 7
	App     bool
}

// pane is one person's Slack.
type pane struct {
	N         int
	Who       face
	WhoID     string
	Team      string
	At        string
	Rooms     []tab
	App       tab
	Title     string
	Thread    string // ts; empty outside of a thread
	Back      string // out of the thread
	Tabs      []tab  // of the bot's own page
	Messages  []message
	Home      *form
	HomeEmpty bool
	Modal     *form
	Compose   bool
	Prompt    string
	Command   string
}

type tab struct {
	Name    string
	Href    string
	Current bool
	Unread  int
	Private bool
}

// message is a message as the templates draw it.
type message struct {
	Key                 string
	Channel, TS         string
	By                  face
	At, Day             string // At: "10:20 AM"; Day where a new one begins
	Only, Edited, Fresh bool   // Fresh: the first that was not read
	Text                []run  // where there are no blocks
	Blocks              []block
	Replies             int
	ThreadHref          string
}

// auditView is the audit channel.
type auditView struct {
	Name     string
	Messages []message
}

// form is a dialog or the Home tab.
type form struct {
	View                 string
	Title, Submit, Close string
	Back                 bool // there are dialogs under it
	Blocks               []block
}

func (s *Server) user(id string) slacksim.User {
	for _, u := range s.Workspace.Users() {
		if u.ID == id {
			return u
		}
	}
	return slacksim.User{ID: id, Name: id, RealName: id}
}

func (s *Server) face(id string) face {
	u := s.user(id)
	name := cmp.Or(u.DisplayName, u.RealName, u.Name)
	f := face{Name: name, Initial: strings.ToUpper(string(slices.Concat([]rune(name), []rune("?"))[0])), App: u.IsBot}
	for i, p := range s.People {
		if p.ID == id {
			f.Color = i % 8
		}
	}
	return f
}

// rooms are the channels that a person is in.
func (s *Server) rooms(who string) []slacksim.Channel {
	return slices.DeleteFunc(s.Workspace.Channels(), func(c slacksim.Channel) bool { return !slices.Contains(c.Members, who) })
}

// unread counts what others wrote since the person looked.
func (s *Server) unread(who, conversation string) int {
	if conversation == "" {
		return 0
	}
	p, upTo, n := s.Workspace.As(who), s.seen.upTo(who, conversation), 0
	for _, m := range s.conversation(p, conversation) {
		if m.TS > upTo && m.User != who {
			n++
		}
	}
	return n
}

// conversation is what a person sees in it, in order.
func (s *Server) conversation(p *slacksim.Person, id string) []slacksim.Message {
	out := p.Messages(id)
	for _, m := range p.Ephemerals() {
		if m.Channel == id {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b slacksim.Message) int { return strings.Compare(a.TS, b.TS) })
	return out
}

// page draws an address. fresh tells up to where each pane had read when it was opened.
func (s *Server) page(ps places, fresh map[string]string) page {
	p := page{Title: "apono demo", Panes: make([]pane, len(ps.panes))}
	for i := range ps.panes {
		p.Panes[i] = s.pane(ps, i, fresh)
	}
	s.mu.Lock()
	latest := s.latest
	s.mu.Unlock()
	p.Bar = s.bar(ps)
	p.Guide = s.guideView(ps)
	p.Audit = s.audit()
	p.Targets = latest.targets
	p.Held = s.holdings(latest)
	p.Asked = s.asked(latest.requests)
	p.Log = s.logView(ps)
	return p
}

func (s *Server) bar(ps places) bar {
	_, canEnd := s.nextEnd()
	b := bar{Two: len(ps.panes) > 1, Clock: today(s.Now()), CanEnd: canEnd, LogOpen: ps.log != "", Note: s.Note, Refused: s.refusals()}
	b.LogHref = ps.withLog("refused")
	if b.LogOpen {
		b.LogHref = ps.withLog("")
	}
	one := places{panes: ps.panes[:1], log: ps.log}
	b.People = s.tabs(one, 0)
	if b.Two {
		b.Both = one.String()
		b.TwoPersons = []twoPersons{{"Left", s.tabs(ps, 0)}, {"Right", s.tabs(ps, 1)}}
		return b
	}
	other := s.People[min(1, len(s.People)-1)].ID
	if other == ps.panes[0].who {
		other = s.People[0].ID
	}
	two := places{panes: append(slices.Clone(ps.panes), place{who: other, at: s.start(other)}), log: ps.log}
	b.Both = two.String()
	return b
}

// tabs lead to each person, in pane n.
func (s *Server) tabs(ps places, n int) []personTab {
	var out []personTab
	for _, who := range s.People {
		t := personTab{face: s.face(who.ID), Role: who.Role, Current: who.ID == ps.panes[n].who, Unread: s.unread(who.ID, s.Workspace.DM(who.ID))}
		t.Href = ps.with(n, place{who: who.ID, at: s.start(who.ID)})
		if t.Current {
			t.Href = ps.with(n, ps.panes[n])
		}
		out = append(out, t)
	}
	return out
}

func (s *Server) drawer(who string, n int) *drawer {
	d := &drawer{reader: s.Workspace.As(who).Reader(), prefix: who + strconv.Itoa(n)}
	for _, u := range s.Workspace.Users() {
		if !u.IsBot && !u.Deleted {
			d.people = append(d.people, slacksim.Option{Text: "@" + cmp.Or(u.DisplayName, u.RealName), Value: u.ID})
		}
	}
	for _, c := range s.rooms(who) {
		d.rooms = append(d.rooms, slacksim.Option{Text: "#" + c.Name, Value: c.ID})
	}
	return d
}

func (s *Server) pane(ps places, n int, fresh map[string]string) pane {
	at := ps.panes[n]
	who := s.Workspace.As(at.who)
	d := s.drawer(at.who, n)
	out := pane{N: n, Who: s.face(at.who), WhoID: at.who, Team: "Example", At: at.at, Command: s.Command}
	conversation := at.at
	if at.at == atApp {
		conversation = s.Workspace.DM(at.who)
	}
	s.show(&out, ps, at, d, conversation, fresh)
	for _, c := range s.rooms(at.who) {
		out.Rooms = append(out.Rooms, tab{
			Name: c.Name, Href: ps.with(n, place{who: at.who, at: c.ID}), Current: at.at == c.ID, Unread: s.unread(at.who, c.ID), Private: c.Private,
		})
		if at.at == c.ID {
			out.Title = "# " + c.Name
		}
	}
	bot := s.face(s.Workspace.BotUser())
	inApp := at.at == atApp || at.at == atHome
	out.App = tab{Name: bot.Name, Href: ps.with(n, place{who: at.who, at: atApp}), Current: inApp, Unread: s.unread(at.who, s.Workspace.DM(at.who))}
	if inApp {
		out.Title = bot.Name
		out.Tabs = []tab{
			{Name: "Home", Href: ps.with(n, place{who: at.who, at: atHome}), Current: at.at == atHome},
			{Name: "Messages", Href: ps.with(n, place{who: at.who, at: atApp}), Current: at.at == atApp},
		}
	}
	out.Prompt = "Message " + strings.TrimPrefix(out.Title, "# ")
	if strings.HasPrefix(out.Title, "#") {
		out.Prompt = "Message #" + strings.TrimPrefix(out.Title, "# ")
	}
	if at.thread != "" {
		out.Thread, out.Back, out.Prompt = at.thread, ps.with(n, place{who: at.who, at: at.at}), "Reply in thread"
	}
	if stack := who.Stack(); len(stack) > 0 {
		out.Modal = d.form(stack[len(stack)-1])
		out.Modal.Back = len(stack) > 1
	}
	return out
}

// show fills what the pane shows in its middle, and marks it as read.
func (s *Server) show(out *pane, ps places, at place, d *drawer, conversation string, fresh map[string]string) {
	who := s.Workspace.As(at.who)
	if at.at == atHome {
		if v, ok := who.Home(); ok {
			out.Home = d.form(v)
		} else {
			out.HomeEmpty = true
		}
		return
	}
	out.Compose = true
	key := at.who + "\x00" + conversation
	if _, ok := fresh[key]; !ok && fresh != nil {
		fresh[key] = s.seen.upTo(at.who, conversation)
	}
	all := s.conversation(who, conversation)
	out.Messages = s.messages(all, d, at, ps, out.N, fresh[key])
	if len(all) > 0 {
		s.seen.read(at.who, conversation, all[len(all)-1].TS)
	}
}

func (d *drawer) form(v slacksim.View) *form {
	return &form{View: v.ID, Title: v.Title, Submit: v.Submit, Close: v.Close, Blocks: d.blocks(v.Blocks, v.Fields)}
}

func tsTime(ts string) time.Time {
	seconds, _, _ := strings.Cut(ts, ".")
	n, _ := strconv.ParseInt(seconds, 10, 64)
	return time.Unix(n, 0)
}

// messages draws a conversation, or the thread of it that is open.
func (s *Server) messages(all []slacksim.Message, d *drawer, at place, ps places, n int, readUpTo string) []message {
	replies := map[string]int{}
	for _, m := range all {
		if m.ThreadTS != "" && m.ThreadTS != m.TS {
			replies[m.ThreadTS]++
		}
	}
	var out []message
	day, marked := "", false
	for _, m := range all {
		inThread := m.ThreadTS != "" && m.ThreadTS != m.TS
		if at.thread == "" && inThread || at.thread != "" && m.TS != at.thread && m.ThreadTS != at.thread {
			continue
		}
		x := s.message(m, d)
		x.Replies = replies[m.TS]
		if at.thread == "" && !m.Ephemeral {
			x.ThreadHref = ps.with(n, place{who: at.who, at: at.at, thread: m.TS})
		}
		if today := d.reader.Date(tsTime(m.TS).Unix(), "{date_long_pretty}"); today != day {
			day, x.Day = today, strings.ToUpper(today[:1])+today[1:]
		}
		if m.TS > readUpTo && m.User != at.who && !marked && len(out) > 0 {
			x.Fresh, marked = true, true
		}
		out = append(out, x)
	}
	return out
}

func (s *Server) message(m slacksim.Message, d *drawer) message {
	x := message{
		Key: d.id("message", m.Channel, m.TS), Channel: m.Channel, TS: m.TS, By: s.face(m.User), At: d.reader.Date(tsTime(m.TS).Unix(), "{time}"),
		Only: m.Ephemeral, Edited: m.ShowsEdited, Blocks: d.blocks(m.Blocks, nil),
	}
	if len(x.Blocks) == 0 {
		x.Text = d.mrkdwn(m.Raw)
	}
	return x
}

// mostAudit bounds what of the audit channel is shown.
const mostAudit = 50

// audit is the audit channel as its members see it.
func (s *Server) audit() auditView {
	d := s.drawer(s.People[0].ID, 9)
	d.prefix = "audit"
	out := auditView{Name: strings.TrimPrefix(s.Audit, "#")}
	for _, m := range s.Workspace.Messages(s.Audit) {
		out.Messages = append(out.Messages, s.message(m, d))
	}
	out.Messages = out.Messages[max(0, len(out.Messages)-mostAudit):]
	return out
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Face is who the tab leads to.
func (t personTab) Face() face { return t.face }
