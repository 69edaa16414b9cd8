package slacksim

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Submission is what a person sees after pressing Submit.
type Submission struct {
	// Errors under the fields, by label. Not empty means that the view stays open as it was.
	Errors map[string]string
	Closed bool // this view is closed; another of the stack may show
	// Updated and Pushed are the view that replaced this one or lies on top of it now.
	Updated, Pushed *View
	Cleared         bool // the whole modal is closed
}

// Submit presses the submit button of the view on top. What Slack's client checks by itself (required fields, lengths,
// forms of addresses and numbers) is answered without asking the app.
func (p *Person) Submit(ctx context.Context, v View) (Submission, error) {
	w := p.w
	w.mu.Lock()
	st, err := p.stage(v)
	switch {
	case err == nil && (st.view.kind != "modal" || st.view.raw["submit"] == nil):
		err = fmt.Errorf("%w: the view has no submit button", ErrCannot)
	case err == nil && st.view.submitting:
		err = fmt.Errorf("%w: the view is being submitted", ErrCannot)
	}
	if err != nil {
		w.unlock()
		return Submission{}, err
	}
	if wrong := p.clientErrors(st.view); len(wrong) > 0 {
		st.view.errors = wrong
		w.unlock()
		return Submission{Errors: p.byLabel(st.view, wrong)}, nil
	}
	st.view.errors, st.view.submitting = nil, true
	e := w.send("interactive", true, nil, func(host string) obj {
		out := p.base("view_submission")
		out["trigger_id"] = w.mint(p.id, st.view.id)
		out["view"] = w.viewJSON(st.view)
		out["response_urls"] = p.responseURLs(host, st)
		return out
	})
	w.unlock()
	if e == nil {
		err = deliveryError()
	} else {
		err = w.await(ctx, e)
	}
	w.mu.Lock()
	defer w.unlock()
	st.view.submitting = false
	if err != nil {
		return Submission{}, err
	}
	return p.submitted(st.view, e)
}

// responseURLs are sent for menus with response_url_enabled.
func (p *Person) responseURLs(host string, st stage) arr {
	out := arr{}
	eachElement(st.blocks, func(b, e obj) {
		id, _ := st.values[keyOf(b, e)].(string)
		if e["response_url_enabled"] == true && id != "" {
			out = append(out, obj{
				"block_id": b["block_id"], "action_id": e["action_id"], "channel_id": id,
				"response_url": p.w.mintURL(host, "actions", responseURL{user: p.id, channel: id}),
			})
		}
	})
	return out
}

// clientErrors is what the client finds wrong before it asks the app, by block_id.
func (p *Person) clientErrors(v *view) map[string]string {
	out := map[string]string{}
	eachElement(v.blocks, func(b, e obj) {
		if b["type"] != "input" {
			return
		}
		value := v.values[keyOf(b, e)]
		if isEmpty(value) {
			if b["optional"] != true {
				out[str0(b["block_id"])] = "Please complete this required field."
			}
			return
		}
		if s, ok := value.(string); ok {
			if msg := textError(e, s); msg != "" {
				out[str0(b["block_id"])] = msg
			}
		}
	})
	return out
}

func textError(e obj, s string) string {
	switch e["type"] {
	case "plain_text_input":
		n := utf16Len(s)
		if least, ok := asInt(e["min_length"]); ok && n < least {
			return "Please enter at least " + strconv.Itoa(least) + " characters."
		}
		most, ok := asInt(e["max_length"])
		if !ok {
			most = 3000
		}
		if n > most {
			return "Please enter at most " + strconv.Itoa(most) + " characters."
		}
	case "email_text_input":
		if !mailForm.MatchString(s) {
			return "Please enter a valid email address."
		}
	case "url_text_input":
		if !imageForm.MatchString(s) {
			return "Please enter a valid URL."
		}
	case "number_input":
		c := newChecker(onModal)
		probe := obj{"is_decimal_allowed": e["is_decimal_allowed"], "initial_value": s}
		for _, k := range []string{"min_value", "max_value"} {
			if v, ok := e[k]; ok {
				probe[k] = v
			}
		}
		numberRules(c, probe, "")
		if len(c.problems) > 0 {
			return "Please enter a valid number."
		}
	}
	return ""
}

func (p *Person) byLabel(v *view, byBlock map[string]string) map[string]string {
	out := map[string]string{}
	r := p.w.reader(p.id)
	eachBlock(v.blocks, func(b obj) {
		if msg, ok := byBlock[str0(b["block_id"])]; ok {
			out[textOf(b["label"], r)] = msg
		}
	})
	return out
}

// submitted does what the ack of a view_submission says.
func (p *Person) submitted(v *view, e *envelope) (Submission, error) {
	w := p.w
	if p.w.views[v.id] == nil {
		return Submission{Closed: true}, nil // closed or replaced meanwhile
	}
	if isVoid(e.ack) {
		w.pop(p.id)
		return Submission{Closed: true}, nil
	}
	o, _ := e.ack.(obj)
	sub, err := p.responseAction(v, o)
	if err != nil {
		w.violate(InvalidPayload, e.id, "response_action: "+describe(err))
		return Submission{}, &UserError{"invalid_response", "We had some trouble connecting. Try again?"}
	}
	return sub, nil
}

var responseProps = map[string][]string{
	"errors": {"response_action", "errors"},
	"update": {"response_action", "view"},
	"push":   {"response_action", "view"},
	"clear":  {"response_action"},
}

func (p *Person) responseAction(v *view, o obj) (Submission, error) {
	w := p.w
	kind := str0(o["response_action"])
	allowed, known := responseProps[kind]
	if !known {
		return Submission{}, argument("must be one of errors, update, push, clear", "/response_action")
	}
	c := newChecker(onModal)
	onlyProps(c, o, allowed, "")
	if len(c.problems) > 0 {
		return Submission{}, &apiError{Code: "invalid_arguments", messages: problemTexts(c.problems)}
	}
	switch kind {
	case "errors":
		return p.showErrors(v, o["errors"])
	case "clear":
		w.dropStack(p.id)
		w.changed(Change{Kind: "view", User: p.id})
		return Submission{Closed: true, Cleared: true}, nil
	}
	if err := checkView(o["view"], onModal); err != nil {
		return Submission{}, err
	}
	raw := clone(o["view"].(obj))
	if kind == "push" {
		if err := w.freeExternal(raw, nil); err != nil {
			return Submission{}, err
		}
		next, err := w.push(p.id, raw)
		if err != nil {
			return Submission{}, err
		}
		shown := w.showView(next)
		return Submission{Pushed: &shown}, nil
	}
	if err := w.freeExternal(raw, v); err != nil {
		return Submission{}, err
	}
	w.setView(v, raw)
	w.changed(Change{Kind: "view", User: p.id, View: v.id})
	shown := w.showView(v)
	return Submission{Updated: &shown}, nil
}

// showErrors puts errors under fields. Slack takes block_ids of input blocks of this view only.
func (p *Person) showErrors(v *view, given any) (Submission, error) {
	byBlock, ok := given.(obj)
	if !ok || len(byBlock) == 0 {
		return Submission{}, argument("must provide an object with at least one error", "/errors")
	}
	inputs := map[string]bool{}
	eachBlock(v.blocks, func(b obj) { inputs[str0(b["block_id"])] = b["type"] == "input" })
	wrong := map[string]string{}
	for id, msg := range byBlock {
		s, isText := msg.(string)
		switch {
		case !inputs[id]:
			return Submission{}, argument("is not the block_id of an input block", "/errors/"+id)
		case !isText || strings.TrimSpace(s) == "":
			return Submission{}, argument("must be more than 0 characters", "/errors/"+id)
		}
		wrong[id] = s
	}
	v.errors = wrong
	p.w.changed(Change{Kind: "view", User: p.id, View: v.id})
	return Submission{Errors: p.byLabel(v, wrong)}, nil
}

// CloseView presses the close button of the view on top. With clear_on_close the whole modal closes.
// The app hears of each view that asked for it (notify_on_close).
func (p *Person) CloseView(ctx context.Context, v View) error {
	p.w.mu.Lock()
	st, err := p.stage(v)
	if err == nil && st.view.kind != "modal" {
		err = fmt.Errorf("%w: a home tab does not close", ErrCannot)
	}
	if err != nil {
		p.w.unlock()
		return err
	}
	if st.view.clear {
		p.w.unlock()
		return p.CloseAll(ctx)
	}
	shown := p.w.viewJSON(st.view)
	notify := st.view.notify
	p.w.pop(p.id)
	p.w.unlock()
	if !notify {
		return nil
	}
	return p.viewClosed(ctx, shown, false)
}

// CloseAll closes the whole modal, as the X of a stack does.
func (p *Person) CloseAll(ctx context.Context) error {
	p.w.mu.Lock()
	err := p.may()
	var told []obj
	for _, v := range p.w.stacks[p.id] {
		if v.notify {
			told = append(told, p.w.viewJSON(v))
		}
	}
	p.w.dropStack(p.id)
	p.w.changed(Change{Kind: "view", User: p.id})
	p.w.unlock()
	for _, v := range told {
		if e := p.viewClosed(ctx, v, true); err == nil {
			err = e
		}
	}
	return err
}

func (p *Person) viewClosed(ctx context.Context, shown obj, cleared bool) error {
	e, err := p.w.exchangeEnvelope(ctx, "interactive", func(string) obj {
		out := p.base("view_closed")
		out["view"], out["is_cleared"] = shown, cleared
		return out
	})
	if err != nil {
		return err
	}
	p.wantVoid(e, "view_closed")
	return nil
}

// OpenHome opens the app's home tab: the app gets app_home_opened with the view it published last.
func (p *Person) OpenHome() error { return p.openTab("home") }

// OpenMessages opens the messages tab of the app, which is the direct conversation with the bot.
func (p *Person) OpenMessages() error { return p.openTab("messages") }

func (p *Person) openTab(tab string) error {
	p.w.mu.Lock()
	defer p.w.unlock()
	if err := p.may(); err != nil {
		return err
	}
	body := obj{"type": "app_home_opened", "user": p.id, "channel": p.w.dm(p.id).ID, "tab": tab, "event_ts": p.w.ids.ts()}
	if v := p.w.homes[p.id]; v != nil && tab == "home" {
		body["view"] = p.w.viewJSON(v)
	}
	p.w.emit(body, "app_home_opened")
	return nil
}

// Shortcut runs a global shortcut of the app.
func (p *Person) Shortcut(ctx context.Context, callbackID string) error {
	return p.shortcut(ctx, "shortcut", callbackID, nil)
}

// MessageShortcut runs a shortcut of the app on a message.
func (p *Person) MessageShortcut(ctx context.Context, m Message, callbackID string) error {
	return p.shortcut(ctx, "message_action", callbackID, &m)
}

func (p *Person) shortcut(ctx context.Context, kind, callbackID string, m *Message) error {
	p.w.mu.Lock()
	err := p.may()
	var st stage
	if err == nil && m != nil {
		st, err = p.stage(*m)
	}
	p.w.unlock()
	if err != nil {
		return err
	}
	e, err := p.w.exchangeEnvelope(ctx, "interactive", func(host string) obj {
		out := p.base(kind)
		out["callback_id"], out["action_ts"], out["trigger_id"] = callbackID, p.w.ids.ts(), p.w.mint(p.id, "")
		if m != nil {
			out["channel"] = obj{"id": m.Channel, "name": channelName(st.channel)}
			out["message_ts"], out["message"] = m.TS, p.w.messageJSON(st.message)
			out["response_url"] = p.w.mintURL(host, "actions", responseURL{user: p.id, channel: m.Channel, ts: m.TS})
		}
		return out
	})
	if err != nil {
		return err
	}
	p.wantVoid(e, kind)
	return nil
}
