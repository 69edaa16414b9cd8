package slacksim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Limits that are not properties of one block.
const (
	maxMessageBlocks = 50
	maxViewBlocks    = 100
	maxViewBytes     = 250 * 1000
	maxAttachments   = 100
	maxTextSent      = 40000 // cut beyond it by chat.postMessage
	maxTextEdited    = 4000  // refused beyond it by chat.update, counted in bytes
	maxWeight        = 13200 // of all blocks of a message together
	blockWeight      = 100   // what a block weighs beside its text
	runWeight        = 20    // what a piece of rich text weighs beside its text
	maxMarkdownText  = 12000
	maxMetadata      = 16 * 1024
)

var modalView = object{
	props: map[string]rule{
		"type": str{enum: []string{"modal"}}, "title": text{max: 24, plain: true}, "submit": text{max: 24, plain: true},
		"close": text{max: 24, plain: true}, "blocks": list{min: 1, max: maxViewBlocks, of: anyBlock{}},
		"private_metadata": str{max: 3000}, "callback_id": str{max: 255}, "external_id": str{max: 255},
		"clear_on_close": boolean{}, "notify_on_close": boolean{}, "submit_disabled": boolean{},
	},
	need: []string{"type", "title", "blocks"},
	also: modalRules,
}

var homeView = object{
	props: map[string]rule{
		"type": str{enum: []string{"home"}}, "blocks": list{min: 1, max: maxViewBlocks, of: anyBlock{}},
		"private_metadata": str{max: 3000}, "callback_id": str{max: 255}, "external_id": str{max: 255},
	},
	need: []string{"type", "blocks"},
}

func modalRules(c *checker, o obj, at string) {
	if o["submit"] == nil {
		for _, p := range c.inputs {
			c.add(p+"/input", "must define `submit` to use an `input` block in modals")
		}
	}
	if _, ok := o["submit_disabled"]; ok {
		c.add(at, "invalid additional property: submit_disabled") // configuration modals of workflow steps only
	}
}

func newChecker(s surface) *checker {
	return &checker{surface: s, blockIDs: map[string]bool{}, actionIDs: map[string]bool{}}
}

// checkView returns what Slack would say of a view, nil if it would take it.
func checkView(v any, s surface) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode view: %w", err)
	}
	c := newChecker(s)
	if s == onHome {
		homeView.check(c, v, "/view")
	} else {
		modalView.check(c, v, "/view")
	}
	if len(c.problems) > 0 {
		return &apiError{Code: "invalid_arguments", messages: problemTexts(c.problems)}
	}
	if len(raw) > maxViewBytes {
		return &apiError{Code: "view_too_large"}
	}
	return nil
}

// checkBlocks returns what Slack would say of a message's blocks. The pointer base is "/blocks" but for attachments.
func checkBlocks(v any, base string) error {
	c := newChecker(onMessage)
	a, ok := v.(arr)
	if !ok {
		return &apiError{Code: "invalid_blocks_format"}
	}
	list{max: maxMessageBlocks, of: anyBlock{}}.check(c, a, base)
	if len(a) <= maxMessageBlocks && len(a)+c.expanded > maxMessageBlocks {
		c.add(base, "no more than %d items allowed", maxMessageBlocks)
	}
	switch {
	case c.tables > 1:
		return &apiError{Code: "invalid_attachments", messages: []string{"only_one_table_allowed"}}
	case len(c.problems) > 0:
		return &apiError{Code: "invalid_blocks", errors: true, messages: problemTexts(c.problems)}
	case weight(a) > maxWeight:
		return &apiError{Code: "msg_blocks_too_long"}
	}
	return nil
}

// weight estimates what Slack counts for msg_blocks_too_long: all text and something for each container. Slack does not
// publish the rule; what is known was measured from outside (bolt-js issues 2509 and 2867).
func weight(list arr) int {
	n := 0
	eachBlock(list, func(obj) { n += blockWeight })
	return n + richWeight(list) + textInside(list)
}

// richWeight weighs the pieces of rich text.
func richWeight(v any) int {
	n := 0
	switch v := v.(type) {
	case arr:
		for _, e := range v {
			n += richWeight(e)
		}
	case obj:
		if kind := str0(v["type"]); strings.HasPrefix(kind, "rich_text_") || run[kind] != nil {
			n += runWeight
		}
		for _, e := range v {
			n += richWeight(e)
		}
	}
	return n
}

func problemTexts(problems []problem) []string {
	out := make([]string, len(problems))
	for i, p := range problems {
		out[i] = p.String()
	}
	return out
}

// decodeJSON reads one JSON value and nothing after it. Numbers stay json.Number.
func decodeJSON(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("decode JSON: data after the value")
	}
	return v, nil
}

// clone returns a deep copy in the form decodeJSON makes.
func clone[T any](v T) T {
	out, _ := copied(v).(T)
	return out
}

// copied walks what decodeJSON makes, and lets JSON turn anything else into that:
// what people read is copied all the time.
func copied(v any) any {
	switch v := v.(type) {
	case nil, bool, string, json.Number:
		return v
	case obj:
		if v == nil {
			return nil
		}
		out := make(obj, len(v))
		for key, e := range v {
			out[key] = copied(e)
		}
		return out
	case arr:
		if v == nil {
			return nil
		}
		out := make(arr, len(v))
		for i, e := range v {
			out[i] = copied(e)
		}
		return out
	}
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("slacksim: clone: %v", err)) // only values of JSON come here
	}
	out, err := decodeJSON(raw)
	if err != nil {
		panic(fmt.Sprintf("slacksim: clone: %v", err))
	}
	return out
}

func asInt(v any) (int, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return int(i), err == nil
}
