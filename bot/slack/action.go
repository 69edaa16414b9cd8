package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"apono/bot/chat"
)

// menuAction is the action_id of a "more" menu; its options say which action.
const menuAction = "menu"

// maxActionsSize bounds the JSON of all buttons, so that text keeps its share of
// maxMessageSize.
const maxActionsSize = 5000

// actionIDs makes action_ids unique in a message or view: "approve", "approve#2".
type actionIDs map[string]int

func (ids actionIDs) next(id string) string {
	ids[id]++
	if n := ids[id]; n > 1 {
		return fmt.Sprintf("%s#%d", id, n)
	}
	return id
}

// actionOf takes an action_id back to what it was made from.
func actionOf(id string) string {
	id, _, _ = strings.Cut(id, "#")
	return id
}

// actions draws buttons, then the menu behind them. Entries that a menu cannot
// carry (too long, or with a question of their own) become buttons.
func (d *drawing) actions(card chat.Card) {
	ids := actionIDs{}
	size := 0
	var elements []slack.BlockElement
	add := func(e slack.BlockElement, path string, i int) {
		size += sizeOf(e)
		if size > maxActionsSize && len(elements) > 0 {
			d.drop("%s[%d]", path, i)
			return
		}
		elements = append(elements, e)
	}
	for i, a := range card.Actions {
		add(button(a, ids), "actions", i)
	}
	var entries []*slack.OptionBlockObject
	seen := map[string]bool{}
	for i, a := range card.Menu {
		o := menuEntry(a)
		if o == nil {
			add(button(a, ids), "menu", i)
			continue
		}
		if !seen[o.Value] {
			entries = append(entries, o)
		}
		seen[o.Value] = true
	}
	for i := 0; i < len(entries); i += maxOverflowOptions {
		group := entries[i:min(i+maxOverflowOptions, len(entries))]
		add(slack.NewOverflowBlockElement(ids.next(menuAction), group...), "menu", i)
	}
	for len(elements) > 0 {
		n := min(len(elements), maxActionsElements)
		d.blocks = append(d.blocks, slack.NewActionBlock("", elements[:n]...))
		elements = elements[n:]
	}
}

func label(a chat.Action, most int) string {
	text := line(a.Label)
	if text == "" {
		text = string(a.ID)
	}
	text, _ = cut(text, most)
	return text
}

func button(a chat.Action, ids actionIDs) *slack.ButtonBlockElement {
	value, err := json.Marshal(a.Target)
	if err != nil || len(value) > maxButtonValue {
		value = []byte("{}") // (this is a bug)
	}
	b := slack.NewButtonBlockElement(ids.next(string(a.ID)), string(value), plainObject(label(a, maxButtonText)))
	switch a.Style {
	case chat.StylePrimary:
		b.Style = slack.StylePrimary
	case chat.StyleDanger:
		b.Style = slack.StyleDanger
	}
	if c := a.Confirm; c != nil {
		b.Confirm = slack.NewConfirmationBlockObject(
			confirmText(c.Title, "Are you sure?", maxConfirmTitle), confirmText(c.Text, "Are you sure?", maxConfirmText),
			confirmText(c.Yes, "Yes", maxConfirmButton), confirmText(c.No, "No", maxConfirmButton))
	}
	return b
}

func confirmText(s, otherwise string, most int) *slack.TextBlockObject {
	s, _ = cut(strings.TrimSpace(literal(s)), most)
	if s == "" {
		s = otherwise
	}
	return plainObject(s)
}

// menuEntry is an option that carries action and target, or nil if it cannot.
func menuEntry(a chat.Action) *slack.OptionBlockObject {
	value, err := json.Marshal([]any{a.ID, a.Target.Request, a.Target.Version, a.Target.Integration, a.Target.Stamp})
	if err != nil || len(value) > maxOptionValue || a.Confirm != nil || a.Target.Item != "" {
		return nil
	}
	return slack.NewOptionBlockObject(string(value), plainObject(label(a, maxOptionText)), nil)
}

// parseAction reads back what button and menuEntry wrote.
func parseAction(actionID, value, option string) (chat.ActionID, chat.Target, error) {
	if name := actionOf(actionID); name != menuAction {
		if name == "" {
			return "", chat.Target{}, errors.New("a button without an action")
		}
		var t chat.Target
		if value != "" {
			if err := json.Unmarshal([]byte(value), &t); err != nil {
				return "", chat.Target{}, fmt.Errorf("value of button %s: %w", actionID, err)
			}
		}
		return chat.ActionID(name), t, nil
	}
	var (
		id chat.ActionID
		t  chat.Target
	)
	entry := []any{&id, &t.Request, &t.Version, &t.Integration, &t.Stamp}
	if err := json.Unmarshal([]byte(option), &entry); err != nil {
		return "", chat.Target{}, fmt.Errorf("option of a menu: %w", err)
	}
	if len(entry) < 4 || len(entry) > 5 || id == "" { // without a stamp: from an older version
		return "", chat.Target{}, fmt.Errorf("option of a menu: %d parts", len(entry))
	}
	return id, t, nil
}
