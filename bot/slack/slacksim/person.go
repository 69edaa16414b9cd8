package slacksim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Errors of what a person tries to do that Slack's clients do not let them do.
var (
	ErrNotThere  = errors.New("slacksim: the person sees no such element")
	ErrAmbiguous = errors.New("slacksim: several elements match; use Near")
	ErrGone      = errors.New("slacksim: the message or view is no longer there")
	ErrNoOption  = errors.New("slacksim: no such option is offered")
	ErrCannot    = errors.New("slacksim: the client does not let the person do this")
)

// Person acts as a member does with Slack's own client. Methods that reach the app wait for its ack, at most 3 s.
type Person struct {
	w  *Workspace
	id string
}

// As returns the hands and eyes of a member.
func (w *Workspace) As(user string) *Person { return &Person{w, user} }

// ID is the person's user id.
func (p *Person) ID() string { return p.id }

// Surface is something with elements that a person sees: a Message or a View.
type Surface interface{ surface() ref }

// ref finds the current state of a surface.
type ref struct {
	view        string
	channel, ts string
	blocks      []Block // as the snapshot has them
}

func (m Message) surface() ref { return ref{channel: m.Channel, ts: m.TS, blocks: m.Blocks} }
func (v View) surface() ref    { return ref{view: v.ID, blocks: v.Blocks} }

// stage is the current state of a surface. The workspace is locked while it is used.
type stage struct {
	view    *view
	message *message
	channel *channel
	blocks  arr
	values  map[inputKey]any
}

// may refuses acts of people who are not there.
func (p *Person) may() error {
	u := p.w.users[p.id]
	if u == nil || u.Deleted || u.IsBot {
		return fmt.Errorf("%w: %s is not an active person", ErrCannot, p.id)
	}
	return nil
}

func (p *Person) stage(s Surface) (stage, error) {
	if err := p.may(); err != nil {
		return stage{}, err
	}
	r := s.surface()
	if r.view != "" {
		v := p.w.views[r.view]
		switch {
		case v == nil || v.user != p.id:
			return stage{}, ErrGone
		case v.kind == "modal" && p.w.top(p.id) != v:
			return stage{}, fmt.Errorf("%w: another view lies on top", ErrCannot)
		}
		return stage{view: v, blocks: v.blocks, values: v.values}, nil
	}
	ch := p.w.channels[r.channel]
	if ch == nil || (ch.Private && !ch.hasMember(p.id)) {
		return stage{}, ErrGone
	}
	for _, m := range slices.Concat(ch.messages, ch.ephemerals) {
		if m.ts == r.ts && (m.ephemeralTo == "" || m.ephemeralTo == p.id) {
			return stage{message: m, channel: ch, blocks: m.blocks, values: m.of(p.id)}, nil
		}
	}
	return stage{}, ErrGone
}

// Near picks, of several elements with one label, those under the heading or in the block whose text contains it.
type Near string

// found is one element and, for an overflow menu, the option that is pressed.
type found struct {
	b, e   obj
	option obj
	near   string
}

// lookAt finds the element that Element.Ref or OptionRef names.
func (p *Person) lookAt(list arr, ref []string, wanted func(kind string) bool) (found, error) {
	f, err := exact(list, inputKey{ref[0], ref[1]})
	if err != nil || !wanted(str0(f.e["type"])) {
		return found{}, fmt.Errorf("%w: %q", ErrNotThere, ref[1])
	}
	if len(ref) == 2 {
		return f, nil
	}
	for _, o := range optionsOfOverflow(f.e) {
		if str0(o["value"]) == ref[2] {
			f.option = o
			return f, nil
		}
	}
	return found{}, fmt.Errorf("%w: %q in %q", ErrNotThere, ref[2], ref[1])
}

// look finds the element that a person means by a label, or a program by Element.Ref or an action_id.
func (p *Person) look(list arr, label string, near []Near, wanted func(kind string) bool) (found, error) {
	if ref := strings.SplitN(label, refMark, 3); len(ref) > 1 {
		return p.lookAt(list, ref, wanted)
	}
	r := p.w.reader(p.id)
	var byLabel, byID []found
	heading := ""
	spent := false
	eachBlock(list, func(b obj) {
		txt := p.w.blockText(b, r)
		var here []found
		eachElement(arr{b}, func(in, e obj) {
			if in["block_id"] != b["block_id"] {
				return // an inner block comes by itself
			}
			if kind := str0(e["type"]); wanted(kind) {
				here = append(here, found{b: in, e: e})
			}
		})
		if b["type"] == "divider" || (spent && len(here) == 0) || (b["type"] == "section" && len(here) > 0) {
			heading, spent = "", false
		}
		heading += "\n" + txt
		spent = spent || len(here) > 0
		for _, f := range here {
			f.near = heading
			shown := p.w.showElement(f.b, f.e, nil, r)
			for _, o := range optionsOfOverflow(f.e) {
				if textOf(o["text"], r) == label {
					g := f
					g.option = o
					byLabel = append(byLabel, g)
				}
			}
			if shown.Label == label || shown.Placeholder == label && label != "" {
				byLabel = append(byLabel, f)
			}
			if shown.ActionID == label {
				byID = append(byID, f)
			}
		}
	})
	all := byLabel
	if len(all) == 0 {
		all = byID
	}
	for _, n := range near {
		all = slices.DeleteFunc(all, func(f found) bool { return !strings.Contains(f.near, string(n)) })
	}
	switch len(all) {
	case 0:
		return found{}, fmt.Errorf("%w: %q among %q", ErrNotThere, label, p.labels(list))
	case 1:
		return all[0], nil
	}
	return found{}, fmt.Errorf("%w: %d × %q", ErrAmbiguous, len(all), label)
}

func optionsOfOverflow(e obj) []obj {
	if e["type"] != "overflow" {
		return nil
	}
	var out []obj
	for _, v := range optionsOf(e) {
		if o, ok := v.(obj); ok {
			out = append(out, o)
		}
	}
	return out
}

func (p *Person) labels(list arr) []string {
	var out []string
	for _, b := range p.w.showBlocks(list, nil, p.w.reader(p.id)) {
		for _, e := range b.Elements {
			out = append(out, e.Label)
			out = append(out, optionTexts(e.Options)...)
		}
	}
	return out
}

// View returns the modal view that the person sees, false without a modal.
func (p *Person) View() (View, bool) {
	stack := p.Stack()
	if len(stack) == 0 {
		return View{}, false
	}
	return stack[len(stack)-1], true
}

// Stack returns the open modal views, the root first.
func (p *Person) Stack() []View {
	p.w.mu.Lock()
	defer p.w.unlock()
	var out []View
	for _, v := range p.w.stacks[p.id] {
		out = append(out, p.w.showView(v))
	}
	return out
}

// Home returns the home tab that was published for the person, false before that.
func (p *Person) Home() (View, bool) {
	p.w.mu.Lock()
	defer p.w.unlock()
	v := p.w.homes[p.id]
	if v == nil {
		return View{}, false
	}
	return p.w.showView(v), true
}

// Messages returns the messages of a conversation as the person sees them, nil where they are not a member.
func (p *Person) Messages(channel string) []Message {
	p.w.mu.Lock()
	defer p.w.unlock()
	ch := p.w.find(channel)
	if ch == nil || (ch.Private && !ch.hasMember(p.id)) {
		return nil
	}
	return p.w.messages(channel, p.id)
}

// DMs returns the direct messages between the person and the bot, oldest first.
func (p *Person) DMs() []Message {
	id := p.w.DM(p.id)
	if id == "" {
		return nil
	}
	return p.Messages(id)
}

// Ephemerals returns the messages that only this person sees, oldest first.
func (p *Person) Ephemerals() []Message { return p.w.Ephemerals(p.id) }

// Reader renders text as the person reads it, with the names of this moment.
func (p *Person) Reader() Reader {
	p.w.mu.Lock()
	defer p.w.unlock()
	r := p.w.reader(p.id)
	locked := func(f func(string) string) func(string) string {
		return func(id string) string {
			p.w.mu.Lock()
			defer p.w.unlock()
			return f(id)
		}
	}
	r.User, r.Channel, r.Group = locked(r.User), locked(r.Channel), locked(r.Group)
	return r
}

func (p *Person) userJSON() obj {
	u := p.w.users[p.id]
	return obj{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": u.TeamID}
}

func (p *Person) teamJSON() obj {
	return obj{"id": p.w.opts.TeamID, "domain": p.w.opts.TeamDomain}
}

// base is what all interactive payloads have in common.
func (p *Person) base(kind string) obj {
	return obj{
		"type": kind, "user": p.userJSON(), "team": p.teamJSON(), "api_app_id": p.w.opts.AppID, "token": "verification-token",
		"enterprise": nil, "is_enterprise_install": false,
	}
}

// Reply is what a slash command showed.
type Reply struct {
	Message Message // of the ack; zero when the app answered with an empty ack
	Shown   bool
}

// Slash runs a slash command in a conversation (id or #name). The reply holds what the app put into its ack.
// The error is a *UserError when Slack would show one.
func (p *Person) Slash(ctx context.Context, channel, command, text string) (Reply, error) {
	w := p.w
	w.mu.Lock()
	err := p.may()
	ch := w.find(channel)
	if err == nil && (ch == nil || (ch.Private && !ch.hasMember(p.id))) {
		err = fmt.Errorf("%w: %s is not in %s", ErrCannot, p.id, channel)
	}
	if err == nil && !w.commandKnown(command) {
		err = &UserError{"invalid_command", command + " is not a valid command."}
	}
	if w.opts.EscapeCommands {
		text = escaping.Replace(text)
	}
	var hook *responseURL
	var e *envelope
	if err == nil {
		e = w.send("slash_commands", true, nil, func(host string) obj {
			u := w.users[p.id]
			link := w.mintURL(host, "commands", responseURL{user: p.id, channel: ch.ID})
			hook = w.hookOf(link)
			return obj{
				"token": "verification-token", "team_id": w.opts.TeamID, "team_domain": w.opts.TeamDomain, "channel_id": ch.ID,
				"channel_name": channelName(ch), "user_id": u.ID, "user_name": u.Name, "command": command, "text": text,
				"api_app_id": w.opts.AppID, "is_enterprise_install": "false", "response_url": link, "trigger_id": w.mint(p.id, ""),
			}
		})
		if e == nil {
			err = deliveryError()
		}
	}
	w.unlock()
	if err != nil {
		return Reply{}, err
	}
	if err := w.await(ctx, e); err != nil {
		return Reply{}, err
	}
	return p.commandReply(e, hook)
}

func channelName(ch *channel) string {
	switch {
	case ch.isIM():
		return "directmessage"
	case ch.isMPIM():
		return "mpdm"
	case ch.Private:
		return "privategroup"
	}
	return ch.Name
}

func (w *Workspace) commandKnown(command string) bool {
	return strings.HasPrefix(command, "/") && w.granted("commands") &&
		(len(w.opts.Commands) == 0 || slices.Contains(w.opts.Commands, command))
}

func (p *Person) commandReply(e *envelope, hook *responseURL) (Reply, error) {
	w := p.w
	w.mu.Lock()
	defer w.unlock()
	if isVoid(e.ack) {
		return Reply{}, nil
	}
	args, ok := e.ack.(obj)
	c := &call{Workspace: w, method: "ack", args: args, isJSON: true}
	err := fail("invalid_payload")
	if ok {
		err = c.answer(hook, false)
	}
	if err != nil {
		w.violate(InvalidPayload, e.id, "answer to "+e.kind+": "+describe(err))
		return Reply{}, &UserError{"invalid_command_response", "The app answered with something that Slack cannot show."}
	}
	ch := w.channels[hook.channel]
	list := ch.ephemerals
	if c.str("response_type") == "in_channel" {
		list = ch.messages
	}
	return Reply{w.show(list[len(list)-1], p.id), true}, nil
}

// describe is an error with Slack's messages.
func describe(err error) string {
	var e *apiError
	if errors.As(err, &e) && len(e.messages) > 0 {
		return e.Code + ": " + strings.Join(e.messages, "; ")
	}
	return err.Error()
}
