package bot

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// maxOptions is how many options a menu holds on every platform.
const maxOptions = 100

// requestForm draws the request form for a selection. Only what the person may
// ask for at this moment is offered; a single choice is made for them.
func (s *Service) requestForm(w flows.World, p *flows.Person, sel selection, now time.Time) chat.Form {
	offer := w.OfferTo(p)
	bundles, integrations := offer.Bundles(), offer.Integrations()
	f := cards.RequestForm{CanSwitch: len(bundles) > 0 && len(integrations) > 0}
	switch {
	case len(bundles) == 0 && len(integrations) == 0:
		f.Empty = "There is nothing you may ask for at the moment. Access flows decide that; please ask your administrator."
		return f.Form()
	case len(bundles) == 0:
		sel.bundleMode = false
	case len(integrations) == 0:
		sel.bundleMode = true
	}
	f.BundleMode = sel.bundleMode
	if sel.bundleMode {
		sel = s.bundleChoices(w, &f, bundles, sel)
	} else {
		sel = s.resourceChoices(w, &f, offer, integrations, sel)
	}
	f.Duration, f.Justification, f.State = sel.duration, sel.justification, sel.state()
	s.verdict(w, p, &f, sel, now)
	return f.Form()
}

// verdict says live what a submission would mean, as far as the choices go.
func (s *Service) verdict(w flows.World, p *flows.Person, f *cards.RequestForm, sel selection, now time.Time) {
	q, problems := s.question(w, p, sel, now)
	for _, field := range []string{cards.FieldDuration, cards.FieldItems} {
		if problems[field] != "" {
			f.Hint = append(f.Hint, chat.Text{chat.Bold("Missing: "), chat.Plain(problems[field])})
		}
	}
	if len(q.Units) == 0 && q.Bundle == "" {
		return
	}
	v := w.Evaluate(q)
	f.Hint = append(f.Hint, cards.Verdict(withoutJustification(v), p)...)
	f.JustificationOptional = len(v.Parts) > 0 && !slices.ContainsFunc(v.Parts, func(p flows.Part) bool { return p.Flow.Settings.JustificationRequired })
	if f.Duration == "" && len(v.Parts) > 0 && !v.Parts[0].Indefinite {
		f.Duration = shortDuration(v.Parts[0].Duration)
	}
}

// withoutJustification drops the one thing the person has not had time to type.
func withoutJustification(v flows.Verdict) flows.Verdict {
	v.Checks = slices.DeleteFunc(slices.Clone(v.Checks), func(c flows.Check) bool { return c.About == flows.AboutJustification })
	return v
}

func (s *Service) bundleChoices(w flows.World, f *cards.RequestForm, bundles []string, sel selection) selection {
	for _, b := range bundles {
		f.Bundles = append(f.Bundles, chat.Option{Value: b, Label: b})
	}
	sel.bundle = chooseOne(sel.bundle, f.Bundles)
	f.Bundle = chosen(f.Bundles, sel.bundle)
	if sel.bundle == "" {
		return sel
	}
	f.Generation = hash(sel.bundle)
	units := w.BundleUnits(sel.bundle, 0)
	f.TooManyForAll = len(units) > flows.MaxUnits
	f.OfferAll = len(units) > 0 && !f.TooManyForAll
	f.All = sel.all && f.OfferAll
	f.Items = itemOptions(w, units, func(o chat.Option) bool { return slices.Contains(sel.items, o.Value) }, maxOptions)
	return sel
}

func (s *Service) resourceChoices(w flows.World, f *cards.RequestForm, offer flows.Offer, integrations []string, sel selection) selection {
	for _, name := range integrations {
		f.Integrations = append(f.Integrations, chat.Option{Value: name, Label: name})
	}
	sel.integration = chooseOne(sel.integration, f.Integrations)
	f.Integration = chosen(f.Integrations, sel.integration)
	if sel.integration == "" {
		sel.typ, sel.resources, sel.permissions = "", nil, nil
		return sel
	}
	for _, t := range offer.Types(sel.integration) {
		f.Types = append(f.Types, chat.Option{Value: t.ID, Label: t.Name})
	}
	sel.typ = chooseOne(sel.typ, f.Types)
	f.Type = chosen(f.Types, sel.typ)
	f.Generation = hash(sel.integration)
	if sel.typ == "" {
		sel.resources, sel.permissions = nil, nil
		return sel
	}
	f.TypeGeneration = hash(sel.integration + "\x00" + sel.typ)
	var ids []string
	for _, t := range sel.resources {
		if r, ok := resourceByToken(w, sel.integration, sel.typ, t); ok {
			ids = append(ids, r.ID)
			f.Resources = append(f.Resources, resourceOption(r))
		}
	}
	if only := offer.Resources(sel.integration, sel.typ, "", 2); len(only) == 1 && len(sel.resources) == 0 {
		f.Resources = []chat.Option{resourceOption(only[0])}
		sel.resources = []string{f.Resources[0].Value}
		ids = []string{only[0].ID}
	}
	for _, p := range offer.Permissions(sel.integration, sel.typ, ids) {
		f.Permissions = append(f.Permissions, chat.Option{Value: p.ID, Label: p.Name})
	}
	if len(f.Permissions) == 1 && len(sel.permissions) == 0 {
		sel.permissions = []string{f.Permissions[0].Value}
	}
	f.ChosenPermissions = slices.DeleteFunc(slices.Clone(f.Permissions), func(o chat.Option) bool { return !slices.Contains(sel.permissions, o.Value) })
	return sel
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
	return chat.Option{Value: token(r.ID), Label: r.Name, Description: strings.Join(r.Path, " / ")}
}

func itemOptions(w flows.World, units []flows.Unit, keep func(chat.Option) bool, limit int) []chat.Option {
	var out []chat.Option
	for _, u := range units {
		it := w.Inventory.Describe(u)
		o := chat.Option{
			Value: unitToken(u), Label: it.ResourceName + " · " + it.PermissionName,
			Description: strings.Join(append([]string{u.Integration, it.TypeName}, it.Path...), " / "),
		}
		if keep(o) {
			out = append(out, o)
		}
		if len(out) == limit {
			break
		}
	}
	return out
}

// Search answers a search in the request form, best match first.
func (s *Service) Search(ctx context.Context, q chat.Search) []chat.Option {
	if q.Form != chat.FormRequest {
		return nil
	}
	w := s.World()
	p, err := s.person(ctx, w, q.User)
	if err != nil {
		s.note(ctx, "search", err)
		return nil
	}
	st, offer := readState(q.State), w.OfferTo(p)
	switch q.Field {
	case cards.FieldResources:
		var out []chat.Option
		for _, r := range offer.Resources(st.Integration, st.Type, q.Query, maxOptions) {
			out = append(out, resourceOption(r))
		}
		return out
	case cards.FieldItems:
		if !slices.Contains(offer.Bundles(), st.Bundle) {
			return nil
		}
		query := strings.ToLower(strings.TrimSpace(q.Query))
		return itemOptions(w, w.BundleUnits(st.Bundle, 0), func(o chat.Option) bool {
			return strings.Contains(strings.ToLower(o.Label+" "+o.Description), query)
		}, maxOptions)
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
