package slack

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"apono/bot/chat"
)

// The types below decode no more of a delivery than is needed: slack-go refuses a
// whole delivery for one malformed block in the message that it is about, and a
// press on such a message still has to arrive.

// envelope is what comes over a socket.
type envelope struct {
	ID      string          `json:"envelope_id"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
	Accepts bool            `json:"accepts_response_payload"`
	Retry   int             `json:"retry_attempt"`
	Reason  string          `json:"reason"` // of a disconnect message
}

type identified struct {
	ID     string `json:"id"`
	Domain string `json:"domain"` // of a team
}

type interaction struct {
	Type string `json:"type"`
	User struct {
		ID     string `json:"id"`
		TeamID string `json:"team_id"`
	} `json:"user"`
	Team       identified `json:"team"`
	Enterprise identified `json:"enterprise"`
	Channel    identified `json:"channel"`
	Container  struct {
		MessageTS string `json:"message_ts"`
		ChannelID string `json:"channel_id"`
	} `json:"container"`
	Message struct {
		TS       string `json:"ts"`
		ThreadTS string `json:"thread_ts"`
	} `json:"message"`
	TriggerID   string   `json:"trigger_id"`
	ResponseURL string   `json:"response_url"`
	Actions     []action `json:"actions"`
	View        view     `json:"view"`
	CallbackID  string   `json:"callback_id"` // of a shortcut
	// Of a block_suggestion:
	ActionID string `json:"action_id"`
	Value    string `json:"value"`
}

type action struct {
	Type           string   `json:"type"`
	ActionID       string   `json:"action_id"`
	ActionTS       string   `json:"action_ts"`
	Value          string   `json:"value"`
	SelectedOption selected `json:"selected_option"`
}

type selected struct {
	Value string `json:"value"`
}

type view struct {
	ID         string    `json:"id"`
	Type       string    `json:"type"`
	Hash       string    `json:"hash"`
	CallbackID string    `json:"callback_id"`
	Metadata   string    `json:"private_metadata"`
	Blocks     blockList `json:"blocks"`
	State      struct {
		Values map[string]map[string]fieldState `json:"values"`
	} `json:"state"`
}

// blockList keeps the ids of blocks, in order, and skips what it cannot read.
type blockList []viewPart

type viewPart struct {
	Type    string `json:"type"`
	BlockID string `json:"block_id"`
	Element struct {
		ActionID string `json:"action_id"`
	} `json:"element"`
}

func (l *blockList) UnmarshalJSON(b []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil //nolint:nilerr // the blocks are ours; without them only errors have no place
	}
	for _, r := range raw {
		var p viewPart
		if json.Unmarshal(r, &p) == nil {
			*l = append(*l, p)
		}
	}
	return nil
}

// fieldState is the value of one element.
type fieldState struct {
	Value           string     `json:"value"`
	SelectedOption  *selected  `json:"selected_option"`
	SelectedOptions []selected `json:"selected_options"`
}

func (f fieldState) values() []string {
	switch {
	case f.SelectedOption != nil:
		return []string{f.SelectedOption.Value}
	case len(f.SelectedOptions) > 0:
		out := make([]string, len(f.SelectedOptions))
		for i, o := range f.SelectedOptions {
			out[i] = o.Value
		}
		return out
	case f.Value != "":
		return []string{f.Value}
	}
	return nil
}

// values reads back what RenderForm made places for: an element's action_id is its
// field. Empty fields are absent.
func (v view) values() chat.Values {
	out := chat.Values{}
	for _, block := range slices.Sorted(maps.Keys(v.State.Values)) {
		for field, state := range v.State.Values[block] {
			if got := state.values(); len(got) > 0 {
				out[field] = got
			}
		}
	}
	return out
}

// submissionKey is equal for repeats of one submission. The hash of a view changes
// when it is redrawn but not when it is refused with errors, so the values count too.
func (v view) submissionKey() string {
	b, err := json.Marshal(v.values()) // maps are marshalled in order
	if err != nil {
		b = nil // (this is a bug)
	}
	sum := sha256.Sum256(b)
	return fmt.Sprintf("view/%s/%s/%s", v.ID, v.Hash, hex.EncodeToString(sum[:8]))
}

// errorPlaces finds the block of each field's error. Slack takes errors for input
// blocks only; one that has no place there is put under the last input.
func (v view) errorPlaces(byField map[string]string) map[string]string {
	places := map[string]string{}
	last := ""
	for _, b := range v.Blocks {
		if b.Type != "input" {
			continue
		}
		last = b.BlockID
		if text, ok := byField[b.Element.ActionID]; ok {
			places[b.BlockID] = errorText(text)
		}
	}
	known := map[string]bool{}
	for _, b := range v.Blocks {
		known[b.Element.ActionID] = b.Type == "input"
	}
	for _, field := range slices.Sorted(maps.Keys(byField)) {
		if known[field] || last == "" {
			continue
		}
		places[last] = errorText(strings.TrimSpace(places[last] + " " + byField[field]))
	}
	return places
}

func errorText(s string) string {
	s, _ = cut(strings.TrimSpace(literal(s)), 500)
	if s == "" {
		s = "This is not possible."
	}
	return s
}

func (in interaction) user() chat.User {
	u := chat.User{Platform: Platform, ID: in.User.ID, Team: in.User.TeamID}
	if u.Team == "" {
		u.Team = in.Team.ID
	}
	if u.Team == "" {
		u.Team = in.Enterprise.ID
	}
	return u
}

// press is a click or a command as it is kept in the inbox until it is answered.
type press struct {
	Key         string        `json:"key"`
	Click       chat.Click    `json:"click"`             // of a command: who and when
	Command     *chat.Command `json:"command,omitempty"` // nil: it is a click
	Channel     string        `json:"channel,omitempty"`
	ResponseURL string        `json:"response_url,omitempty"`
}

var errNoAction = errors.New("no action in it")

// messageAt is where the message is that was acted on, and the URL that came with it.
func (in interaction) messageAt() (channel, ts, url string) {
	return cmp.Or(in.Channel.ID, in.Container.ChannelID), cmp.Or(in.Message.TS, in.Container.MessageTS), in.ResponseURL
}

// press reads a click on a card. Its key is the same in every repeat of the delivery.
func (in interaction) press(now time.Time) (press, error) {
	if len(in.Actions) == 0 {
		return press{}, errNoAction
	}
	a := in.Actions[0]
	id, target, err := parseAction(a.ActionID, a.Value, a.SelectedOption.Value)
	if err != nil {
		return press{}, err
	}
	channel, ts, _ := in.messageAt()
	if ts == "" {
		ts = in.View.ID // a home tab
	}
	return press{
		Key:     strings.Join([]string{"click", in.User.ID, channel, ts, a.ActionID, a.ActionTS}, "/"),
		Click:   chat.Click{User: in.user(), Action: id, Target: target, At: now.UTC()},
		Channel: channel, ResponseURL: in.ResponseURL,
	}, nil
}

type slashCommand struct {
	Command     string `json:"command"`
	Text        string `json:"text"`
	UserID      string `json:"user_id"`
	TeamID      string `json:"team_id"`
	Enterprise  string `json:"enterprise_id"`
	ChannelID   string `json:"channel_id"`
	TriggerID   string `json:"trigger_id"`
	ResponseURL string `json:"response_url"`
}

func (c slashCommand) user() chat.User {
	u := chat.User{Platform: Platform, ID: c.UserID, Team: c.TeamID}
	if u.Team == "" {
		u.Team = c.Enterprise
	}
	return u
}
