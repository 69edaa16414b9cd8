package bot

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// selection is what somebody has chosen in the request form.
type selection struct {
	bundleMode              bool
	others                  bool   // it is asked for whom
	grantee                 string // token of an address; empty: nobody was chosen
	integration, typ        string
	resources, permissions  []string // tokens of resources, ids of permissions
	bundle                  string
	items                   []string // tokens
	all                     bool
	duration, justification string
	typed                   bool   // the duration is what the person wrote, also if that is nothing
	filled                  string // the duration that was filled in last
	open                    bool   // the form was before the person already
	stale                   bool   // something chosen is not on offer any more and was dropped
	cut                     int    // how many choices an earlier request had, where not all fit
	other                   picks  // in the other mode
	had, kept               int    // how many had been chosen of what came back from there, where not all are kept, and how many are
}

// formState travels with the form, so that a search, which may come without the
// form's values, knows what was chosen above it. It says what was drawn: names as
// tokens, and the duration that was filled in and not typed.
type formState struct {
	BundleMode  bool   `json:"m,omitempty"`
	Integration string `json:"i,omitempty"`
	Type        string `json:"t,omitempty"`
	Bundle      string `json:"b,omitempty"`
	Default     string `json:"d,omitempty"`
	Typed       bool   `json:"y,omitempty"` // the duration
	Others      bool   `json:"o,omitempty"`
	Grantee     string `json:"g,omitempty"`
	Other       picks  `json:"k,omitzero"`  // of the other mode
	Bare        bool   `json:"n,omitempty"` // nothing could be chosen; what is named above comes back
}

func readState(s string) formState {
	var st formState
	if err := json.Unmarshal([]byte(s), &st); err != nil {
		return formState{}
	}
	return st
}

func (sel selection) state(defaultDuration string) string {
	return compact(sel.formState(defaultDuration))
}

// bareState is that of a form where nothing can be chosen.
func (sel selection) bareState(defaultDuration string) string {
	st := sel.formState(defaultDuration)
	st.Bare = true
	return compact(st)
}

func (sel selection) formState(defaultDuration string) formState {
	st := formState{BundleMode: sel.bundleMode, Integration: token(sel.integration), Type: token(sel.typ), Bundle: token(sel.bundle), Default: defaultDuration, Typed: sel.typed, Other: sel.other}
	if sel.others {
		st.Others, st.Grantee = true, sel.grantee
	}
	return st
}

// token stands for text that may be too long for an option's value.
func token(s string) string {
	if len(s) <= 120 && !strings.HasPrefix(s, "#") {
		return s
	}
	return "#" + hash(s)
}

// untoken finds the name that a token stands for; a token of nothing stays.
func untoken(t string, names []string) string {
	if strings.HasPrefix(t, "#") {
		if i := slices.IndexFunc(names, func(n string) bool { return token(n) == t }); i >= 0 {
			return names[i]
		}
	}
	return t
}

// named turns the tokens of what a form holds into names.
func (sel selection) named(w flows.World) selection {
	var bundles, types, permissions []string
	for _, b := range w.Catalog.Bundles() {
		bundles = append(bundles, b.Name)
	}
	sel.bundle = untoken(sel.bundle, bundles)
	sel.integration = untoken(sel.integration, w.Inventory.Integrations())
	for _, t := range w.Inventory.Types(sel.integration) {
		types = append(types, t.ID)
	}
	sel.typ = untoken(sel.typ, types)
	if t, ok := w.Inventory.Type(sel.integration, sel.typ); ok {
		for _, p := range t.Permissions {
			permissions = append(permissions, p.ID)
		}
	}
	sel.permissions = slices.Clone(sel.permissions)
	for i, p := range sel.permissions {
		sel.permissions[i] = untoken(p, permissions)
	}
	return sel
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}

func unitToken(u flows.Unit) string {
	return "#" + hash(strings.Join([]string{u.Integration, u.ResourceType, u.Resource, u.Permission}, "\x00"))
}

// readSelection reads the form. What depended on a choice that has changed since
// the form was drawn is dropped.
func readSelection(e chat.FormEvent) selection {
	st, v := readState(e.State), e.Values
	sel := selection{
		bundleMode: st.BundleMode, others: st.Others, grantee: v.First(cards.FieldGrantee),
		integration: v.First(cards.FieldIntegration), typ: v.First(cards.FieldType),
		resources: v[cards.FieldResources], permissions: v[cards.FieldPermissions],
		bundle: v.First(cards.FieldBundle), items: v[cards.FieldItems],
		all:      v.First(cards.FieldAll) == cards.AllItems,
		duration: v.First(cards.FieldDuration), justification: v.First(cards.FieldJustification), filled: st.Default, other: st.Other,
		open: true,
	}
	sel.typed = st.Typed || sel.duration != st.Default || e.Field == cards.FieldDuration
	switch { // the fields of the other mode are not in the form; what was chosen there stays
	case st.Bare:
		sel.bundle, sel.integration, sel.typ = st.Bundle, st.Integration, st.Type
	case st.BundleMode:
		sel.integration, sel.typ = st.Integration, st.Type
	default:
		sel.bundle = st.Bundle
	}
	if sel.integration != st.Integration && st.Integration != "" {
		sel.typ = ""
	}
	if sel.typ != st.Type || sel.integration != st.Integration {
		if st.Type != "" {
			sel.resources, sel.permissions = nil, nil
		}
	}
	if sel.bundle != st.Bundle {
		sel.items, sel.all = nil, false
	}
	return sel
}

// Change redraws the request form after a choice, and turns the pages of Details.
func (s *Service) Change(ctx context.Context, e chat.FormEvent) *chat.Form {
	if e.Form == chat.FormDetails {
		return s.turnDetails(ctx, e)
	}
	if e.Form != chat.FormRequest {
		return nil
	}
	w := s.World()
	p, _, err := s.visitor(ctx, w, e.User)
	if asking(err) {
		s.note(ctx, "form", err)
		return nil // what was typed stays
	}
	if err != nil {
		s.note(ctx, "form", err)
		form := cards.Notice("Request access", flows.ErrorMessage(err))
		return &form
	}
	sel := readSelection(e).named(w)
	if !sel.typed {
		sel.duration = "" // filled in for another choice
	}
	if e.Action == chat.ActionMode {
		sel = sel.switched(w)
	}
	form := s.requestForm(w, p, sel, s.now())
	return &form
}

// Submit takes a form.
func (s *Service) Submit(ctx context.Context, e chat.FormEvent) chat.Submitted {
	w := s.World()
	p, err := s.person(ctx, w, e.User)
	if asking(err) {
		s.note(ctx, "submit", err)
		return chat.Submitted{Errors: map[string]string{"": "I could not find out who you are, so nothing was done. Please press the button again in a moment."}}
	}
	if err != nil {
		s.note(ctx, "submit", err)
		return notDone(flows.ErrorMessage(err))
	}
	switch e.Form {
	case chat.FormReason:
		return s.submitReason(ctx, w, p, e, s.now())
	case chat.FormLess:
		return s.submitLess(ctx, w, p, e, s.now())
	case chat.FormExtend:
		return s.submitExtend(ctx, w, p, e, s.now())
	case chat.FormRequest:
		return s.submitRequest(ctx, w, p, e, s.now())
	case chat.FormDetails, chat.FormCredentials, chat.FormNotice:
	}
	return chat.Submitted{}
}

func (s *Service) submitRequest(ctx context.Context, w flows.World, p *flows.Person, e chat.FormEvent, now time.Time) chat.Submitted {
	// A repeat is answered like the first delivery, whatever has changed since.
	if _, made, err := s.Store.Submission(e.Key); err == nil && made {
		return chat.Submitted{}
	}
	sel, drawn := readSelection(e).named(w), readState(e.State)
	q, problems := s.question(w, sel, now)
	q.Requestor, q.Grantee = p, p
	if sel.others {
		grantee, offer := forWhom(w, &cards.RequestForm{}, p, sel, now)
		if sentence := nothingFor(grantee, offer); sentence != "" {
			return chat.Submitted{Errors: map[string]string{cards.FieldGrantee: sentence}}
		}
		q.Grantee = grantee
	}
	if drawn.Bare { // there was nothing to choose from: is there now?
		form := s.requestForm(w, p, sel, now)
		return chat.Submitted{Show: &form}
	}
	if len(problems) > 0 {
		return chat.Submitted{Errors: drawn.visible(problems)}
	}
	v := w.Evaluate(q)
	if !v.Allowed() {
		return chat.Submitted{Errors: drawn.visible(fieldErrors(sel, v))}
	}
	made, err := s.Store.Submit(ctx, now, e.Key, w.Drafts(q, v))
	if err != nil {
		s.note(ctx, "submit", err)
		return chat.Submitted{Errors: map[string]string{cards.FieldJustification: flows.ErrorMessage(err)}}
	}
	for _, r := range made {
		s.Log.InfoContext(ctx, "request made", "request", r.ID, "person", p.Email, "flow", r.Flow, "state", string(r.State))
	}
	return chat.Submitted{}
}

// visible moves each error under a field that the form had when it was drawn. A
// platform drops errors of other fields, and then nobody learns what is wrong.
func (st formState) visible(errors map[string]string) map[string]string {
	out := map[string]string{}
	for _, field := range formFields {
		at := field
		switch field {
		case cards.FieldGrantee:
			if !st.Others {
				at = cards.FieldJustification
			}
		case cards.FieldItems, cards.FieldAll:
			if st.Bundle == "" {
				at = cards.FieldBundle
			}
		case cards.FieldType, cards.FieldResources, cards.FieldPermissions:
			if st.Integration == "" {
				at = cards.FieldIntegration
			} else if st.Type == "" {
				at = cards.FieldType
			}
		}
		out[at] = strings.TrimSpace(out[at] + " " + errors[field])
		if out[at] == "" {
			delete(out, at)
		}
	}
	return out
}

// formFields are the fields of the request form, from top to bottom.
var formFields = []string{
	cards.FieldGrantee, cards.FieldBundle, cards.FieldItems, cards.FieldAll, cards.FieldIntegration, cards.FieldType, cards.FieldResources,
	cards.FieldPermissions, cards.FieldDuration, cards.FieldJustification,
}

// fieldErrors puts each problem under the field it is about.
func fieldErrors(sel selection, v flows.Verdict) map[string]string {
	target := cards.FieldResources
	switch {
	case sel.bundleMode && sel.bundle == "":
		target = cards.FieldBundle
	case sel.bundleMode:
		target = cards.FieldItems
	case sel.integration == "":
		target = cards.FieldIntegration
	case sel.typ == "":
		target = cards.FieldType
	}
	out := map[string]string{}
	for _, c := range v.Problems() {
		field := target
		switch c.About {
		case flows.AboutDuration:
			field = cards.FieldDuration
		case flows.AboutJustification:
			field = cards.FieldJustification
		case flows.AboutPerson:
			if sel.others {
				field = cards.FieldGrantee
			}
		case flows.AboutTarget, flows.AboutTime, flows.AboutApprovers:
		}
		if out[field] != "" {
			out[field] += " "
		}
		out[field] += c.Reason
	}
	return out
}

// question turns a selection into a question; problems are by field.
func (s *Service) question(w flows.World, sel selection, now time.Time) (flows.Question, map[string]string) {
	q := flows.Question{Justification: sel.justification, Now: now}
	problems := map[string]string{}
	if sel.duration != "" {
		d, err := ParseDuration(sel.duration)
		if err != nil {
			problems[cards.FieldDuration] = flows.ErrorMessage(err)
		}
		q.Duration = d
	}
	if sel.bundleMode {
		if sel.bundle == "" {
			problems[cards.FieldBundle] = "Please choose a bundle."
			return q, problems
		}
		q.Bundle = sel.bundle
		if !sel.all {
			units, missing := bundleUnits(w, sel)
			q.Units = units
			if missing {
				problems[cards.FieldItems] = staleItems
			}
		}
		return q, problems
	}
	switch {
	case sel.integration == "":
		problems[cards.FieldIntegration] = "Please choose an integration."
	case sel.typ == "":
		problems[cards.FieldType] = "Please choose a resource type."
	case len(sel.resources) == 0:
		problems[cards.FieldResources] = "Please choose at least one resource."
	case len(sel.permissions) == 0:
		problems[cards.FieldPermissions] = "Please choose at least one permission."
	}
	units, missing := resourceUnits(w, sel)
	q.Units = units
	if missing {
		problems[cards.FieldResources] = staleResources
	}
	return q, problems
}

const (
	staleItems     = "Some of these items are not in the bundle any more. Please choose again."
	staleResources = "Some of these resources are not there any more. Please choose again."
)

func resourceUnits(w flows.World, sel selection) (units []flows.Unit, missing bool) {
	for _, t := range sel.resources {
		r, ok := resourceByToken(w, sel.integration, sel.typ, t)
		if !ok {
			missing = true
			continue
		}
		for _, perm := range sel.permissions {
			units = append(units, flows.Unit{Integration: sel.integration, ResourceType: sel.typ, Resource: r.ID, Permission: perm})
		}
	}
	return units, missing
}

func resourceByToken(w flows.World, integration, typ, t string) (*flows.Resource, bool) {
	if !strings.HasPrefix(t, "#") {
		return w.Inventory.Resource(integration, typ, t)
	}
	for _, r := range w.Inventory.Resources(integration, typ) {
		if token(r.ID) == t {
			return r, true
		}
	}
	return nil, false
}

func bundleUnits(w flows.World, sel selection) (units []flows.Unit, missing bool) {
	if len(sel.items) == 0 {
		return nil, false
	}
	wanted := map[string]bool{}
	for _, t := range sel.items {
		wanted[t] = true
	}
	for _, u := range w.BundleUnits(sel.bundle, 0) {
		if t := unitToken(u); wanted[t] {
			units = append(units, u)
			delete(wanted, t)
		}
	}
	return units, len(wanted) > 0
}

// selectionOf fills the form like an earlier request. The whole of a bundle is
// asked for as a whole again.
func selectionOf(w flows.World, r *flows.Request) selection {
	sel := selection{justification: r.Justification, grantee: token(r.Grantee.Email)}
	if !r.Indefinite {
		sel.duration, sel.typed = shortDuration(r.Duration), true
	}
	if r.Bundle != "" {
		sel.bundleMode, sel.bundle = true, r.Bundle
		var before []flows.Unit
		for _, it := range r.Items() {
			before = append(before, it.Unit)
			sel.items = append(sel.items, unitToken(it.Unit))
		}
		whole := w.BundleUnits(r.Bundle, 0)
		slices.SortFunc(before, flows.Unit.Compare)
		slices.SortFunc(whole, flows.Unit.Compare)
		if slices.Equal(before, whole) {
			sel.items = nil
		}
		sel.items, sel.cut = fit(sel.items)
		return sel
	}
	for _, it := range r.Items() {
		if sel.integration == "" {
			sel.integration, sel.typ = it.Integration, it.ResourceType
		}
		if it.Integration != sel.integration || it.ResourceType != sel.typ {
			continue
		}
		if t := token(it.Resource); !slices.Contains(sel.resources, t) {
			sel.resources = append(sel.resources, t)
		}
		if !slices.Contains(sel.permissions, it.Permission) {
			sel.permissions = append(sel.permissions, it.Permission)
		}
	}
	sel.resources, sel.cut = fit(sel.resources)
	return sel
}

// fit keeps as many choices as a menu holds; cut is how many there were if that
// is more.
func fit(tokens []string) (kept []string, cut int) {
	if len(tokens) <= maxOptions {
		return tokens, 0
	}
	return tokens[:maxOptions], len(tokens)
}
