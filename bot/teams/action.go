package teams

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"apono/bot/chat"
)

// What data of ours asks for.
const (
	doClick   = "click"
	doCommand = "command" // open what a command opened
	doForm    = "form"    // a button of a form
	doRefresh = "refresh"
)

const verbRefresh = "refresh"

// target is a chat.Target on the wire. Clients read numbers as doubles, so the
// version travels as text.
type target struct {
	chat.Target
	Version string `json:"version,omitempty"`
}

func wireTarget(t chat.Target) target { return target{t, strconv.FormatUint(t.Version, 10)} }

func (t target) chat() (chat.Target, error) {
	version, err := strconv.ParseUint(t.Version, 10, 64)
	if err != nil {
		return chat.Target{}, errors.New("a button without a version")
	}
	if len(t.Request) > maxID || len(t.Integration) > maxID || len(t.Stamp) > maxID {
		return chat.Target{}, errors.New("a button with ids that are too long")
	}
	t.Target.Version = version
	return t.Target, nil
}

// wire is what our buttons carry, under the key "bot". It names; it proves nothing.
type wire struct {
	Do     string `json:"do"`
	Action string `json:"action,omitempty"`
	Target target `json:"target,omitzero"`
	// Text is what was typed after the command's name (doCommand).
	Text string `json:"text,omitempty"`
	// Form is what was drawn (doForm).
	Form *drawn `json:"form,omitempty"`
}

func (w wire) data() obj { return obj{"bot": w} }

// fetch is the data of a button that opens a dialog.
func (w wire) fetch() obj { return obj{"bot": w, "msteams": obj{"type": "task/fetch"}} }

// readWire reads the data of a pressed button, and the values of fields beside it.
func readWire(data json.RawMessage) (wire, map[string]json.RawMessage, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return wire{}, nil, errors.New("data of a button that is no object")
	}
	var w wire
	if err := json.Unmarshal(all["bot"], &w); err != nil {
		return wire{}, nil, errors.New("data of a button that is not ours")
	}
	delete(all, "bot")
	delete(all, "msteams")
	return w, all, nil
}

// actions draws the buttons, then the menu. What would not fit beside the others is
// put into the menu; an action with a question is a part of the card that opens.
func actions(card chat.Card) (buttons []any, dropped []string) {
	for i, a := range card.Actions {
		b := button(a, strconv.Itoa(i))
		if i >= maxButtons {
			b["mode"] = "secondary"
		}
		if i >= maxActions {
			dropped = append(dropped, fmt.Sprintf("actions[%d]", i))
			continue
		}
		buttons = append(buttons, b)
	}
	for i, a := range card.Menu {
		if i >= maxMenu {
			dropped = append(dropped, fmt.Sprintf("menu[%d]", i))
			continue
		}
		b := button(a, strconv.Itoa(len(card.Actions)+i))
		b["mode"] = "secondary"
		buttons = append(buttons, b)
	}
	return buttons, dropped
}

// Bounds of what a card offers, so that text keeps its share of it.
const (
	maxActions = 20
	maxMenu    = 10
)

// button draws an action; place is where in the card it is.
func button(a chat.Action, place string) obj {
	if a.Confirm == nil {
		return drawPress(a, label(a.Label, string(a.ID)), place)
	}
	inner := drawPress(a, label(a.Confirm.Yes, a.Label), place)
	return obj{
		"type": "Action.ShowCard", "title": label(a.Label, string(a.ID)),
		"card": obj{
			"type": "AdaptiveCard", "body": newWriterOf(chat.T(a.Confirm.Text)), "actions": []any{inner},
		},
	}
}

func newWriterOf(t chat.Text) []any {
	w := newWriter(1000, look{})
	w.text(t)
	return w.done()
}

// drawPress draws what is pressed. Teams opens dialogs for Action.Submit alone.
// https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/what-are-task-modules
func drawPress(a chat.Action, title, place string) obj {
	w := wire{Do: doClick, Action: string(a.ID), Target: wireTarget(a.Target)}
	b := obj{"title": title}
	switch a.Style {
	case chat.StylePrimary:
		b["style"] = "positive"
	case chat.StyleDanger:
		b["style"] = "destructive"
	}
	if a.ID.Opens() {
		b["type"], b["data"] = "Action.Submit", w.fetch()
		return b
	}
	b["type"], b["verb"], b["id"], b["data"] = "Action.Execute", string(a.ID), string(a.ID)+"-"+place, w.data()
	b["fallback"] = obj{"type": "Action.Submit", "title": title, "data": w.data()}
	return b
}

func label(s, otherwise string) string {
	s, _ = chat.Cut(words(s, otherwise), maxLabel)
	return s
}

// words is what to call something, uncut.
func words(s, otherwise string) string {
	if s = line(s); s == "" {
		s = line(otherwise)
	}
	if s == "" {
		s = "Open"
	}
	return s
}
