package flows

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Names of attributes that every directory knows. Any other name is looked up
// among the synced attributes of a person.
const (
	AttrUser    = "user"    // the person's e-mail address and aliases
	AttrGroup   = "group"   // groups the person belongs to
	AttrManager = "manager" // the e-mail address of the person's manager
	AttrShift   = "shift"   // on-call shifts the person is on at this moment
	AttrOwner   = "owner"   // approvers only: owners of the requested resources
)

// Person is somebody in the directory.
type Person struct {
	Email    string // the key; compared without case
	Name     string
	Aliases  []string // further addresses of the same person
	Groups   []string // nil and empty both mean "known to be in no group"
	Manager  string   // e-mail address; empty: not known
	TimeZone string   // IANA name; empty: not known
	// Attributes are synced facts by name. A name that is absent is unknown,
	// which is not the same as a name with no values.
	Attributes map[string][]string
	SlackID    string // bound chat account; empty: matched by verified e-mail
	TeamsID    string
	Disabled   bool
}

// Shift is an on-call shift and the people on it at the moment of the sync.
type Shift struct {
	Name    string
	Members []string // e-mail addresses
}

// PersonRef names a person in a record that outlives the directory.
type PersonRef struct {
	Email string `json:"email"`
	Name  string `json:"name,omitempty"`
}

// TheOperator is who acts through the bot's own commands on its machine, and so is
// nobody in the directory: a reference with a name and no address.
var TheOperator = PersonRef{Name: "the operator"}

// Ref returns the reference that records keep.
func (p *Person) Ref() PersonRef { return PersonRef{Email: NormalizeEmail(p.Email), Name: p.Name} }

// DisplayName is the name, or the e-mail address where there is none.
func (r PersonRef) DisplayName() string { return cmp.Or(r.Name, r.Email) }

// Is reports whether both mean the same person.
func (r PersonRef) Is(email string) bool { return r.Email == NormalizeEmail(email) }

// NormalizeEmail gives the form in which addresses are compared and stored.
func NormalizeEmail(s string) string { return fold(strings.TrimSpace(s)) }

// Directory is an immutable snapshot of people, groups and shifts.
type Directory struct {
	people    map[string]*Person // by normalized address and alias
	ambiguous map[string]bool    // addresses that two people claim
	slack     map[string][]*Person
	teams     map[string][]*Person
	groups    map[string][]*Person // by group name
	shifts    map[string][]*Person // by shift name
	inGroup   map[string][]*Person // by folded group name
	onCall    map[string][]*Person // by folded shift name
	onShift   map[*Person][]string
	reports   map[string][]*Person // by normalized address of the manager
	place     map[*Person]int      // in all
	all       []*Person
}

// NewDirectory builds a snapshot. An address that two entries claim belongs to
// neither: look-ups of it fail closed with CodeAmbiguous. Names are made fit to be shown;
// one that holds an address is left out. groups are further
// groups that exist, for those that nobody is in: a group that is neither named
// here nor by a person is missing, which is not the same as empty.
func NewDirectory(people []Person, shifts []Shift, groups ...string) *Directory {
	d := &Directory{
		people: map[string]*Person{}, ambiguous: map[string]bool{},
		slack: map[string][]*Person{}, teams: map[string][]*Person{},
		groups: map[string][]*Person{}, shifts: map[string][]*Person{}, onShift: map[*Person][]string{},
		inGroup: map[string][]*Person{}, onCall: map[string][]*Person{}, place: map[*Person]int{},
		reports: map[string][]*Person{},
	}
	for _, g := range groups {
		d.groups[g], d.inGroup[fold(g)] = nil, nil
	}
	for i := range people {
		p := people[i]
		p.Email, p.Name = NormalizeEmail(p.Email), shownPerson(p.Name)
		p.Manager = NormalizeEmail(p.Manager)
		d.add(&p)
	}
	for _, s := range shifts {
		d.shifts[s.Name] = append(d.shifts[s.Name], d.resolve(s.Members)...)
	}
	for name, members := range d.shifts {
		d.onCall[fold(name)] = append(d.onCall[fold(name)], members...)
		for _, p := range members {
			d.onShift[p] = append(d.onShift[p], name)
		}
	}
	for _, names := range d.onShift {
		slices.Sort(names)
	}
	return d
}

// fold gives the form in which addresses, names of groups and shifts, and values are
// compared: in small letters. No other letter becomes one of ASCII, as the Kelvin sign
// and the capital I with a dot would: whoever got an address or a group with one of them
// would be somebody else. See https://unicode.org/reports/tr36/#Canonical_Represenation
func fold(s string) string {
	if isASCII(s) || !strings.ContainsAny(s, "\u0130\u212A") { // there are no others
		return strings.ToLower(s)
	}
	return strings.Map(func(r rune) rune {
		if small := unicode.ToLower(r); r < utf8.RuneSelf || small >= utf8.RuneSelf {
			return small
		}
		return r
	}, s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (d *Directory) add(p *Person) {
	d.place[p] = len(d.all)
	d.all = append(d.all, p)
	for _, address := range append([]string{p.Email}, p.Aliases...) {
		key := NormalizeEmail(address)
		if key == "" {
			continue
		}
		if other, taken := d.people[key]; taken && other != p {
			d.ambiguous[key] = true
			continue
		}
		d.people[key] = p
	}
	if p.Manager != "" {
		d.reports[p.Manager] = append(d.reports[p.Manager], p)
	}
	if p.SlackID != "" {
		d.slack[p.SlackID] = append(d.slack[p.SlackID], p)
	}
	if p.TeamsID != "" {
		d.teams[p.TeamsID] = append(d.teams[p.TeamsID], p)
	}
	for _, g := range p.Groups {
		d.groups[g] = append(d.groups[g], p)
		d.inGroup[fold(g)] = append(d.inGroup[fold(g)], p)
	}
}

func (d *Directory) resolve(addresses []string) []*Person {
	var out []*Person
	for _, a := range addresses {
		if p, err := d.ByEmail(a); err == nil && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// ByEmail finds the one person with this address or alias.
// Errors: CodeNotFound, CodeAmbiguous.
func (d *Directory) ByEmail(email string) (*Person, error) {
	key := NormalizeEmail(email)
	if d.ambiguous[key] {
		return nil, Errorf(CodeAmbiguous, "The address %s belongs to two people in the directory, so neither can be told apart.", key)
	}
	p, ok := d.people[key]
	if !ok || key == "" || d.ambiguous[p.Email] {
		return nil, Errorf(CodeNotFound, "%s is not in the directory.", key)
	}
	return p, nil
}

// BySlackID finds the one person bound to this Slack account.
// Errors: CodeNotFound, CodeAmbiguous.
func (d *Directory) BySlackID(id string) (*Person, error) { return d.bound(d.slack[id], "Slack", id) }

// ByTeamsID finds the one person bound to this Teams account.
// Errors: CodeNotFound, CodeAmbiguous.
func (d *Directory) ByTeamsID(id string) (*Person, error) { return d.bound(d.teams[id], "Teams", id) }

func (d *Directory) bound(found []*Person, platform, id string) (*Person, error) {
	switch {
	case len(found) == 0 || id == "":
		return nil, Errorf(CodeNotFound, "No person in the directory is bound to the %s account %s.", platform, id)
	case len(found) > 1:
		return nil, Errorf(CodeAmbiguous, "The %s account %s is bound to two people in the directory.", platform, id)
	}
	return d.ByEmail(found[0].Email)
}

// Everybody returns all people, ambiguous ones included, in the order given.
func (d *Directory) Everybody() []*Person { return slices.Clone(d.all) }

// Ambiguous returns the addresses that two people claim, sorted.
func (d *Directory) Ambiguous() []string { return slices.Sorted(maps.Keys(d.ambiguous)) }

// Size is the number of people.
func (d *Directory) Size() int { return len(d.all) }

// HasGroup tells a group that exists from one that the directory has never
// heard of. A missing group is an error, not an empty one. Case does not count.
func (d *Directory) HasGroup(name string) bool { _, ok := d.inGroup[fold(name)]; return ok }

// HasShift is HasGroup for shifts.
func (d *Directory) HasShift(name string) bool { _, ok := d.onCall[fold(name)]; return ok }

// certain reports whether a person can be told from everybody else.
func (d *Directory) certain(p *Person) bool { return p.Email != "" && !d.ambiguous[p.Email] }

// addresses of a person that belong to nobody else. One that two people claim
// is evidence for neither.
func (d *Directory) addresses(p *Person) []string {
	var out []string
	for _, a := range append([]string{p.Email}, p.Aliases...) {
		if key := NormalizeEmail(a); key != "" && !d.ambiguous[key] {
			out = append(out, key)
		}
	}
	return out
}

// Attribute returns the values of a person's attribute and whether the
// directory knows the attribute for this person at all.
func (d *Directory) Attribute(p *Person, name string) (values []string, known bool) {
	switch name {
	case AttrUser:
		return d.addresses(p), true
	case AttrGroup:
		return p.Groups, true
	case AttrManager:
		if p.Manager == "" || d.ambiguous[p.Manager] {
			return nil, false
		}
		if boss, err := d.ByEmail(p.Manager); err == nil {
			return []string{boss.Email}, true
		}
		return []string{p.Manager}, true
	case AttrShift:
		return d.onShift[p], len(d.shifts) > 0
	default:
		values, known = p.Attributes[name]
		return values, known
	}
}
