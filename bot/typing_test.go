package bot_test

import (
	"strings"
	"testing"

	"apono/bot/cards"
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
