package demo

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"apono/bot/slack/slacksim"
	"apono/flows"
)

// order is what somebody does on the page. Which fields count depends on Do.
type order struct {
	Do      string   `json:"do"` // say, press, type, enter, choose, suggest, submit, close, close_all, home
	Who     string   `json:"who"`
	At      string   `json:"at"`     // conversation, or "app"
	Thread  string   `json:"thread"` // say: into this thread
	View    string   `json:"view"`   // where the element is: a view
	Channel string   `json:"channel"`
	TS      string   `json:"ts"` // or a message
	Block   string   `json:"block"`
	Action  string   `json:"action"`
	Option  string   `json:"option"` // of a menu that is pressed
	Text    string   `json:"text"`
	Values  []string `json:"values"`
}

// outcome is the answer to an order. What changed comes over the event stream.
type outcome struct {
	Error   string   `json:"error,omitempty"` // a sentence
	Options []choice `json:"options,omitempty"`
}

type choice struct {
	Text        string `json:"text"`
	Value       string `json:"value"`
	Description string `json:"description,omitempty"`
	Group       string `json:"group,omitempty"`
}

const maxOrder = 256 << 10 // bytes

// read takes the JSON of an order. Anything but JSON needs no leave from a browser to be sent from elsewhere.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" {
		http.Error(w, "An order is application/json.", http.StatusUnsupportedMediaType)
		return false
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxOrder))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		http.Error(w, "The order cannot be read.", http.StatusBadRequest)
		return false
	}
	return true
}

func (s *Server) serveAct(w http.ResponseWriter, r *http.Request) {
	var o order
	if !read(w, r, &o) {
		return
	}
	var out outcome
	if !s.known(o.Who) {
		out.Error = "Nobody of this name is in the workspace."
	} else if err := s.act(r.Context(), s.Workspace.As(o.Who), o, &out); err != nil {
		out.Error = s.sentence(r.Context(), err)
	}
	s.hub.poke()
	answer(w, out)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the page may be gone
}

func (s *Server) known(id string) bool {
	return slices.ContainsFunc(s.People, func(p Person) bool { return p.ID == id })
}

// sentence is what the page tells the person.
func (s *Server) sentence(ctx context.Context, err error) string {
	user, isUser := errors.AsType[*slacksim.UserError](err)
	switch {
	case isUser:
		return user.Text + " (" + user.Code + ")"
	case errors.Is(err, slacksim.ErrGone):
		return "That is no longer there."
	case errors.Is(err, slacksim.ErrNotThere):
		return "That is no longer there: it changed meanwhile."
	case errors.Is(err, slacksim.ErrNoOption):
		return "That can no longer be chosen."
	case errors.Is(err, slacksim.ErrCannot):
		return "Slack does not let people do this here."
	}
	s.Log.WarnContext(ctx, "an order failed", "err", err)
	return "That did not work: " + err.Error()
}

// act does what is ordered, as the person could in Slack.
func (s *Server) act(ctx context.Context, p *slacksim.Person, o order, out *outcome) error {
	switch o.Do {
	case "say":
		return s.say(ctx, p, o)
	case "home":
		return p.OpenHome() //nolint:contextcheck // Slack delivers the event when it likes
	case "close_all":
		return p.CloseAll(ctx)
	}
	on, err := surface(p, o)
	if err != nil {
		return err
	}
	ref := slacksim.Element{BlockID: o.Block, ActionID: o.Action}
	switch o.Do {
	case "press":
		if o.Option != "" {
			return p.Click(ctx, on, ref.OptionRef(slacksim.Option{Value: o.Option}))
		}
		return p.Click(ctx, on, ref.Ref())
	case "type":
		return p.Type(ctx, on, ref.Ref(), o.Text)
	case "enter":
		return p.PressEnter(ctx, on, ref.Ref())
	case "choose":
		return p.Choose(ctx, on, ref.Ref(), o.Values...)
	case "suggest":
		options, err := p.Suggest(ctx, on, ref.Ref(), o.Text)
		for _, x := range options {
			out.Options = append(out.Options, choice{x.Text, x.Value, x.Description, x.Group})
		}
		return err
	}
	v, ok := on.(slacksim.View)
	switch {
	case ok && o.Do == "submit":
		_, err = p.Submit(ctx, v)
		return err
	case ok && o.Do == "close":
		return p.CloseView(ctx, v)
	}
	return slacksim.ErrCannot
}

// surface finds what the order is about, as the person sees it now.
func surface(p *slacksim.Person, o order) (slacksim.Surface, error) {
	if o.View != "" {
		views := p.Stack()
		if home, ok := p.Home(); ok {
			views = append(views, home)
		}
		for _, v := range views {
			if v.ID == o.View {
				return v, nil
			}
		}
		return nil, slacksim.ErrGone
	}
	for _, m := range append(p.Messages(o.Channel), p.Ephemerals()...) {
		if m.Channel == o.Channel && m.TS == o.TS {
			return m, nil
		}
	}
	return nil, slacksim.ErrGone
}

// say sends what was typed into the box under a conversation: a command where it begins with a slash.
func (s *Server) say(ctx context.Context, p *slacksim.Person, o order) error {
	text := strings.TrimSpace(o.Text)
	if text == "" {
		return nil
	}
	at := o.At
	if at == atApp {
		var err error
		if at, err = s.dm(p); err != nil { //nolint:contextcheck // Slack delivers the event when it likes
			return err
		}
	}
	if strings.HasPrefix(text, "/") {
		command, rest, _ := strings.Cut(text, " ")
		_, err := p.Slash(ctx, at, command, strings.TrimSpace(rest))
		return err
	}
	if o.Thread != "" {
		_, err := p.Answer(slacksim.Message{Channel: at, TS: o.Thread}, text) //nolint:contextcheck // Slack delivers the event when it likes
		return err
	}
	_, err := p.Send(at, text) //nolint:contextcheck // Slack delivers the event when it likes
	return err
}

// dm is the person's conversation with the bot, opened if need be.
func (s *Server) dm(p *slacksim.Person) (string, error) {
	if id := s.Workspace.DM(p.ID()); id != "" {
		return id, nil
	}
	if err := p.OpenMessages(); err != nil {
		return "", err
	}
	return s.Workspace.DM(p.ID()), nil
}

// step is an order to move the time.
type step struct {
	Minutes int  `json:"minutes"`
	ToEnd   bool `json:"to_end"`
}

// mostMinutes is how far the time moves at once.
const mostMinutes = 7 * 24 * 60

func (s *Server) serveTime(w http.ResponseWriter, r *http.Request) {
	var o step
	if !read(w, r, &o) {
		return
	}
	d := time.Duration(o.Minutes) * time.Minute
	if o.ToEnd {
		end, ok := s.nextEnd()
		if !ok {
			answer(w, outcome{Error: "Nothing is granted at the moment, so there is no end to go to."})
			return
		}
		d = end.Sub(s.Now())
	} else if o.Minutes < 1 || o.Minutes > mostMinutes {
		answer(w, outcome{Error: "The time moves forward only, by a week at most."})
		return
	}
	s.Advance(max(d, 0))
	s.hub.poke()
	answer(w, outcome{})
}

// nextEnd is when the next access ends by its own time.
func (s *Server) nextEnd() (end time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.latest.requests {
		if r.State == flows.StateActive && !r.EndsAt.IsZero() && (!ok || r.EndsAt.Before(end)) {
			end, ok = r.EndsAt, true
		}
	}
	return end, ok
}
