package static

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"apono/flows"
)

// reserved are attributes that flows.Directory answers from elsewhere.
var reserved = []string{flows.AttrUser, flows.AttrGroup, flows.AttrManager, flows.AttrShift, flows.AttrOwner}

// checker collects what is wrong, in the order of the file.
type checker struct {
	issues    []flows.Issue
	addresses map[string]int // first person with an address or alias
	slack     map[string]int
	teams     map[string]int
}

// check finds everything that is wrong with a directory. Paths are such as
// people[3].time_zone, shifts[0].members[1] and groups[2].
func check(c config) []flows.Issue {
	k := checker{addresses: map[string]int{}, slack: map[string]int{}, teams: map[string]int{}}
	if len(c.People) == 0 {
		k.warn("people", "no_people", "there is nobody in this directory", "")
	}
	for i, p := range c.People {
		k.identity(fmt.Sprintf("people[%d]", i), i, p)
	}
	for i, p := range c.People {
		k.facts(fmt.Sprintf("people[%d]", i), p)
	}
	shifts := map[string]int{}
	for i, s := range c.Shifts {
		k.shift(fmt.Sprintf("shifts[%d]", i), i, s, shifts)
	}
	for i, g := range c.Groups {
		if strings.TrimSpace(g) == "" {
			k.fail(fmt.Sprintf("groups[%d]", i), "missing_key", "the group has no name", "")
		}
	}
	return k.issues
}

func (k *checker) fail(path, code, message, hint string) {
	k.issues = append(k.issues, flows.Issue{Path: path, Severity: flows.SeverityError, Code: code, Message: message, Hint: hint})
}

func (k *checker) warn(path, code, message, hint string) {
	k.issues = append(k.issues, flows.Issue{Path: path, Severity: flows.SeverityWarning, Code: code, Message: message, Hint: hint})
}

// identity looks at what a person is recognised by.
func (k *checker) identity(path string, i int, p person) {
	k.address(path+".email", "the person", p.Email, i)
	for j, a := range p.Aliases {
		k.address(fmt.Sprintf("%s.aliases[%d]", path, j), "the alias", a, i)
	}
	k.unique(path+".slack_id", "the Slack account", p.SlackID, "duplicate_account", i, k.slack)
	k.unique(path+".teams_id", "the Teams account", p.TeamsID, "duplicate_account", i, k.teams)
}

func (k *checker) address(path, what, address string, i int) {
	key := flows.NormalizeEmail(address)
	if key == "" {
		k.fail(path, "missing_key", what+" has no e-mail address", "")
		return
	}
	if name, domain, ok := strings.Cut(key, "@"); !ok || name == "" || domain == "" {
		k.fail(path, "invalid_address", fmt.Sprintf("%q is not an e-mail address", address), "write it like alice@example.com: people are recognised by it")
	}
	k.unique(path, "the address", key, "duplicate_address", i, k.addresses)
}

// unique warns of the second person with the same key. Nothing is said of one
// person who has it twice.
func (k *checker) unique(path, what, key, code string, i int, first map[string]int) {
	if key == "" {
		return
	}
	other, taken := first[key]
	if !taken {
		first[key] = i
		return
	}
	if other != i {
		k.warn(path, code, fmt.Sprintf("%s %s belongs to people[%d] too: both are refused until one is removed", what, key, other), "")
	}
}

// facts looks at what is said of a person, once all addresses are known.
func (k *checker) facts(path string, p person) {
	if p.TimeZone != "" && !isZone(p.TimeZone) {
		k.fail(path+".time_zone", "unknown_time_zone", fmt.Sprintf("there is no time zone %q", p.TimeZone), "such as Europe/Berlin or UTC")
	}
	if p.Manager != "" {
		k.known(path+".manager", "unknown_manager", "the manager", p.Manager)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Attributes)) {
		if slices.Contains(reserved, name) {
			k.warn(path+".attributes."+name, "reserved_attribute", fmt.Sprintf("the attribute %q is never looked at: the name means something else", name), "")
		}
	}
}

// isZone leaves out "Local", which depends on the machine.
func isZone(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && name != "Local"
}

func (k *checker) known(path, code, what, address string) {
	key := flows.NormalizeEmail(address)
	if _, ok := k.addresses[key]; !ok {
		k.warn(path, code, fmt.Sprintf("%s %s is not in this directory", what, key), flows.Suggest(key, slices.Collect(maps.Keys(k.addresses))))
	}
}

func (k *checker) shift(path string, i int, s shift, seen map[string]int) {
	first, dup := seen[s.Name]
	switch {
	case strings.TrimSpace(s.Name) == "":
		k.fail(path+".name", "missing_key", "the shift has no name", "")
	case dup:
		k.warn(path+".name", "duplicate_name", fmt.Sprintf("the shift %q is there twice, first as shifts[%d]: the members of both are on it", s.Name, first), "")
	default:
		seen[s.Name] = i
	}
	for j, m := range s.Members {
		k.known(fmt.Sprintf("%s.members[%d]", path, j), "unknown_member", "the member", m)
	}
}
