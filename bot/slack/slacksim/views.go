package slacksim

import (
	"slices"
	"strconv"
	"time"
)

// maxStack is the number of views in one modal.
const maxStack = 3

// view is an open modal view or a published home view.
type view struct {
	id, user, kind    string
	raw               obj // as the app sent it, blocks with ids
	blocks            arr
	hash              string
	root, previous    string
	external          string
	values            map[inputKey]any
	offered           map[inputKey]arr  // what external menus showed last
	errors            map[string]string // by block_id, after a refused submission
	submitting        bool
	clear, notify     bool
	callback, private string
}

// trigger is the right to open a view, for 3 seconds and once.
type trigger struct {
	user   string
	minted time.Time
	used   bool
	viewID string // of the modal that the interaction came from
}

func (w *Workspace) mint(user, viewID string) string {
	id := w.ids.trigger()
	w.triggers[id] = &trigger{user: user, minted: time.Now(), viewID: viewID}
	return id
}

// exchange uses a trigger up.
func (c *call) exchange() (*trigger, error) {
	id := c.str("trigger_id")
	if id == "" {
		id = c.str("interactivity_pointer")
	}
	t := c.triggers[id]
	switch {
	case id == "":
		return nil, argument("missing required field: trigger_id", "/trigger_id")
	case t == nil:
		return nil, fail("invalid_trigger_id")
	case t.used:
		return nil, fail("exchanged_trigger_id")
	case time.Since(t.minted) >= c.opts.Patience:
		return nil, fail("expired_trigger_id")
	}
	return t, nil
}

// viewArg reads and checks the view argument.
func (c *call) viewArg(s surface) (obj, error) {
	v, ok, err := c.value("view")
	if err != nil || !ok {
		if !ok && err == nil {
			return nil, argument("missing required field: view", "/view")
		}
		return nil, argument("must provide a valid JSON object", "/view")
	}
	if err := checkView(v, s); err != nil {
		return nil, err
	}
	return clone(v.(obj)), nil
}

// freeExternal refuses an external_id that another view of the team has.
func (w *Workspace) freeExternal(raw obj, except *view) error {
	ext, _ := raw["external_id"].(string)
	if ext == "" {
		return nil
	}
	for _, v := range w.views {
		if v.external == ext && v != except {
			return fail("duplicate_external_id")
		}
	}
	return nil
}

// newView makes a view from what the app sent, without showing it.
func (w *Workspace) newView(raw obj, user string) *view {
	v := &view{id: w.ids.next("V"), user: user}
	v.root = v.id
	w.setView(v, raw)
	return v
}

// setView puts new content into a view and keeps what was entered where Slack keeps it.
func (w *Workspace) setView(v *view, raw obj) {
	before, old := v.blocks, v.values
	list, _ := raw["blocks"].(arr)
	v.blocks = w.nameBlocks(list)
	v.raw = raw
	v.kind, _ = raw["type"].(string)
	v.callback, _ = raw["callback_id"].(string)
	v.private, _ = raw["private_metadata"].(string)
	v.external, _ = raw["external_id"].(string)
	v.clear, _ = raw["clear_on_close"].(bool)
	v.notify, _ = raw["notify_on_close"].(bool)
	v.hash = strconv.FormatInt(time.Now().Unix(), 10) + "." + w.ids.hex(8)
	v.values = valuesOf(v.blocks, before, old)
	v.errors = nil
}

func (w *Workspace) viewJSON(v *view) obj {
	out := obj{
		"id": v.id, "team_id": w.opts.TeamID, "type": v.kind, "blocks": clone(v.blocks), "private_metadata": v.private,
		"callback_id": v.callback, "state": stateJSON(v.blocks, v.values), "hash": v.hash, "title": v.raw["title"],
		"clear_on_close": v.clear, "notify_on_close": v.notify, "close": v.raw["close"], "submit": v.raw["submit"],
		"previous_view_id": nil, "root_view_id": v.root, "app_id": w.opts.AppID, "external_id": v.external,
		"app_installed_team_id": w.opts.TeamID, "bot_id": w.opts.BotID,
	}
	if v.previous != "" {
		out["previous_view_id"] = v.previous
	}
	return clone(jsonReady(out))
}

// jsonReady turns nil maps and lists inside v into what JSON has for them.
func jsonReady(o obj) obj {
	if o["blocks"] == nil {
		o["blocks"] = arr{}
	}
	return o
}

func (c *call) viewsOpen() (obj, error) {
	t, err := c.exchange()
	if err != nil {
		return nil, err
	}
	raw, err := c.viewArg(onModal)
	if err != nil {
		return nil, err
	}
	if err := c.freeExternal(raw, nil); err != nil {
		return nil, err
	}
	t.used = true
	if t.viewID != "" {
		c.violate(OpenOverModal, t.viewID, "views.open with a trigger from inside a modal; push or update is meant for this")
	}
	c.dropStack(t.user)
	v := c.newView(raw, t.user)
	c.views[v.id] = v
	c.stacks[t.user] = []*view{v}
	c.changed(Change{Kind: "view", User: t.user, View: v.id})
	return obj{"view": c.viewJSON(v)}, nil
}

func (c *call) viewsPush() (obj, error) {
	t, err := c.exchange()
	if err != nil {
		return nil, err
	}
	raw, err := c.viewArg(onModal)
	if err != nil {
		return nil, err
	}
	stack := c.stacks[t.user]
	if t.viewID == "" || !slices.ContainsFunc(stack, func(v *view) bool { return v.id == t.viewID }) {
		return nil, fail("not_found")
	}
	if err := c.freeExternal(raw, nil); err != nil {
		return nil, err
	}
	v, err := c.push(t.user, raw)
	if err != nil {
		return nil, err
	}
	t.used = true
	return obj{"view": c.viewJSON(v)}, nil
}

// push puts a view on a person's stack.
func (w *Workspace) push(user string, raw obj) (*view, error) {
	stack := w.stacks[user]
	if len(stack) >= maxStack {
		return nil, fail("push_limit_reached")
	}
	v := w.newView(raw, user)
	v.root, v.previous = stack[0].id, stack[len(stack)-1].id
	w.views[v.id] = v
	w.stacks[user] = append(stack, v)
	w.changed(Change{Kind: "view", User: user, View: v.id})
	return v, nil
}

func (c *call) viewsUpdate() (obj, error) {
	id, ext := c.str("view_id"), c.str("external_id")
	if id == "" && ext == "" {
		return nil, argument("must define either `view_id` or `external_id`", "")
	}
	v := c.views[id]
	if id == "" {
		for _, x := range c.views {
			if x.external == ext {
				v = x
			}
		}
	}
	s := onModal
	if v != nil && v.kind == "home" {
		s = onHome
	}
	raw, err := c.viewArg(s)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, fail("not_found")
	}
	if err := c.freeExternal(raw, v); err != nil {
		return nil, err
	}
	if h := c.str("hash"); h != "" && h != v.hash {
		return nil, fail("hash_conflict")
	}
	c.setView(v, raw)
	kind := "view"
	if v.kind == "home" {
		kind = "home"
	}
	c.changed(Change{Kind: kind, User: v.user, View: v.id})
	return obj{"view": c.viewJSON(v)}, nil
}

func (c *call) viewsPublish() (obj, error) {
	user := c.str("user_id")
	if user == "" {
		return nil, argument("missing required field: user_id", "/user_id")
	}
	raw, err := c.viewArg(onHome)
	if err != nil {
		return nil, err
	}
	u := c.users[user]
	if u == nil || u.Deleted || u.IsBot {
		return nil, argument("invalid user_id", "/user_id")
	}
	v := c.homes[user]
	if h := c.str("hash"); h != "" && (v == nil || h != v.hash) {
		return nil, fail("hash_conflict")
	}
	if err := c.freeExternal(raw, v); err != nil {
		return nil, err
	}
	if v == nil {
		v = c.newView(raw, user)
		c.homes[user], c.views[v.id] = v, v
	} else {
		c.setView(v, raw)
	}
	c.changed(Change{Kind: "home", User: user, View: v.id})
	return obj{"view": c.viewJSON(v)}, nil
}

// dropStack forgets a person's modal without telling the app.
func (w *Workspace) dropStack(user string) {
	for _, v := range w.stacks[user] {
		delete(w.views, v.id)
	}
	delete(w.stacks, user)
}

// top is the view that a person sees, nil without a modal.
func (w *Workspace) top(user string) *view {
	stack := w.stacks[user]
	if len(stack) == 0 {
		return nil
	}
	return stack[len(stack)-1]
}

// pop closes the top view of a person.
func (w *Workspace) pop(user string) {
	stack := w.stacks[user]
	if len(stack) == 0 {
		return
	}
	v := stack[len(stack)-1]
	delete(w.views, v.id)
	if len(stack) == 1 {
		delete(w.stacks, user)
	} else {
		w.stacks[user] = stack[:len(stack)-1]
	}
	w.changed(Change{Kind: "view", User: user, View: v.id})
}
