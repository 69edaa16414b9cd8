package bot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// maxOptions is how many options a menu holds on every platform.
const maxOptions = 100

// requestForm draws the request form for a selection. Only what the person may
// ask for at this moment is offered; a single choice is made for them.
func (s *Service) requestForm(w flows.World, p *flows.Person, sel selection, now time.Time) chat.Form {
	f := cards.RequestForm{}
	grantee, offer := forWhom(w, &f, p, sel, now)
	bundles, integrations := offer.Bundles(), offer.Integrations()
	f.CanSwitch = len(bundles) > 0 && len(integrations) > 0
	sel.others, sel.grantee = f.ForOthers, ""
	if grantee != nil {
		sel.grantee = token(grantee.Email)
	}
	if f.ForOthers {
		if f.Nothing = nothingFor(grantee, offer); f.Nothing != "" {
			return bare(f, sel)
		}
	}
	switch {
	case len(bundles) == 0 && len(integrations) == 0:
		f.Empty = "There is nothing you may ask for at the moment. " + cmp.Or(offer.Later("", ""), "Access flows decide that; please ask your administrator.")
		return bare(f, sel)
	case len(bundles) == 0 && sel.bundleMode, len(integrations) == 0 && !sel.bundleMode:
		sel = sel.switched(w)
	}
	f.Hint = append(f.Hint, notOffered(sel, offer)...)
	f.BundleMode = sel.bundleMode
	if sel.bundleMode {
		sel = s.bundleChoices(w, &f, bundles, sel)
	} else {
		sel = s.resourceChoices(w, &f, offer, integrations, sel)
	}
	f.Duration, f.Justification = sel.duration, sel.justification
	if !sel.typed {
		f.Duration = sel.filled // until another is filled in
	}
	if sel.cut > 0 {
		f.Hint = append(f.Hint, chat.T(fmt.Sprintf("The earlier request had %d; the first %d are filled in.", sel.cut, maxOptions)))
	}
	if sel.had > 0 {
		f.Hint = append(f.Hint, chat.T(fmt.Sprintf("You had chosen %d; the first %d are kept.", sel.had, sel.kept)))
	}
	filled := s.verdict(w, p, grantee, &f, sel, now)
	if sel.typed || filled == "" {
		filled = sel.filled // the field stays the same one, or what is being typed would be lost
	}
	if filled != "" {
		f.DurationGeneration = hash(filled)
	}
	f.State = sel.state(filled)
	return f.Form()
}

// bare is the form where nothing can be chosen: what was typed stays in it, and the
// names of what was chosen come back with the choice.
func bare(f cards.RequestForm, sel selection) chat.Form {
	f.Typed = (sel.justification != "" || sel.typed) && (sel.open || f.Nothing != "")
	if !f.Typed {
		f.State = sel.bareState("")
		return f.Form()
	}
	f.Duration, f.Justification = sel.duration, sel.justification
	if !sel.typed {
		f.Duration = sel.filled
	}
	if sel.filled != "" {
		f.DurationGeneration = hash(sel.filled)
	}
	f.State = sel.bareState(sel.filled)
	return f.Form()
}

// notOffered names what was chosen, now or in an earlier request, and cannot be asked
// for at this moment, and says when it can.
func notOffered(sel selection, offer flows.Offer) []chat.Text {
	what, name, offered, later := "integration ", sel.integration, offer.Integrations, offer.Later("", sel.integration)
	if sel.bundle != "" {
		what, name, offered, later = "bundle ", sel.bundle, offer.Bundles, offer.Later(sel.bundle, "")
	}
	if name == "" || slices.Contains(offered(), name) {
		return nil
	}
	return []chat.Text{{chat.Bold("Not on offer: "), chat.Plain("You cannot ask for the " + what), chat.Code(firstRunes(name, 80)), chat.Plain(strings.TrimSuffix(" at the moment. "+later, " "))}}
}

// verdict says live what a submission would mean, as far as the choices go, and
// fills in a duration where none was typed: the longest that every part allows.
func (s *Service) verdict(w flows.World, p, grantee *flows.Person, f *cards.RequestForm, sel selection, now time.Time) (filled string) {
	q, problems := s.question(w, sel, now)
	q.Requestor, q.Grantee = p, grantee
	switch {
	case sel.stale && sel.bundleMode:
		problems[cards.FieldItems] = staleItems
	case sel.stale:
		problems[cards.FieldResources] = staleResources
	}
	for _, field := range formFields {
		if problems[field] != "" {
			f.Hint = append(f.Hint, chat.Text{chat.Bold("Missing: "), chat.Plain(problems[field])})
		}
	}
	if (len(q.Units) == 0 && q.Bundle == "") || problems[cards.FieldItems] != "" {
		return ""
	}
	v := w.Evaluate(q)
	if i := slices.IndexFunc(v.Problems(), func(c flows.Check) bool { return c.About == flows.AboutJustification }); i >= 0 {
		f.Hint = append(f.Hint, chat.Text{chat.Bold("Missing: "), chat.Plain(v.Problems()[i].Reason)})
	}
	f.Hint = append(f.Hint, s.already(w, p, grantee, v, now)...)
	f.Hint = append(f.Hint, cards.Verdict(withoutJustification(v), p)...)
	if s.Slow != nil {
		f.Hint = append(f.Hint, cards.Slow(v, s.Slow())...)
	}
	f.JustificationOptional = len(v.Parts) > 0 && !slices.ContainsFunc(v.Parts, func(p flows.Part) bool { return p.Flow.JustificationRequired() })
	if sel.typed || len(v.Parts) == 0 {
		return ""
	}
	var least time.Duration
	for _, part := range v.Parts {
		if !part.Indefinite && (least == 0 || part.Duration < least) {
			least = part.Duration
		}
	}
	if least > 0 {
		f.Duration = shortDuration(least)
	}
	return f.Duration
}

// withoutJustification drops what is said above all else.
func withoutJustification(v flows.Verdict) flows.Verdict {
	v.Checks = slices.DeleteFunc(slices.Clone(v.Checks), func(c flows.Check) bool { return c.About == flows.AboutJustification })
	return v
}

func (s *Service) bundleChoices(w flows.World, f *cards.RequestForm, bundles []string, sel selection) selection {
	f.Bundles = nameOptions(bundles)
	sel.bundle = untoken(chooseOne(token(sel.bundle), f.Bundles), bundles)
	f.Bundle = chosen(f.Bundles, token(sel.bundle))
	if sel.bundle == "" {
		return sel
	}
	f.Generation = hash(sel.bundle)
	units := w.BundleUnits(sel.bundle, 0)
	f.TooManyForAll = len(units) > flows.MaxUnits
	f.OfferAll = len(units) > 0 && !f.TooManyForAll
	f.All = sel.all && f.OfferAll
	f.Items = itemOptions(w, units, func(o chat.Option) bool { return slices.Contains(sel.items, o.Value) }, len(sel.items))
	if kept := values(f.Items); len(kept) < len(sel.items) {
		sel.items, sel.stale = kept, true
		f.Generation = hash(f.Generation + strings.Join(kept, " "))
	}
	return sel
}

func (s *Service) resourceChoices(w flows.World, f *cards.RequestForm, offer flows.Offer, integrations []string, sel selection) selection {
	f.Integrations = nameOptions(integrations)
	sel.integration = untoken(chooseOne(token(sel.integration), f.Integrations), integrations)
	f.Integration = chosen(f.Integrations, token(sel.integration))
	if sel.integration == "" {
		sel.typ, sel.resources, sel.permissions = "", nil, nil
		return sel
	}
	var types []string
	for _, t := range offer.Types(sel.integration) {
		types = append(types, t.ID)
	}
	f.Types = typeOptions(offer, sel.integration)
	sel.typ = untoken(chooseOne(token(sel.typ), f.Types), types)
	f.Type = chosen(f.Types, token(sel.typ))
	f.Generation = hash(sel.integration)
	if sel.typ == "" {
		sel.resources, sel.permissions = nil, nil
		return sel
	}
	f.TypeGeneration = hash(sel.integration + "\x00" + sel.typ)
	return resourceAndPermissions(w, f, offer, sel)
}

// resourceAndPermissions keeps what is still on offer and makes a single choice. A
// field whose choice was changed here gets another generation, or the platform
// would keep what it had.
func resourceAndPermissions(w flows.World, f *cards.RequestForm, offer flows.Offer, sel selection) selection {
	before := sel
	if only := offer.Resources(sel.integration, sel.typ, "", 2); len(only) == 1 && len(sel.resources) == 0 {
		sel.resources = []string{token(only[0].ID)}
	}
	var ids []string
	for _, t := range sel.resources {
		if r, ok := resourceByToken(w, sel.integration, sel.typ, t); ok && offer.Has(sel.integration, r) {
			ids = append(ids, r.ID)
			f.Resources = append(f.Resources, resourceOption(r))
		}
	}
	kept := values(f.Resources)
	sel.resources, sel.stale = kept, len(kept) < len(sel.resources)
	f.PermissionGeneration = f.TypeGeneration
	if !slices.Equal(kept, before.resources) {
		f.TypeGeneration = hash(f.TypeGeneration + strings.Join(kept, " "))
	}
	f.Permissions = permissionOptions(offer, sel.integration, sel.typ, ids)
	for _, o := range f.Permissions {
		if slices.ContainsFunc(sel.permissions, func(id string) bool { return token(id) == o.Value }) {
			f.ChosenPermissions = append(f.ChosenPermissions, o)
		}
	}
	if len(f.Permissions) == 1 {
		f.ChosenPermissions = f.Permissions
	}
	sel.permissions = values(f.ChosenPermissions)
	sel = sel.named(w)
	if len(sel.permissions) != len(before.permissions) {
		f.PermissionGeneration = hash(f.PermissionGeneration + strings.Join(sel.permissions, " "))
	}
	return sel
}

func values(options []chat.Option) []string {
	var out []string
	for _, o := range options {
		out = append(out, o.Value)
	}
	return out
}

// chooseOne keeps a choice that is still offered and makes a single one.
func chooseOne(value string, options []chat.Option) string {
	if slices.ContainsFunc(options, func(o chat.Option) bool { return o.Value == value }) {
		return value
	}
	if len(options) == 1 {
		return options[0].Value
	}
	return ""
}

func chosen(options []chat.Option, value string) []chat.Option {
	i := slices.IndexFunc(options, func(o chat.Option) bool { return o.Value == value })
	if i < 0 {
		return nil
	}
	return []chat.Option{options[i]}
}

func resourceOption(r *flows.Resource) chat.Option {
	return chat.Option{Value: token(r.ID), Label: cmp.Or(r.Name, r.ID), Description: strings.Join(r.Path, " / ")}
}

func itemOptions(w flows.World, units []flows.Unit, keep func(chat.Option) bool, limit int) []chat.Option {
	var out []chat.Option
	for _, u := range units {
		if len(out) == limit {
			break
		}
		if o := itemOption(w.Inventory.Describe(u)); keep(o) {
			out = append(out, o)
		}
	}
	return out
}

// labelRoom is how many characters of an option every platform shows.
const labelRoom = 75

// itemOption keeps the permission in sight where the name of the resource is long: two
// of one resource would look the same.
func itemOption(it flows.Item) chat.Option {
	o := chat.Option{Value: unitToken(it.Unit), Description: it.Parents()}
	room := labelRoom - utf8.RuneCountInString(it.Label()) + utf8.RuneCountInString(it.ResourceName)
	it.ResourceName = chat.Middle(it.ResourceName, max(room, labelRoom/2))
	o.Label = it.Label()
	return o
}

func nameOptions(names []string) (out []chat.Option) {
	for _, n := range names {
		out = append(out, chat.Option{Value: token(n), Label: n})
	}
	return out
}

func typeOptions(offer flows.Offer, integration string) (out []chat.Option) {
	for _, t := range offer.Types(integration) {
		out = append(out, chat.Option{Value: token(t.ID), Label: cmp.Or(t.Name, t.ID)})
	}
	return out
}

func permissionOptions(offer flows.Offer, integration, typ string, resources []string) (out []chat.Option) {
	for _, p := range offer.Permissions(integration, typ, resources) {
		out = append(out, chat.Option{Value: token(p.ID), Label: cmp.Or(p.Name, p.ID)})
	}
	return out
}

// withName keeps the options whose name holds what was typed, those that begin with it
// first.
func withName(options []chat.Option, query string) []chat.Option {
	query = strings.ToLower(strings.TrimSpace(query))
	var first, others []chat.Option
	for _, o := range options {
		switch name := strings.ToLower(o.Label); {
		case strings.HasPrefix(name, query):
			first = append(first, o)
		case strings.Contains(name, query):
			others = append(others, o)
		}
	}
	first = append(first, others...)
	return first[:min(len(first), maxOptions)]
}

// Search answers a search in the request form, best match first. Platforms also search
// in menus of more options than they can list.
func (s *Service) Search(ctx context.Context, q chat.Search) []chat.Option {
	if q.Form != chat.FormRequest {
		return nil
	}
	w := s.World()
	p, _, err := s.visitor(ctx, w, q.User)
	if err != nil {
		s.note(ctx, "search", err)
		return nil
	}
	st, now := readState(q.State), s.now()
	offer := w.OfferTo(p, selection{grantee: st.Grantee}.chosenGrantee(w), now)
	chosen := selection{integration: st.Integration, typ: st.Type, bundle: st.Bundle}.named(w)
	switch q.Field {
	case cards.FieldBundle:
		return withName(nameOptions(offer.Bundles()), q.Query)
	case cards.FieldIntegration:
		return withName(nameOptions(offer.Integrations()), q.Query)
	case cards.FieldType:
		return withName(typeOptions(offer, chosen.integration), q.Query)
	case cards.FieldPermissions:
		return withName(permissionOptions(offer, chosen.integration, chosen.typ, nil), q.Query)
	case cards.FieldGrantee:
		return searchGrantees(p, w.OfferTo(p, nil, now), q.Query)
	case cards.FieldResources:
		found := offer.Resources(chosen.integration, chosen.typ, q.Query, maxOptions)
		found, recent, err := s.recentFirst(p, offer, w, chosen.integration, chosen.typ, q.Query, found)
		if err != nil {
			s.note(ctx, "search", err) // what was found is of use all the same
		}
		var out []chat.Option
		for _, r := range found {
			out = append(out, resourceOption(r))
		}
		return grouped(out, recent)
	case cards.FieldItems:
		if !slices.Contains(offer.Bundles(), chosen.bundle) {
			return nil
		}
		var out []chat.Option
		for _, it := range w.SearchBundle(chosen.bundle, q.Query, maxOptions) {
			out = append(out, itemOption(it))
		}
		return grouped(out, 0)
	}
	return nil
}

// shortDuration writes a duration the way people type it: "1h", "1h30m", "2d".
func shortDuration(d time.Duration) string {
	if d >= 24*time.Hour && d%(24*time.Hour) == 0 {
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	}
	t := d.String()
	if strings.HasSuffix(t, "m0s") {
		t = strings.TrimSuffix(t, "0s")
	}
	if strings.HasSuffix(t, "h0m") {
		t = strings.TrimSuffix(t, "0m")
	}
	return t
}
