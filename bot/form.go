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
	integration, typ        string
	resources, permissions  []string // tokens of resources, ids of permissions
	bundle                  string
	items                   []string // tokens
	all                     bool
	duration, justification string
}

// formState travels with the form, so that a search, which may come without the
// form's values, knows what was chosen above it.
type formState struct {
	BundleMode  bool   `json:"m,omitempty"`
	Integration string `json:"i,omitempty"`
	Type        string `json:"t,omitempty"`
	Bundle      string `json:"b,omitempty"`
}

func readState(s string) formState {
	var st formState
	if err := json.Unmarshal([]byte(s), &st); err != nil {
		return formState{}
	}
	return st
}

func (sel selection) state() string {
	b, err := json.Marshal(formState{sel.bundleMode, sel.integration, sel.typ, sel.bundle})
	if err != nil {
		panic("bot: a form state that cannot be encoded (this is a bug): " + err.Error())
	}
	return string(b)
}

// token stands for text that may be too long for an option's value.
func token(s string) string {
	if len(s) <= 120 && !strings.HasPrefix(s, "#") {
		return s
	}
	return "#" + hash(s)
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
		bundleMode:  st.BundleMode,
		integration: v.First(cards.FieldIntegration), typ: v.First(cards.FieldType),
		resources: v[cards.FieldResources], permissions: v[cards.FieldPermissions],
		bundle: v.First(cards.FieldBundle), items: v[cards.FieldItems],
		all:      v.First(cards.FieldAll) == cards.AllItems,
		duration: v.First(cards.FieldDuration), justification: v.First(cards.FieldJustification),
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

// Change redraws the request form after a choice.
func (s *Service) Change(ctx context.Context, e chat.FormEvent) *chat.Form {
	if e.Form != chat.FormRequest {
		return nil
	}
	w := s.World()
	p, err := s.person(ctx, w, e.User)
	if err != nil {
		s.note(ctx, "form", err)
		form := cards.Notice("Request access", flows.ErrorMessage(err))
		return &form
	}
	sel := readSelection(e)
	if e.Action == chat.ActionMode {
		sel.bundleMode = !sel.bundleMode
	}
	form := s.requestForm(w, p, sel, time.Now())
	return &form
}

// Submit takes a form.
func (s *Service) Submit(ctx context.Context, e chat.FormEvent) chat.Submitted {
	w := s.World()
	p, err := s.person(ctx, w, e.User)
	if err != nil {
		s.note(ctx, "submit", err)
		return notice("Not done", flows.ErrorMessage(err))
	}
	switch e.Form {
	case chat.FormReason:
		return s.submitReason(ctx, w, p, e, time.Now())
	case chat.FormRequest:
		return s.submitRequest(ctx, w, p, e, time.Now())
	case chat.FormDetails, chat.FormCredentials, chat.FormNotice:
	}
	return chat.Submitted{}
}

func (s *Service) submitRequest(ctx context.Context, w flows.World, p *flows.Person, e chat.FormEvent, now time.Time) chat.Submitted {
	sel := readSelection(e)
	q, problems := s.question(w, p, sel, now)
	if len(problems) > 0 {
		return chat.Submitted{Errors: problems}
	}
	v := w.Evaluate(q)
	if !v.Allowed() {
		return chat.Submitted{Errors: fieldErrors(sel, v)}
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
		case flows.AboutPerson, flows.AboutTarget, flows.AboutApprovers:
		}
		if out[field] != "" {
			out[field] += " "
		}
		out[field] += c.Reason
	}
	return out
}

// question turns a selection into a question; problems are by field.
func (s *Service) question(w flows.World, p *flows.Person, sel selection, now time.Time) (flows.Question, map[string]string) {
	q := flows.Question{Requestor: p, Grantee: p, Justification: sel.justification, Now: now}
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
				problems[cards.FieldItems] = "Some of these items are not in the bundle any more. Please choose again."
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
	units, missing := resourceUnits(w, p, sel)
	q.Units = units
	if missing {
		problems[cards.FieldResources] = "Some of these resources are not there any more. Please choose again."
	}
	return q, problems
}

func resourceUnits(w flows.World, p *flows.Person, sel selection) (units []flows.Unit, missing bool) {
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

// selectionOf fills the form like an earlier request.
func selectionOf(r *flows.Request) selection {
	sel := selection{justification: r.Justification}
	if !r.Indefinite {
		sel.duration = shortDuration(r.Duration)
	}
	if r.Bundle != "" {
		sel.bundleMode, sel.bundle = true, r.Bundle
		for _, it := range r.Items() {
			sel.items = append(sel.items, unitToken(it.Unit))
		}
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
	return sel
}
