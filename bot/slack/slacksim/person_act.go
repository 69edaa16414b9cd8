package slacksim

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func pressable(kind string) bool {
	return kind != "" && kind != "image" && !elements[kind].stateful
}

func holdsValue(kind string) bool { return elements[kind].stateful }

// Click presses a button, or the option of an overflow menu, that the person sees now: by its text, else by action_id.
// Confirmation dialogs are confirmed.
func (p *Person) Click(ctx context.Context, s Surface, label string, near ...Near) error {
	return p.click(ctx, s, label, near, false)
}

// ClickStale presses what the snapshot shows, even if the message was edited since: the click was on its way, or the
// person's client was behind. It works on messages only.
func (p *Person) ClickStale(ctx context.Context, m Message, label string, near ...Near) error {
	return p.click(ctx, m, label, near, true)
}

func (p *Person) click(ctx context.Context, s Surface, label string, near []Near, stale bool) error {
	p.w.mu.Lock()
	st, err := p.stage(s)
	if err == nil && stale {
		st.blocks = rawBlocks(s.surface().blocks)
	}
	var f found
	if err == nil {
		f, err = p.look(st.blocks, label, near, pressable)
	}
	if err != nil {
		p.w.unlock()
		return err
	}
	act := obj{"action_id": f.e["action_id"], "block_id": f.b["block_id"], "type": f.e["type"]}
	if f.e["type"] == "overflow" {
		if f.option == nil {
			p.w.unlock()
			return fmt.Errorf("%w: %q is a menu; press one of its options", ErrCannot, label)
		}
		act["selected_option"] = clone(f.option)
	} else {
		act["text"] = clone(f.e["text"])
		if v, ok := f.e["value"]; ok {
			act["value"] = v
		}
	}
	return p.act(ctx, st, act) // unlocks
}

func rawBlocks(list []Block) arr {
	var out arr
	for _, b := range list {
		out = append(out, any(b.Raw))
	}
	return out
}

// act sends block_actions for one element and waits for the ack. It unlocks the workspace.
func (p *Person) act(ctx context.Context, st stage, action obj) error {
	w := p.w
	action["action_ts"] = w.ids.ts()
	e := w.send("interactive", true, nil, func(host string) obj {
		out := p.base("block_actions")
		out["actions"] = arr{action}
		out["state"] = stateJSON(st.blocks, st.values)
		p.addPlace(out, st)
		if st.view != nil {
			id := ""
			if st.view.kind == "modal" {
				id = st.view.id
			}
			out["trigger_id"] = w.mint(p.id, id)
			return out
		}
		out["trigger_id"] = w.mint(p.id, "")
		out["response_url"] = w.mintURL(host, "actions", responseURL{
			user: p.id, channel: st.channel.ID, ts: st.message.ts, ephemeral: st.message.ephemeralTo != "",
		})
		return out
	})
	w.unlock()
	if e == nil {
		return deliveryError()
	}
	if err := w.await(ctx, e); err != nil {
		return err
	}
	p.wantVoid(e, "block_actions")
	return nil
}

// wantVoid notes a payload in an ack where Slack reads none.
func (p *Person) wantVoid(e *envelope, what string) {
	if isVoid(e.ack) {
		return
	}
	p.w.mu.Lock()
	defer p.w.unlock()
	p.w.violate(UnexpectedPayload, e.id, "Slack ignores the payload of an ack for "+what)
}

// addPlace says where an interaction happened: container, and view or message and channel.
func (p *Person) addPlace(out obj, st stage) {
	w := p.w
	if st.view != nil {
		out["container"] = obj{"type": "view", "view_id": st.view.id}
		out["view"] = w.viewJSON(st.view)
		return
	}
	m := st.message
	box := obj{"type": "message", "message_ts": m.ts, "channel_id": m.channel, "is_ephemeral": m.ephemeralTo != ""}
	if m.thread != "" {
		box["thread_ts"] = m.thread
	}
	out["container"] = box
	out["channel"] = obj{"id": m.channel, "name": channelName(st.channel)}
	if m.ephemeralTo == "" { // Slack does not send the content of ephemeral messages back
		out["message"] = w.messageJSON(m)
	}
}

// Type enters text into a field (label, placeholder or action_id), replacing what was there.
// A number, address or date that the client would not take is refused at Submit, as in Slack.
// The app hears of it at once only if the field dispatches on typed characters.
func (p *Person) Type(ctx context.Context, s Surface, label, text string, near ...Near) error {
	return p.typeIn(ctx, s, label, text, near, "on_character_entered")
}

// PressEnter presses Enter in a text field; the app hears of it if the field dispatches on Enter, which is the default
// of a field that dispatches.
func (p *Person) PressEnter(ctx context.Context, s Surface, label string, near ...Near) error {
	return p.typeIn(ctx, s, label, "", near, "on_enter_pressed")
}

func (p *Person) typeIn(ctx context.Context, s Surface, label, text string, near []Near, on string) error {
	p.w.mu.Lock()
	st, err := p.stage(s)
	var f found
	if err == nil {
		f, err = p.look(st.blocks, label, near, func(kind string) bool { return nothing[kind].field == "value" || kind == "rich_text_input" })
	}
	if err != nil {
		p.w.unlock()
		return err
	}
	k := keyOf(f.b, f.e)
	if on == "on_character_entered" {
		st.values[k] = p.entered(f.e, text)
		p.w.changed(Change{Kind: "view", User: p.id})
	}
	triggers := arr{"on_enter_pressed"}
	if cfg, ok := f.e["dispatch_action_config"].(obj); ok {
		triggers, _ = cfg["trigger_actions_on"].(arr)
	}
	if f.b["dispatch_action"] != true || !slices.Contains(triggers, any(on)) {
		p.w.unlock()
		return nil
	}
	act := obj{"action_id": f.e["action_id"], "block_id": f.b["block_id"], "type": f.e["type"]}
	act[nothing[str0(f.e["type"])].field] = clone(st.values[k])
	return p.act(ctx, st, act)
}

// entered is typed text as the state holds it; an empty field is null.
func (p *Person) entered(e obj, text string) any {
	switch {
	case text == "":
		return nil
	case e["type"] == "rich_text_input":
		return obj{"type": "rich_text", "elements": arr{obj{"type": "rich_text_section", "elements": arr{obj{"type": "text", "text": text}}}}}
	}
	return text
}

// Choose sets what is selected in a menu, date picker, radio group or checkboxes to exactly the given choices: options by
// their text (or value), dates as 2006-01-02, times as 15:04, people and channels by id or name. None clears it.
// For an external menu the app is asked for its options.
func (p *Person) Choose(ctx context.Context, s Surface, label string, choices ...string) error {
	return p.choose(ctx, s, label, nil, choices)
}

// ChooseNear is Choose among several elements with one label.
func (p *Person) ChooseNear(ctx context.Context, s Surface, label string, near Near, choices ...string) error {
	return p.choose(ctx, s, label, []Near{near}, choices)
}

func (p *Person) choose(ctx context.Context, s Surface, label string, near []Near, choices []string) error {
	p.w.mu.Lock()
	st, err := p.stage(s)
	var f found
	if err == nil {
		f, err = p.look(st.blocks, label, near, func(kind string) bool { return holdsValue(kind) && nothing[kind].field != "value" })
	}
	kind := str0(f.e["type"])
	if err == nil && len(choices) > 1 && !nothing[kind].many {
		err = fmt.Errorf("%w: %q takes one choice", ErrCannot, label)
	}
	if most, ok := asInt(f.e["max_selected_items"]); err == nil && ok && len(choices) > most {
		err = fmt.Errorf("%w: %q takes at most %d", ErrCannot, label, most)
	}
	p.w.unlock()
	if err != nil {
		return err
	}
	picked := arr{}
	for _, c := range choices {
		v, err := p.pick(ctx, s, f, c)
		if err != nil {
			return err
		}
		picked = append(picked, v)
	}
	return p.settle(ctx, s, f, picked)
}

// settle stores a selection and dispatches it.
func (p *Person) settle(ctx context.Context, s Surface, was found, picked arr) error {
	p.w.mu.Lock()
	st, err := p.stage(s)
	var f found
	if err == nil { // the view may have changed while options were fetched
		f, err = p.look(st.blocks, str0(was.e["action_id"]), nil, func(string) bool { return true })
		if err != nil || keyOf(f.b, f.e) != keyOf(was.b, was.e) {
			f, err = exact(st.blocks, keyOf(was.b, was.e))
		}
	}
	if err != nil {
		p.w.unlock()
		return err
	}
	kind := str0(f.e["type"])
	var value any
	switch {
	case nothing[kind].many:
		value = picked
	case len(picked) == 1:
		value = picked[0]
	}
	st.values[keyOf(f.b, f.e)] = value
	p.w.changed(Change{Kind: "view", User: p.id})
	if f.b["type"] == "input" && f.b["dispatch_action"] != true {
		p.w.unlock()
		return nil
	}
	act := obj{"action_id": f.e["action_id"], "block_id": f.b["block_id"], "type": kind, nothing[kind].field: cloneAny(value)}
	if v, ok := f.e[nothing[kind].initial]; ok {
		act[nothing[kind].initial] = clone(v)
	}
	if v, ok := f.e["placeholder"]; ok {
		act["placeholder"] = clone(v)
	}
	return p.act(ctx, st, act)
}

func cloneAny(v any) any {
	if v == nil {
		return nil
	}
	return clone(v)
}

func exact(list arr, k inputKey) (f found, err error) {
	err = ErrNotThere
	eachElement(list, func(b, e obj) {
		if keyOf(b, e) == k {
			f, err = found{b: b, e: e}, nil
		}
	})
	return f, err
}

var wholeNumber = regexp.MustCompile(`^\d{9,10}$`)

// pick turns what a person chooses into what the state holds.
func (p *Person) pick(ctx context.Context, s Surface, f found, choice string) (any, error) {
	kind := str0(f.e["type"])
	bad := fmt.Errorf("%w: %q in %s", ErrNoOption, choice, kind)
	switch kind {
	case "external_select", "multi_external_select":
		return p.pickExternal(ctx, s, f, choice)
	case "datepicker":
		if _, err := time.Parse(time.DateOnly, choice); err != nil {
			return nil, bad
		}
		return choice, nil
	case "timepicker":
		if !clockForm.MatchString(choice) {
			return nil, bad
		}
		return choice, nil
	case "datetimepicker":
		if !wholeNumber.MatchString(choice) {
			return nil, bad
		}
		return json.Number(choice), nil
	}
	p.w.mu.Lock()
	defer p.w.unlock()
	if strings.Contains(kind, "users") || strings.Contains(kind, "channels") || strings.Contains(kind, "conversations") {
		if id := p.w.idOf(choice); id != "" {
			return id, nil
		}
		return nil, bad
	}
	r := p.w.reader(p.id)
	for _, byValue := range []bool{false, true} {
		for _, o := range optionsOf(f.e) {
			o, _ := o.(obj)
			if (!byValue && textOf(o["text"], r) == choice) || (byValue && o["value"] == choice) {
				return clone(o), nil
			}
		}
	}
	return nil, fmt.Errorf("%w of %q", bad, optionTexts(showOptions(f.e, r)))
}

// idOf finds a person or channel by id, @name or #name.
func (w *Workspace) idOf(s string) string {
	if w.users[s] != nil || w.channels[s] != nil {
		return s
	}
	name := strings.TrimLeft(s, "@#")
	for _, id := range sortedKeys(w.users) {
		if u := w.users[id]; !u.Deleted && (u.Name == name || u.RealName == name || u.DisplayName == name) {
			return id
		}
	}
	if c := w.find(name); c != nil {
		return c.ID
	}
	return ""
}

// Suggest types a query into an external menu and returns what the app offers. An answer that Slack would silently show
// as "no results" is an error here, and a violation.
func (p *Person) Suggest(ctx context.Context, s Surface, label, query string, near ...Near) ([]Option, error) {
	p.w.mu.Lock()
	st, err := p.stage(s)
	var f found
	if err == nil {
		f, err = p.look(st.blocks, label, near, func(kind string) bool { return strings.HasSuffix(kind, "external_select") })
	}
	p.w.unlock()
	if err != nil {
		return nil, err
	}
	answer, err := p.suggest(ctx, s, f, query)
	if err != nil {
		return nil, err
	}
	p.w.mu.Lock()
	defer p.w.unlock()
	return showOptions(answer, p.w.reader(p.id)), nil
}

func minQuery(e obj) int {
	if n, ok := asInt(e["min_query_length"]); ok {
		return n
	}
	return 3
}

// suggest does one block_suggestion round trip.
func (p *Person) suggest(ctx context.Context, s Surface, f found, query string) (obj, error) {
	if least := minQuery(f.e); utf16Len(query) < least {
		return nil, fmt.Errorf("%w: the menu asks from %d characters on", ErrCannot, least)
	}
	p.w.mu.Lock()
	st, err := p.stage(s)
	if err != nil {
		p.w.unlock()
		return nil, err
	}
	e := p.w.send("interactive", true, nil, func(string) obj {
		out := p.base("block_suggestion")
		out["action_id"], out["block_id"], out["value"] = f.e["action_id"], f.b["block_id"], query
		p.addPlace(out, st)
		return out
	})
	p.w.unlock()
	if e == nil {
		return nil, deliveryError()
	}
	if err := p.w.await(ctx, e); err != nil {
		return nil, err
	}
	answer, err := checkSuggestions(e.ack)
	if err != nil {
		p.w.mu.Lock()
		defer p.w.unlock()
		p.w.violate(BadSuggestions, e.id, describe(err))
		return nil, &UserError{"no_results", "No results: " + describe(err)}
	}
	if st.view != nil {
		p.w.mu.Lock()
		defer p.w.unlock()
		if st.view.offered == nil {
			st.view.offered = map[inputKey]arr{}
		}
		st.view.offered[keyOf(f.b, f.e)] = optionsOf(answer)
	}
	return answer, nil
}

// inSight finds an option by its value among what is chosen already and what the open menu shows. The client has those;
// it need not ask again.
func (p *Person) inSight(s Surface, f found, value string) (any, bool) {
	p.w.mu.Lock()
	defer p.w.unlock()
	st, err := p.stage(s)
	if err != nil || st.view == nil {
		return nil, false
	}
	k := keyOf(f.b, f.e)
	chosen, _ := st.values[k].(arr)
	for _, o := range slices.Concat(chosen, st.view.offered[k]) {
		if o, _ := o.(obj); o["value"] == value {
			return clone(o), true
		}
	}
	return nil, false
}

// suggestions is what an ack of block_suggestion has to be.
var suggestions = object{
	props: map[string]rule{
		"options":       list{max: 100, of: menuOption},
		"option_groups": list{max: 100, of: object{props: map[string]rule{"label": text{max: 75, plain: true}, "options": list{max: 100, of: menuOption}}, need: []string{"label", "options"}}},
	},
	also: func(c *checker, o obj, at string) {
		_, flat := o["options"]
		_, grouped := o["option_groups"]
		if flat == grouped {
			c.add(at, "must define either `options` or `option_groups`")
		}
		uniqueValues(c, optionsOf(o), at+"/options")
	},
}

func checkSuggestions(v any) (obj, error) {
	c := newChecker(onModal)
	suggestions.check(c, v, "")
	if len(c.problems) > 0 {
		return nil, &apiError{Code: "invalid_options", messages: problemTexts(c.problems)}
	}
	return v.(obj), nil
}

// pickExternal looks for an option in what the app offers, first in the list shown on opening, then by typing.
func (p *Person) pickExternal(ctx context.Context, s Surface, f found, choice string) (any, error) {
	if o, ok := p.inSight(s, f, choice); ok {
		return o, nil
	}
	queries := []string{choice}
	if minQuery(f.e) == 0 {
		queries = []string{"", choice}
	}
	var seen []string
	for _, q := range queries {
		answer, err := p.suggest(ctx, s, f, q)
		if err != nil {
			return nil, err
		}
		for _, o := range optionsOf(answer) {
			o, _ := o.(obj)
			t := textOf(o["text"], Reader{})
			if t == choice || o["value"] == choice {
				return clone(o), nil
			}
			seen = append(seen, t)
		}
	}
	return nil, fmt.Errorf("%w: %q among %s", ErrNoOption, choice, strconv.Quote(strings.Join(seen, ", ")))
}
