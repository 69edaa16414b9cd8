package cards

import (
	"fmt"
	"strings"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// Fields of the request form.
const (
	FieldGrantee       = "grantee"
	FieldIntegration   = "integration"
	FieldType          = "type"
	FieldResources     = "resources"
	FieldPermissions   = "permissions"
	FieldBundle        = "bundle"
	FieldItems         = "items"
	FieldAll           = "all"
	FieldDuration      = "duration"
	FieldJustification = "justification"
	FieldReason        = "reason"
)

// AllItems is the value of the checkbox `Select all`.
const AllItems = "all"

// RequestForm is what the request form shows.
type RequestForm struct {
	State      string // opaque
	BundleMode bool
	CanSwitch  bool // the other mode has something to offer

	Integrations, Types, Permissions                []chat.Option
	Integration, Type, Resources, ChosenPermissions []chat.Option // chosen
	Bundles, Bundle, Items                          []chat.Option
	OfferAll, All                                   bool
	TooManyForAll                                   bool
	Generation                                      string // of what depends on the first choice
	TypeGeneration                                  string // of the resources, which depend on the resource type
	PermissionGeneration                            string // of the permissions
	DurationGeneration                              string // of the duration, where it was filled in and not typed
	Duration, Justification                         string
	JustificationOptional                           bool
	Hint                                            []chat.Text // the verdict, below the fields
	Empty                                           string      // nothing can be asked for: why

	ForOthers         bool          // it is asked for whom
	Grantee           []chat.Option // chosen
	GranteeGeneration string        // of what depends on the grantee
	Nothing           string        // nothing can be chosen for this grantee: why
	Typed             bool          // where nothing can be chosen, what was typed stays all the same
}

// Form draws the request form.
func (f RequestForm) Form() chat.Form {
	form := chat.Form{ID: chat.FormRequest, Title: "Request access", Close: "Cancel", State: f.State}
	if f.Empty != "" {
		form.Parts = append([]chat.Part{{Kind: chat.PartText, Text: chat.T(f.Empty)}}, f.kept()...)
		if f.Typed {
			form.Submit = "Submit"
		}
		return form
	}
	if f.ForOthers {
		form.Parts = append(form.Parts, chat.Part{
			Kind: chat.PartSelect, Field: FieldGrantee, Label: "Request for", Search: true, Selected: f.Grantee, Live: true, Placeholder: "Type to search",
		})
	}
	form.Submit = "Submit"
	if f.Nothing != "" {
		form.Parts = append(form.Parts, chat.Part{Kind: chat.PartText, Text: chat.T(f.Nothing)})
		form.Parts = append(form.Parts, f.kept()...)
		return form
	}
	form.Parts = append(form.Parts, f.head())
	if f.BundleMode {
		form.Parts = append(form.Parts, f.bundleParts()...)
	} else {
		form.Parts = append(form.Parts, f.resourceParts()...)
	}
	form.Parts = append(form.Parts, f.typed()...)
	for _, t := range f.Hint {
		form.Parts = append(form.Parts, chat.Part{Kind: chat.PartNote, Text: t})
	}
	return form
}

// typed are the fields in which a person writes.
func (f RequestForm) typed() []chat.Part {
	return []chat.Part{
		{
			Kind: chat.PartInput, Field: FieldDuration, Generation: f.DurationGeneration, Label: "Duration", Value: f.Duration, Live: true, Max: 40, Optional: true,
			Hint: "For example 30m, 2h, 1d. Empty: as long as the access flow allows.",
		},
		{
			Kind: chat.PartInput, Field: FieldJustification, Label: "Justification", Value: f.Justification, Multi: true, Live: !f.JustificationOptional,
			Max: flows.MaxReason, Optional: f.JustificationOptional, Placeholder: "Why do you need this?",
		},
	}
}

// kept are the same where nothing can be chosen: only if something was typed.
func (f RequestForm) kept() []chat.Part {
	if !f.Typed {
		return nil
	}
	return f.typed()
}

func (f RequestForm) head() chat.Part {
	p := chat.Part{Kind: chat.PartText, Text: chat.T("Choose what you need, resource by resource.")}
	label := "Bundle Mode"
	if f.BundleMode {
		p.Text, label = chat.T("Choose a bundle, the whole of it or the items you need."), "Resource Mode"
	}
	if f.CanSwitch {
		p.Action = &chat.Action{ID: chat.ActionMode, Label: label}
	}
	return p
}

func (f RequestForm) resourceParts() []chat.Part {
	parts := []chat.Part{{
		Kind: chat.PartSelect, Field: FieldIntegration, Generation: f.GranteeGeneration, Label: "Integration", Options: f.Integrations, Selected: f.Integration, Live: true,
		Placeholder: "Choose a system",
	}}
	if len(f.Integration) == 0 {
		return parts
	}
	parts = append(parts, chat.Part{
		Kind: chat.PartSelect, Field: FieldType, Generation: f.Generation, Label: "Resource type", Options: f.Types, Selected: f.Type, Live: true,
		Placeholder: "Choose a type",
	})
	if len(f.Type) == 0 {
		return parts
	}
	return append(parts,
		chat.Part{
			Kind: chat.PartMulti, Field: FieldResources, Generation: f.TypeGeneration, Label: "Resources", Search: true,
			Selected: f.Resources, Live: true, Placeholder: "Type to search",
		},
		chat.Part{
			Kind: chat.PartMulti, Field: FieldPermissions, Generation: f.PermissionGeneration, Label: "Permissions", Options: f.Permissions,
			Selected: f.ChosenPermissions, Live: true, Placeholder: "Choose permissions",
		})
}

func (f RequestForm) bundleParts() []chat.Part {
	parts := []chat.Part{{
		Kind: chat.PartSelect, Field: FieldBundle, Generation: f.GranteeGeneration, Label: "Bundle", Options: f.Bundles, Selected: f.Bundle, Live: true, Placeholder: "Choose a bundle",
	}}
	if len(f.Bundle) == 0 {
		return parts
	}
	items := chat.Part{
		Kind: chat.PartMulti, Field: FieldItems, Generation: f.Generation, Label: "Items", Search: true, Selected: f.Items, Live: true,
		Optional: true, Placeholder: "Type to search; nothing chosen means the whole bundle",
	}
	if f.TooManyForAll {
		items.Placeholder = "Type to search"
	}
	parts = append(parts, items)
	switch {
	case f.OfferAll:
		all := chat.Option{Value: AllItems, Label: "Select all"}
		p := chat.Part{
			Kind: chat.PartCheck, Field: FieldAll, Generation: f.Generation, Label: "Select all", Options: []chat.Option{all}, Live: true, Optional: true,
		}
		if f.All {
			p.Selected = []chat.Option{all}
		}
		parts = append(parts, p)
	case f.TooManyForAll:
		parts = append(parts, chat.Part{Kind: chat.PartNote, Text: chat.T(fmt.Sprintf(
			"This bundle holds more than %d objects, so it cannot be asked for as a whole. Please pick what you need.", flows.MaxUnits))})
	}
	return parts
}

func objects(n int) string {
	if n == 1 {
		return "1 object"
	}
	return fmt.Sprintf("%d objects", n)
}

// Verdict says below the fields what a submission would mean.
func Verdict(v flows.Verdict, requestor *flows.Person) []chat.Text {
	var out []chat.Text
	if len(v.Parts) > 1 {
		out = append(out, chat.Text{chat.Bold(fmt.Sprintf("This becomes %d requests, one for each access flow:", len(v.Parts)))})
	}
	for _, p := range v.Parts {
		t := chat.Text{chat.Bold("Access flow: "), chat.Plain(p.Flow.Name)}
		if len(v.Parts) > 1 {
			t = append(t, chat.Plain(" ("+objects(len(p.Units))+")"))
		}
		t = append(t, chat.Plain("\n"), chat.Bold("Longest: "), chat.Plain(p.Flow.Duration.String()))
		if p.Flow.Settings.BreakGlass {
			t = append(t, chat.Plain("\n"), chat.Bold("This breaks the glass: "),
				chat.Plain("granted at once, told in the audit channel, and you have to explain it within "+flows.FormatDuration(flows.ExplainWithin)+"."))
		}
		if who := p.Approvers.Summary(requestor); who != "" {
			t = append(t, chat.Plain("\n"), chat.Bold("Asked: "), chat.Plain(who))
		}
		out = append(out, t)
	}
	for _, c := range v.Problems() {
		out = append(out, chat.Text{chat.Bold("Missing: "), chat.Plain(c.Reason)})
	}
	return out
}

// Slow says of each of the slow integrations of a submission how long it usually takes,
// by name.
func Slow(v flows.Verdict, slow map[string]time.Duration) (out []chat.Text) {
	told := map[string]bool{}
	for _, p := range v.Parts {
		for _, u := range p.Units {
			if d := slow[u.Integration]; d > 0 && !told[u.Integration] {
				told[u.Integration] = true
				out = append(out, chat.T(flows.UsuallyTakes(u.Integration, d)))
			}
		}
	}
	return out
}

// Reason is the dialog in which an approver gives a reason.
func Reason(r flows.Request, verb flows.Verb, required bool, state string) chat.Form {
	word := "Approve"
	if verb == flows.VerbDeny {
		word = "Deny"
	}
	return chat.Form{
		ID: chat.FormReason, Title: "Reason", Submit: word, Close: "Cancel", State: state,
		Parts: []chat.Part{
			{Kind: chat.PartText, Text: chat.Text{person(r.Requestor)[0], chat.Plain(" asks for "), chat.Bold(summary(r)), chat.Plain(" for " + lower(duration(r.Duration, r.Indefinite)) + ".")}},
			{Kind: chat.PartInput, Field: FieldReason, Label: "Reason", Multi: true, Max: flows.MaxReason, Optional: !required, Placeholder: "The requester will read this."},
		},
	}
}

// Loading is what a dialog shows while its content is fetched.
func Loading(title string) chat.Form {
	return chat.Form{ID: chat.FormCredentials, Title: title, Close: "Close", Parts: []chat.Part{{Kind: chat.PartText, Text: chat.T("One moment…")}}}
}

// Secret is one line of credentials on its way to the one who may see it.
type Secret struct {
	Name  string
	Value flows.Secret
}

// Credentials shows secrets once.
func Credentials(integration string, details []flows.Detail, secrets []Secret, canReset bool) chat.Form {
	f := chat.Form{ID: chat.FormCredentials, Title: "Credentials", Close: "Close"}
	f.Parts = append(f.Parts, chat.Part{Kind: chat.PartText, Text: chat.Text{chat.Bold(integration)}})
	for _, d := range details {
		f.Parts = append(f.Parts, chat.Part{Kind: chat.PartText, Text: chat.Text{chat.Bold(d.Name), chat.Plain("\n"), chat.Code(d.Value)}})
	}
	for _, s := range secrets {
		f.Parts = append(f.Parts, secretParts(s)...)
	}
	note := "Copy them now: they are erased and are not shown again."
	if canReset {
		note += " Reset credentials gives you new ones."
	}
	f.Parts = append(f.Parts, chat.Part{Kind: chat.PartNote, Text: chat.T(note)})
	return f
}

// longLine is the longest secret, in bytes, that is shown on one line.
const longLine = 200

// secretParts shows a secret to the letter. What is not one line of words, a key
// in several lines for example, gets blocks of its own.
func secretParts(s Secret) []chat.Part {
	value := s.Value.Reveal()
	if len(value) <= longLine && value == strings.Join(strings.Fields(value), " ") {
		return []chat.Part{{Kind: chat.PartText, Text: chat.Text{chat.Bold(s.Name), chat.Plain("\n"), chat.Code(value)}}}
	}
	return []chat.Part{
		{Kind: chat.PartText, Text: chat.Text{chat.Bold(s.Name)}},
		{Kind: chat.PartVerbatim, Value: value},
	}
}

// Notice is a dialog of one sentence.
func Notice(title, sentence string) chat.Form {
	return chat.Form{ID: chat.FormNotice, Title: title, Close: "Close", Parts: []chat.Part{{Kind: chat.PartText, Text: chat.T(sentence)}}}
}
