package flows

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// Match joins conditions.
type Match string

// Ways to join conditions. The zero value means MatchAll.
const (
	MatchAll Match = "all"
	MatchAny Match = "any"
)

// Operator compares the values of a person's attribute with those of a
// condition. The zero value means OpIs.
type Operator string

// Operators. Several values: is, contains and starts_with hold when one value
// matches; the negative ones hold when none does.
const (
	OpIs             Operator = "is"
	OpIsNot          Operator = "is_not"
	OpContains       Operator = "contains"
	OpDoesNotContain Operator = "does_not_contain"
	OpStartsWith     Operator = "starts_with"
)

// Condition is one test of a person.
type Condition struct {
	Attribute string   `json:"attribute"`
	Operator  Operator `json:"operator,omitempty"`
	Values    []string `json:"values,omitempty"` // manager and owner: empty means "of this request"
}

// Conditions are tests joined by Match. Without conditions nobody matches.
type Conditions struct {
	Match      Match       `json:"match,omitempty"`
	Conditions []Condition `json:"conditions"`
}

// Trigger says what makes a flow act.
type Trigger string

// Triggers.
const (
	TriggerSelfServe Trigger = "self_serve"
	TriggerAutomatic Trigger = "automatic"
)

// ModeOf joins approver groups.
type ModeOf string

// Ways to join approver groups. The zero value means ModeAnyOf.
const (
	ModeAnyOf ModeOf = "any_of" // one approver of any group
	ModeAllOf ModeOf = "all_of" // one approver of each group
)

// ApproverGroup is a set of people, described by conditions, one of whom must
// approve. Match all: an approver meets all conditions; any: one of them.
type ApproverGroup struct {
	Match     Match       `json:"match,omitempty"`
	Approvers []Condition `json:"approvers"`
}

// Approval says who must approve. A flow without one is automatic.
type Approval struct {
	Mode   ModeOf          `json:"mode,omitempty"`
	Groups []ApproverGroup `json:"groups"`
	// SamePersonMayCount lifts the rule that one person counts for one group
	// only (`distinct_approvers: false`).
	SamePersonMayCount bool        `json:"same_person_may_count,omitempty"`
	Escalation         *Escalation `json:"escalation,omitempty"`
}

// Selector names resources. A zero Selector selects nothing.
type Selector struct {
	Names   []string `json:"names,omitempty"` // resource names or ids
	Tags    []Tag    `json:"tags,omitempty"`
	Parents []string `json:"parents,omitempty"` // any element of the path
}

// Tag is a key with a value.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Target is part of what a flow or bundle offers: some permissions on some
// resources of one type of one integration, or an access scope, or a bundle
// (flows only).
type Target struct {
	Integration  string    `json:"integration,omitempty"`
	ResourceType string    `json:"resource_type,omitempty"`
	Permissions  []string  `json:"permissions,omitempty"` // ids; empty with AccessScope: all that the scope holds
	Include      *Selector `json:"include,omitempty"`     // nil with Exclude nil: any resource, now and later
	Exclude      *Selector `json:"exclude,omitempty"`
	Bundle       string    `json:"bundle,omitempty"`
	AccessScope  string    `json:"access_scope,omitempty"`
}

// AccessScope is a saved inventory query, usable as a target. What begins to
// match it later belongs to it by itself.
type AccessScope struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Query       string `json:"query"` // see Query
}

// Bundle is a named list of targets, asked for, approved and ended as a whole.
type Bundle struct {
	Name    string   `json:"name"`
	Targets []Target `json:"targets"` // never a bundle
}

// GrantDuration is the longest a grant of a flow may last, and the default.
type GrantDuration struct {
	Indefinite bool          `json:"indefinite,omitempty"`
	Max        time.Duration `json:"max,omitempty"` // > 0 unless Indefinite
}

// Allows reports whether a request for d fits. Zero d asks for the default.
func (g GrantDuration) Allows(d time.Duration) bool {
	return d >= 0 && (g.Indefinite || d <= g.Max)
}

// Settings of a flow.
type Settings struct {
	JustificationRequired bool `json:"justification_required"`
	RequireApproverReason bool `json:"require_approver_reason"`
	// RequestorMayApproveSelf is `requestor_cannot_approve_self: false`.
	RequestorMayApproveSelf bool `json:"requestor_may_approve_self"`
	// BreakGlass gives access at once and asks for an explanation afterwards. Such a
	// flow has no Approval.
	BreakGlass bool `json:"break_glass,omitempty"`
	// ReportLostRight is `on_lost_right: report`; see World.Lost.
	ReportLostRight bool `json:"report_lost_right,omitempty"`
	// MaxExtensions is how often a live access may be extended, and ExtensionDuration
	// by how much each time; 0: DefaultExtension.
	MaxExtensions     int           `json:"max_extensions,omitempty"`
	ExtensionDuration time.Duration `json:"extension_duration,omitempty"`
}

// Flow is an access flow: who may ask for what, for how long, and who approves.
type Flow struct {
	Name        string        `json:"name"`
	Description string        `json:"description,omitempty"`
	Trigger     Trigger       `json:"trigger"`
	Active      bool          `json:"active"`
	Labels      []string      `json:"labels,omitempty"`
	Requestors  Conditions    `json:"requestors"`
	Targets     []Target      `json:"targets"`
	Timeframe   *Timeframe    `json:"timeframe,omitempty"`   // nil: always
	RequestFor  *RequestFor   `json:"request_for,omitempty"` // nil: for the requestor alone
	Duration    GrantDuration `json:"duration"`
	Approval    *Approval     `json:"approval,omitempty"` // nil: automatic
	Settings    Settings      `json:"settings"`
}

// Hash identifies the content of the flow. A request keeps it, so that a later
// reader can tell whether the policy it was made under still stands.
func (f *Flow) Hash() string { return hashOf(f) }

// Policy is the content of a catalog as it was written.
type Policy struct {
	Flows    []Flow
	Bundles  []Bundle
	Scopes   []AccessScope
	Owners   []Ownership // at most one for each integration
	Admins   Conditions
	Fallback ApproverGroup // asked where a flow's approvers resolve to nobody; may be empty
	// RequestTimeout ends a request that nobody decided; > 0.
	RequestTimeout time.Duration
}

// Catalog is an immutable, indexed policy.
type Catalog struct {
	policy  Policy
	flows   map[string]*Flow
	hashes  map[string]string // see Flow.Hash
	wholes  map[string]string // see HashOf
	bundles map[string]*Bundle
	scopes  map[string]*Query // by name; those that cannot be read are left out
	likely  map[string][]int  // see likelyFlows
	others  []int
}

// DefaultRequestTimeout applies where the policy names none.
const DefaultRequestTimeout = 24 * time.Hour

// NewCatalog indexes a policy. Check finds what is wrong with one.
func NewCatalog(p Policy) *Catalog {
	if p.RequestTimeout <= 0 {
		p.RequestTimeout = DefaultRequestTimeout
	}
	c := &Catalog{
		policy: p, flows: map[string]*Flow{}, hashes: map[string]string{}, wholes: map[string]string{}, bundles: map[string]*Bundle{}, scopes: map[string]*Query{},
		likely: map[string][]int{},
	}
	for i := range p.Flows {
		f := &p.Flows[i]
		c.flows[f.Name] = f
		c.hashes[f.Name] = f.Hash()
		c.index(i)
	}
	for _, s := range p.Scopes {
		if q, err := ParseQuery(s.Query); err == nil {
			c.scopes[s.Name] = q
		}
	}
	for i := range p.Bundles {
		c.bundles[p.Bundles[i].Name] = &p.Bundles[i]
	}
	for i := range p.Flows {
		c.wholes[p.Flows[i].Name] = c.whole(&p.Flows[i])
	}
	return c
}

// Flow finds a flow by name.
func (c *Catalog) Flow(name string) (*Flow, bool) { f, ok := c.flows[name]; return f, ok }

// HashOf identifies the content of a flow by name, and of the bundles and access scopes
// that it uses: all of the policy that says what it gives, and to whom. For a flow that
// uses none it is Flow.Hash. Empty: there is no such flow.
func (c *Catalog) HashOf(name string) string { return c.wholes[name] }

// whole is HashOf of a flow.
func (c *Catalog) whole(f *Flow) string {
	var parts []any
	scopes := func(targets []Target) {
		for i := range targets {
			at := slices.IndexFunc(c.policy.Scopes, func(s AccessScope) bool { return s.Name == targets[i].AccessScope })
			if at >= 0 && targets[i].AccessScope != "" {
				parts = append(parts, c.policy.Scopes[at].Query)
			}
		}
	}
	scopes(f.Targets)
	for i := range f.Targets {
		if b := c.bundles[f.Targets[i].Bundle]; b != nil {
			parts = append(parts, b)
			scopes(b.Targets)
		}
	}
	if len(parts) == 0 {
		return c.hashes[f.Name]
	}
	return hashOf(append(parts, c.hashes[f.Name]))
}

// hashOf identifies content of a policy.
func hashOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("flows: a part of a policy that cannot be encoded (this is a bug): " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// Bundle finds a bundle by name.
func (c *Catalog) Bundle(name string) (*Bundle, bool) { b, ok := c.bundles[name]; return b, ok }

// Scope finds the query of an access scope by name.
func (c *Catalog) Scope(name string) (*Query, bool) { q, ok := c.scopes[name]; return q, ok }

// Scopes in the order of the file.
func (c *Catalog) Scopes() []AccessScope { return slices.Clone(c.policy.Scopes) }

// Flows in the order of the file. The flows must not be changed.
func (c *Catalog) Flows() []*Flow {
	out := make([]*Flow, len(c.policy.Flows))
	for i := range c.policy.Flows {
		out[i] = &c.policy.Flows[i]
	}
	return out
}

// Bundles in the order of the file.
func (c *Catalog) Bundles() []Bundle { return slices.Clone(c.policy.Bundles) }

// RequestTimeout is how long a request waits for a decision.
func (c *Catalog) RequestTimeout() time.Duration { return c.policy.RequestTimeout }
