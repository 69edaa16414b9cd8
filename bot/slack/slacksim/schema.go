package slacksim

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf16"
)

type (
	obj = map[string]any
	arr = []any
)

// surface is where blocks are shown. Some blocks and elements are allowed on some surfaces only.
type surface uint8

const (
	onMessage surface = 1 << iota
	onModal
	onHome

	onViews = onModal | onHome
	onAll   = onMessage | onViews
)

// problem is one broken rule, with the place in Slack's JSON pointer notation.
type problem struct{ text, at string }

func (p problem) String() string { return fmt.Sprintf("%s [json-pointer:%s]", p.text, p.at) }

// checker carries what is counted across one payload.
type checker struct {
	surface   surface
	problems  []problem
	blockIDs  map[string]bool
	actionIDs map[string]bool // of the block being checked
	focused   int
	inputs    []string // pointers of input blocks
	tables    int
	charts    int
	expanded  int // blocks that markdown becomes, beyond the one that was sent
	markdown  int // characters in all markdown blocks
	depth     int // of containers
}

func (c *checker) add(at, format string, args ...any) {
	c.problems = append(c.problems, problem{fmt.Sprintf(format, args...), at})
}

// rule is one node of the schema. The tables of rules in schema_*.go are data; this file interprets them.
type rule interface {
	check(c *checker, v any, at string)
}

// utf16Len counts as JavaScript does. Slack counts characters, never bytes; where characters and UTF-16 units
// differ (emoji) the larger count is used, so that nothing passes here which Slack refuses.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		if l := utf16.RuneLen(r); l > 0 {
			n += l
		} else {
			n++
		}
	}
	return n
}

// str is a string of min to max characters; max 0 means no upper bound.
type str struct {
	min, max int
	enum     []string
	match    *regexp.Regexp
	what     string // how match is named to the developer
}

func (r str) check(c *checker, v any, at string) {
	s, ok := v.(string)
	if !ok {
		c.add(at, "must provide a string")
		return
	}
	checkLength(c, s, r.min, r.max, at)
	if r.enum != nil && !slices.Contains(r.enum, s) {
		c.add(at, "must be a valid enum value")
	}
	if r.match != nil && s != "" && !r.match.MatchString(s) {
		c.add(at, "must be a valid %s", r.what)
	}
}

func checkLength(c *checker, s string, least, most int, at string) {
	n := utf16Len(s)
	if n < least {
		c.add(at, "must be more than %d characters", least-1)
	}
	if most > 0 && n > most {
		c.add(at, "must be less than %d characters", most+1)
	}
}

// text is a text object; plain allows plain_text only. max 0 means Slack's general 3000.
type text struct {
	max   int
	plain bool
}

var (
	plainProps  = []string{"type", "text", "emoji"}
	mrkdwnProps = []string{"type", "text", "verbatim"}
)

func (r text) check(c *checker, v any, at string) {
	o, ok := v.(obj)
	if !ok {
		c.add(at, "must provide an object")
		return
	}
	kind, _ := o["type"].(string)
	allowed := plainProps
	switch {
	case kind == "plain_text":
	case kind == "mrkdwn" && !r.plain:
		allowed = mrkdwnProps
	case o["type"] == nil:
		c.add(at, "missing required field: type")
		return
	default:
		c.add(at+"/type", "unsupported type: %v", o["type"])
		return
	}
	onlyProps(c, o, allowed, at)
	if e, ok := o["emoji"]; ok {
		boolean{}.check(c, e, at+"/emoji")
	}
	if e, ok := o["verbatim"]; ok {
		boolean{}.check(c, e, at+"/verbatim")
	}
	if _, ok := o["text"]; !ok {
		c.add(at, "missing required field: text")
		return
	}
	most := r.max
	if most == 0 {
		most = 3000
	}
	str{min: 1, max: most}.check(c, o["text"], at+"/text")
}

func onlyProps(c *checker, o obj, allowed []string, at string) {
	for _, k := range sortedKeys(o) {
		if !slices.Contains(allowed, k) {
			c.add(at, "invalid additional property: %s", k)
		}
	}
}

// num is a JSON number between min and max.
type num struct{ min, max float64 }

func (r num) check(c *checker, v any, at string) {
	n, ok := v.(json.Number)
	f, err := n.Float64()
	if !ok || err != nil {
		c.add(at, "must provide a number")
		return
	}
	if f < r.min {
		c.add(at, "must be greater than %v", r.min-1)
	}
	if r.max != 0 && f > r.max {
		c.add(at, "must be less than %v", r.max+1)
	}
}

// integer is a whole num.
type integer struct{ min, max int64 }

func (r integer) check(c *checker, v any, at string) {
	n, ok := v.(json.Number)
	i, err := strconv.ParseInt(n.String(), 10, 64)
	if !ok || err != nil {
		c.add(at, "must provide an integer")
		return
	}
	if i < r.min {
		c.add(at, "must be greater than %d", r.min-1)
	}
	if r.max != 0 && i > r.max {
		c.add(at, "must be less than %d", r.max+1)
	}
}

type boolean struct{}

func (boolean) check(c *checker, v any, at string) {
	if _, ok := v.(bool); !ok {
		c.add(at, "must provide a boolean")
	}
}

// list is an array of min to max items; max 0 means no upper bound.
type list struct {
	min, max int
	of       rule
}

func (r list) check(c *checker, v any, at string) {
	a, ok := v.(arr)
	if !ok {
		c.add(at, "must provide an array")
		return
	}
	if len(a) < r.min {
		c.add(at, "no less than %d items allowed", r.min)
	}
	if r.max > 0 && len(a) > r.max {
		c.add(at, "no more than %d items allowed", r.max)
	}
	for i, e := range a {
		r.of.check(c, e, at+"/"+strconv.Itoa(i))
	}
}

// object has exactly the named properties; those in need must be there. also holds what a table cannot say.
type object struct {
	props map[string]rule
	need  []string
	also  func(c *checker, o obj, at string)
}

func (r object) check(c *checker, v any, at string) {
	o, ok := v.(obj)
	if !ok {
		c.add(at, "must provide an object")
		return
	}
	for _, k := range r.need {
		if o[k] == nil {
			c.add(at, "missing required field: %s", k)
		}
	}
	for _, k := range sortedKeys(o) {
		p, ok := r.props[k]
		switch {
		case !ok:
			c.add(at, "invalid additional property: %s", k)
		case o[k] != nil:
			p.check(c, o[k], at+"/"+k)
		case !slices.Contains(r.need, k):
			c.add(at+"/"+k, "must not be null")
		}
	}
	if r.also != nil {
		r.also(c, o, at)
	}
}

// union picks a rule by the object's type.
type union map[string]rule

func (r union) check(c *checker, v any, at string) {
	o, ok := v.(obj)
	if !ok {
		c.add(at, "must provide an object")
		return
	}
	kind, ok := o["type"].(string)
	if !ok {
		c.add(at, "missing required field: type")
		return
	}
	is, ok := r[kind]
	if !ok {
		c.add(at+"/type", "unsupported type: %s", kind)
		return
	}
	is.check(c, v, at)
}

// anything accepts every value. It stands where Slack's rule is not published.
type anything struct{}

func (anything) check(*checker, any, string) {}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
