package bot_test

import (
	"strings"
	"testing"

	"apono/bot/cards"
	"apono/bot/chat"
)

// typeIn changes a text field as a person does.
func (s *session) typeIn(field, text string) *session {
	s.t.Helper()
	generation := part(s.t, s.form, field).Generation
	s.values[field] = []string{text}
	e := s.event("")
	e.Field = field
	s.show(s.Change(s.t.Context(), e))
	if got := part(s.t, s.form, field).Generation; got != generation {
		s.t.Errorf("the field %s became another one while somebody typed in it: %q, then %q", field, generation, got)
	}
	return s
}

func (s *session) hints() string {
	var b strings.Builder
	for _, p := range s.form.Parts {
		b.WriteString(plain(p.Text) + "\n")
	}
	return b.String()
}

// TestTypedDurationStays: what a person wrote is never replaced, be it what was filled
// in before, nothing at all, or more than a later choice allows.
func TestTypedDurationStays(t *testing.T) {
	for _, typed := range []string{"8h", "30m", "", "99h", "soon"} {
		o := newOffice(t)
		s := o.open("request prod-incident")
		if got := s.values.First(cards.FieldDuration); got == "" {
			t.Fatal("no duration is filled in")
		}
		s.typeIn(cards.FieldDuration, typed)
		for _, all := range [][]string{{cards.AllItems}, nil} {
			s.choose(cards.FieldAll, all...)
			if got := s.values.First(cards.FieldDuration); got != typed {
				t.Errorf("%q was replaced by %q", typed, got)
			}
		}
	}
}

// TestSplitKeepsTheTypedDuration: two flows, one of which holds less.
func TestSplitKeepsTheTypedDuration(t *testing.T) {
	o := newOffice(t)
	s := o.open("")
	s.choose(cards.FieldIntegration, "pg").choose(cards.FieldType, "database").choose(cards.FieldResources, "db-1").choose(cards.FieldPermissions, "read")
	if got := s.values.First(cards.FieldDuration); got != "8h" {
		t.Errorf("filled in: %q", got)
	}
	s.choose(cards.FieldPermissions, "read", "write")
	if got := s.values.First(cards.FieldDuration); got != "1h" { // the longest that both can hold
		t.Errorf("filled in for a split: %q", got)
	}
	s.choose(cards.FieldPermissions, "read").typeIn(cards.FieldDuration, "3h").choose(cards.FieldPermissions, "read", "write")
	if got := s.values.First(cards.FieldDuration); got != "3h" {
		t.Errorf("3h was replaced by %q", got)
	}
}

// TestMissingJustificationIsSaid before anybody presses Submit, where it is required.
func TestMissingJustificationIsSaid(t *testing.T) {
	o := newOffice(t)
	const missing = "Missing: Please say why you need this."
	s := o.open("request prod-incident")
	if strings.Contains(s.hints(), missing) {
		t.Errorf("no flow requires it:\n%s", s.hints())
	}
	o.policy.Flows[0].Settings.JustificationRequired = true
	o.change()
	s = o.open("request prod-incident")
	if !strings.Contains(s.hints(), missing) {
		t.Errorf("it is not said:\n%s", s.hints())
	}
	if s.typeIn(cards.FieldJustification, "INC-12"); strings.Contains(s.hints(), missing) {
		t.Errorf("it is said still:\n%s", s.hints())
	}
}

// TestTypedTextStaysOverASwitch of the mode: what is typed while the form is being
// drawn anew is in a field that stays the same one, be it the duration or the reason.
func TestTypedTextStaysOverASwitch(t *testing.T) {
	for name, text := range map[string]string{"resources": "", "a bundle": "request prod-incident"} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			s := o.open(text)
			if name == "resources" {
				s.choose(cards.FieldType, "database").choose(cards.FieldResources, "db-1").choose(cards.FieldPermissions, "read")
			}
			for range 2 {
				was := map[string]string{}
				for _, field := range []string{cards.FieldDuration, cards.FieldJustification} {
					was[field] = part(t, s.form, field).Generation
				}
				s.switchMode()
				for field, generation := range was {
					if got := part(t, s.form, field).Generation; got != generation {
						t.Errorf("the field %s became another one: %q, then %q", field, generation, got)
					}
				}
			}
		})
	}
}

// TestTypedTextStaysWhereNothingIsOffered: neither the end of a time frame nor a changed
// policy takes what was typed out of an open form, and the choice comes back with the
// right to it.
func TestTypedTextStaysWhereNothingIsOffered(t *testing.T) {
	o := newOffice(t)
	s := o.open("request prod-incident")
	s.typeIn(cards.FieldJustification, "INC-12").typeIn(cards.FieldDuration, "30m")
	setActive := func(active bool) {
		for i := range o.policy.Flows {
			o.policy.Flows[i].Active = active
		}
		o.change()
	}
	setActive(false)
	s.typeIn(cards.FieldJustification, "INC-12, burning")
	if !strings.Contains(s.hints(), "There is nothing you may ask for") {
		t.Errorf("the form says\n%s", s.hints())
	}
	kept := chat.Values{"duration": {"30m"}, "justification": {"INC-12, burning"}}
	s.wantValues(kept)
	out := s.Submit(t.Context(), s.event(""))
	if out.Show == nil || out.Errors != nil {
		t.Fatalf("of a form with nothing to choose from: %+v", out)
	}
	s.show(out.Show)
	s.wantValues(kept)

	setActive(true)
	out = s.Submit(t.Context(), s.event(""))
	if out.Show == nil {
		t.Fatalf("something is on offer again: %+v", out)
	}
	s.show(out.Show)
	s.wantValues(chat.Values{"bundle": {"prod-incident"}, "duration": {"30m"}, "justification": {"INC-12, burning"}})
	if errors := s.submit(); errors != nil {
		t.Fatalf("%v", errors)
	}
	if r := o.request("AR-1"); r.Justification != "INC-12, burning" || r.Bundle != "prod-incident" {
		t.Errorf("%+v", r)
	}
}

// TestNothingTypedIsNothingToKeep: a form that opens with nothing to offer has no fields.
func TestNothingTypedIsNothingToKeep(t *testing.T) {
	o := newOffice(t)
	s := o.open("")
	for i := range o.policy.Flows {
		o.policy.Flows[i].Active = false
	}
	o.change()
	s.switchMode()
	s.wantValues(chat.Values{})
	o.open("request because INC-12").wantValues(chat.Values{})
}

// TestTypedTextStaysOverAGrantee for whom nothing can be asked, or who is not chosen yet.
func TestTypedTextStaysOverAGrantee(t *testing.T) {
	o := newOffice(t)
	forOthers(o, false, "developers")
	o.policy.Flows = o.policy.Flows[:1]
	o.change()
	s := o.open("request for 30m because INC-12")
	s.wantValues(chat.Values{"duration": {"30m"}, "justification": {"INC-12"}})
	s.choose(cards.FieldGrantee, "gil@example.com")
	if !strings.Contains(s.hints(), "There is nothing you may ask for Gil") {
		t.Errorf("the form says\n%s", s.hints())
	}
	s.choose(cards.FieldGrantee, "fay@example.com").choose(cards.FieldType, "database")
	if got := s.values; got.First(cards.FieldJustification) != "INC-12" || got.First(cards.FieldDuration) != "30m" {
		t.Errorf("the form holds %v", got)
	}
}
