package bot_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// session is a person with an open request form. Like a platform it keeps what
// was chosen while a field and its generation stay equal, else it takes what the
// form selects.
type session struct {
	*office
	form   *chat.Form
	values chat.Values
}

func (o *office) open(text string) *session {
	o.t.Helper()
	a := o.command("alice", text)
	if a.Open == nil {
		o.t.Fatalf("%q: %s", text, said(a))
	}
	s := &session{office: o, values: chat.Values{}}
	s.show(a.Open)
	return s
}

func (s *session) show(f *chat.Form) {
	before := map[string]bool{}
	if s.form != nil {
		for _, p := range s.form.Parts {
			before[p.Field+"@"+p.Generation] = true
		}
	}
	now := chat.Values{}
	for _, p := range f.Parts {
		if p.Field == "" {
			continue
		}
		if before[p.Field+"@"+p.Generation] {
			now[p.Field] = s.values[p.Field]
			continue
		}
		for _, o := range p.Selected {
			now[p.Field] = append(now[p.Field], o.Value)
		}
		if p.Value != "" {
			now[p.Field] = []string{p.Value}
		}
	}
	s.form, s.values = f, now
}

func (s *session) event(action chat.ActionID) chat.FormEvent {
	return chat.FormEvent{User: user("alice"), Form: chat.FormRequest, State: s.form.State, Values: s.values, Action: action, Key: fmt.Sprintf("view %p", s)}
}

func (s *session) choose(field string, values ...string) *session {
	s.t.Helper()
	if part(s.t, s.form, field) == nil {
		s.t.Fatalf("the form has no %s", field)
	}
	s.values[field] = values
	s.show(s.Change(s.t.Context(), s.event("")))
	return s
}

func (s *session) switchMode() *session {
	s.show(s.Change(s.t.Context(), s.event(chat.ActionMode)))
	return s
}

func (s *session) submit() map[string]string {
	return s.Submit(s.t.Context(), s.event("")).Errors
}

func (o *office) items(id string) []flows.Item {
	o.t.Helper()
	r := o.request(id)
	return r.Items()
}

func (s *session) wantHint(want ...string) {
	s.t.Helper()
	for _, w := range want {
		if got := hints(s.form); !strings.Contains(got, w) {
			s.t.Errorf("the form does not say %q:\n%s", w, got)
		}
	}
}

func (s *session) wantValues(want chat.Values) {
	s.t.Helper()
	got := chat.Values{}
	for field, v := range s.values {
		if len(v) > 0 {
			got[field] = v
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("the form holds (-want +got):\n%s", diff)
	}
}

// TestFormResourceMode chooses from top to bottom.
func TestFormResourceMode(t *testing.T) {
	o := newOffice(t)
	s := o.open("")
	if got := s.form.Parts[0].Action.Label; got != "Bundle Mode" {
		t.Errorf("the button reads %q", got)
	}
	s.wantValues(chat.Values{"integration": {"pg"}}) // a single choice is made
	s.wantHint("Missing: Please choose a resource type.")
	s.choose("type", "database")
	s.wantHint("Missing: Please choose at least one resource.")
	s.choose("resources", "db-1")
	s.choose("permissions", "read")
	s.wantHint("Access flow: read", "Longest: 8 hours", "Asked: Bob (your manager)")
	s.values["justification"] = []string{"INC-12"}
	s.wantValues(chat.Values{"integration": {"pg"}, "type": {"database"}, "resources": {"db-1"}, "permissions": {"read"}, "duration": {"8h"}, "justification": {"INC-12"}})
	s.choose("duration", "9h")
	s.wantHint("Missing: The longest under the access flow read is 8 hours.")
	if diff := cmp.Diff(map[string]string{"duration": "The longest under the access flow read is 8 hours."}, s.submit()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.choose("duration", "soon")
	s.wantHint(`Missing: "soon" is not a duration.`)
	s.choose("duration", "2h")
	if errs := s.submit(); errs != nil {
		t.Fatalf("%v", errs)
	}
	r := o.request("AR-1")
	if r.Flow != "read" || r.Justification != "INC-12" || r.Duration.Hours() != 2 || len(r.Items()) != 1 {
		t.Errorf("%+v", r)
	}
}

// TestFormSplit: what becomes several requests is said before.
func TestFormSplit(t *testing.T) {
	o := newOffice(t)
	s := o.open("").choose("type", "database").choose("resources", "db-1", "db-2").choose("permissions", "read", "write")
	s.wantHint("This becomes 2 requests, one for each access flow:", "Access flow: read (2 objects)", "Access flow: tools (2 objects)", "Asked: Automatic", "Asked: Bob (your manager)")
	if got := s.values["duration"]; len(got) != 1 || got[0] != "1h" {
		t.Errorf("the duration filled in is %v; it must fit both", got)
	}
	o.open("").choose("type", "database").choose("resources", "db-1").choose("permissions", "read", "write").
		wantHint("Access flow: read (1 object)", "Access flow: tools (1 object)")
	if errs := s.submit(); errs != nil || len(o.requests()) != 2 {
		t.Errorf("%v, %d requests", errs, len(o.requests()))
	}
}

// TestFormDropsWhatDepends: a choice above drops what was chosen below it.
func TestFormDropsWhatDepends(t *testing.T) {
	o := newOffice(t)
	o.holdings = append(o.holdings, flows.Holdings{Integration: "other", Types: o.holdings[0].Types[:1], Resources: o.holdings[0].Resources[:2]})
	o.policy.Flows[0].Targets = append(o.policy.Flows[0].Targets, flows.Target{Integration: "other", ResourceType: "database", Permissions: []string{"read"}})
	o.change()
	s := o.open("").choose("integration", "pg").choose("type", "database").choose("resources", "db-1").choose("permissions", "read", "write")
	s.choose("justification", "kept").choose("duration", "45m")
	s.choose("integration", "other")
	s.wantValues(chat.Values{"integration": {"other"}, "type": {"database"}, "permissions": {"read"}, "duration": {"45m"}, "justification": {"kept"}})
	s.choose("integration", "pg").choose("type", "role")
	s.wantValues(chat.Values{"integration": {"pg"}, "type": {"role"}, "resources": {"r-1"}, "permissions": {"member"}, "duration": {"45m"}, "justification": {"kept"}})
}

// TestFormKeepsWhatAppliesAcrossModes: and the button names the other mode.
func TestFormKeepsWhatAppliesAcrossModes(t *testing.T) {
	o := newOffice(t)
	s := o.open("").choose("type", "database").choose("justification", "kept").choose("duration", "30m").switchMode()
	if got := s.form.Parts[0].Action.Label; got != "Resource Mode" {
		t.Errorf("the button reads %q", got)
	}
	s.wantValues(chat.Values{"duration": {"30m"}, "justification": {"kept"}})
	s.choose("bundle", "prod-incident").switchMode()
	s.wantValues(chat.Values{"integration": {"pg"}, "type": {"database"}, "duration": {"30m"}, "justification": {"kept"}})
	s.switchMode()
	if got := s.values["bundle"]; len(got) != 1 || got[0] != "prod-incident" {
		t.Errorf("the bundle is forgotten: %v", s.values)
	}
}

// TestFormBundle: the whole, a part, all; another bundle drops the items.
func TestFormBundle(t *testing.T) {
	o := newOffice(t)
	s := o.open("request prod-incident because INC-12")
	s.wantHint("Access flow: read")
	items := o.Search(t.Context(), chat.Search{User: user("alice"), Form: chat.FormRequest, Field: "items", State: s.form.State, Query: "USERS"})
	if len(items) != 2 || items[0].Label != "users · Read" {
		t.Fatalf("found %+v", items)
	}
	s.choose("items", items[0].Value)
	if errs := s.submit(); errs != nil || len(o.items("AR-1")) != 1 {
		t.Fatalf("a part: %v, %+v", errs, o.items("AR-1"))
	}
	s.choose("bundle", "Tools for Ops")
	if len(s.values["items"]) != 0 {
		t.Errorf("the items of another bundle stay: %v", s.values)
	}
	s.choose("bundle", "prod-incident").choose("items", items[0].Value).choose("all", "all")
	s.values["justification"] = []string{"INC-12"}
	e := s.event("")
	e.Key = "second"
	if sub := o.Submit(t.Context(), e); sub.Errors != nil || len(o.items("AR-2")) != 4 {
		t.Errorf("all: %v, %+v", sub.Errors, o.items("AR-2"))
	}
}

// TestFormDefaultOfAnotherBundle: the longest of one bundle was filled in; another
// one has a shorter longest. What nobody typed must not become an error.
func TestFormDefaultOfAnotherBundle(t *testing.T) {
	o := newOffice(t)
	s := o.open("request prod-incident because INC-12")
	if s.values.First("duration") != "8h" {
		t.Fatalf("%v", s.values)
	}
	stale := *s
	s.choose("bundle", "Tools for Ops")
	if s.values.First("duration") != "1h" || strings.Contains(hints(s.form), "Missing") {
		t.Errorf("duration %q:\n%s", s.values.First("duration"), hints(s.form))
	}
	// Typed, it stays and is explained.
	s.choose("bundle", "prod-incident").choose("duration", "7h").choose("bundle", "Tools for Ops")
	s.wantHint("Missing: The longest under the access flow tools is 1 hour.")
	if s.values.First("duration") != "7h" {
		t.Errorf("what was typed is lost: %v", s.values)
	}
	// Submitted before the form was redrawn, it is an error that says what fits.
	stale.values = chat.Values{"bundle": {"Tools for Ops"}, "duration": {"8h"}, "justification": {"INC-12"}}
	if got := stale.submit()["duration"]; got != "The longest under the access flow tools is 1 hour." {
		t.Errorf("%q", got)
	}
}

// TestFormOfThingsThatAreGone: dropped and said when redrawn, an error when
// submitted.
func TestFormOfThingsThatAreGone(t *testing.T) {
	o := newOffice(t)
	s := o.open("").choose("type", "database").choose("resources", "db-1", "db-2").choose("permissions", "read")
	o.holdings[0].Resources = o.holdings[0].Resources[1:]
	o.change()
	want := "Some of these resources are not there any more. Please choose again."
	if got := s.submit()["resources"]; got != want {
		t.Errorf("%q", got)
	}
	s.choose("justification", "x")
	s.wantHint("Missing: " + want)
	if diff := cmp.Diff([]string{"db-2"}, s.values["resources"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if errs := s.submit(); errs != nil {
		t.Errorf("what is left cannot be asked for: %v", errs)
	}

	b := o.open("request prod-incident because x")
	items := o.Search(t.Context(), chat.Search{User: user("alice"), Form: chat.FormRequest, Field: "items", State: b.form.State})
	b.choose("items", items[0].Value, items[1].Value)
	o.policy.Bundles[0].Targets[0].Permissions = []string{"write"}
	o.change()
	want = "Some of these items are not in the bundle any more. Please choose again."
	if got := b.submit()["items"]; got != want {
		t.Errorf("%q", got)
	}
	b.choose("justification", "y")
	b.wantHint("Missing: " + want)
}

// TestFormWhileThePolicyChanges: the form is open, the right is gone.
func TestFormWhileThePolicyChanges(t *testing.T) {
	o := newOffice(t)
	s := o.open("").choose("type", "database").choose("resources", "db-1").choose("permissions", "read")
	s.values["justification"] = []string{"x"}
	o.policy.Flows[0].Settings.JustificationRequired = true
	o.change()
	e := s.event("")
	delete(e.Values, "justification")
	if got := o.Submit(t.Context(), e).Errors["justification"]; got != "Please say why you need this." {
		t.Errorf("%q", got)
	}
	o.policy.Flows = o.policy.Flows[1:] // the flow is removed
	o.change()
	if got := s.submit()["resources"]; got != "No access flow lets you ask for Read on orders in pg." {
		t.Errorf("%q", got)
	}
	o.person("alice").Groups = nil
	o.change()
	if got := s.submit()["resources"]; got != "No access flow lets you ask for anything at the moment." {
		t.Errorf("%q", got)
	}
	s.show(s.Change(t.Context(), s.event("")))
	if s.form.Submit != "" || !strings.Contains(plain(s.form.Parts[0].Text), "nothing you may ask for") {
		t.Errorf("%+v", s.form)
	}
	if rs := o.requests(); len(rs) != 0 {
		t.Errorf("made %v", rs)
	}
}

// TestFormSubmittedTwice makes one request.
func TestFormSubmittedTwice(t *testing.T) {
	o := newOffice(t)
	s := o.open("request prod-incident because x")
	for range 3 {
		if errs := s.submit(); errs != nil {
			t.Errorf("%v", errs)
		}
	}
	if rs := o.requests(); len(rs) != 1 {
		t.Errorf("%d requests", len(rs))
	}
}

// TestFormErrorsAreVisible: an error of a field that the form did not have yet goes
// to the one above it.
func TestFormErrorsAreVisible(t *testing.T) {
	o := newOffice(t)
	for _, tt := range []struct {
		state  string
		values chat.Values
		want   map[string]string
	}{
		{`{}`, chat.Values{}, map[string]string{"integration": "Please choose an integration."}},
		{`{}`, chat.Values{"integration": {"pg"}}, map[string]string{"integration": "Please choose a resource type."}},
		{`{"i":"pg"}`, chat.Values{"integration": {"pg"}}, map[string]string{"type": "Please choose a resource type."}},
		{`{"i":"pg"}`, chat.Values{"integration": {"pg"}, "type": {"database"}}, map[string]string{"type": "Please choose at least one resource."}},
		{`{"i":"pg","t":"database"}`, chat.Values{"integration": {"pg"}, "type": {"database"}, "resources": {"db-1"}}, map[string]string{"permissions": "Please choose at least one permission."}},
		{`{"m":true}`, chat.Values{}, map[string]string{"bundle": "Please choose a bundle."}},
		{`{"m":true}`, chat.Values{"bundle": {"nothing"}}, map[string]string{"bundle": "There is no bundle nothing."}},
		{`{"m":true,"b":"nothing"}`, chat.Values{"bundle": {"nothing"}}, map[string]string{"items": "There is no bundle nothing."}},
		{`{"m":true,"b":"prod-incident"}`, chat.Values{"bundle": {"prod-incident"}, "duration": {"%s"}}, map[string]string{"duration": `"%s" is not a duration. Please write for example 30m, 2h or 1d.`}},
		{`not json`, chat.Values{"integration": {"pg"}, "type": {"database"}, "resources": {"#x"}, "permissions": {"read"}}, map[string]string{"integration": "Some of these resources are not there any more. Please choose again."}},
	} {
		sub := o.Submit(t.Context(), chat.FormEvent{User: user("alice"), Form: chat.FormRequest, State: tt.state, Values: tt.values, Key: "k"})
		if diff := cmp.Diff(tt.want, sub.Errors); diff != "" {
			t.Errorf("%s %v (-want +got):\n%s", tt.state, tt.values, diff)
		}
	}
}

// TestFormOfManyAndLong: bundles over the limit, ids and names that no option holds.
func TestFormOfManyAndLong(t *testing.T) {
	o := newOffice(t)
	long := strings.Repeat("ä", 150)
	for i := range flows.MaxUnits {
		o.holdings[0].Resources = append(o.holdings[0].Resources, flows.Resource{Type: "database", ID: fmt.Sprintf("%s-%04d", long, i), Name: fmt.Sprintf("table %04d", i)})
	}
	o.holdings[0].Types[0].Permissions = append(o.holdings[0].Types[0].Permissions, flows.Permission{ID: long, Name: "Long"})
	o.policy.Bundles[0].Name = long
	o.policy.Bundles[0].Targets[0].Permissions = []string{"read", long}
	o.policy.Flows[0].Targets = []flows.Target{{Bundle: long}, {Integration: "pg", ResourceType: "database", Permissions: []string{"read", long}}}
	o.change()

	s := o.open("request " + long + " because x")
	s.wantHint("This bundle holds more than 1000 objects")
	if part(t, s.form, "all") != nil {
		t.Error("Select all is offered")
	}
	if got := s.submit()["items"]; got != "This bundle holds more than 1000 objects, so it cannot be asked for as a whole. Please pick what you need." {
		t.Errorf("%q", got)
	}
	items := o.Search(t.Context(), chat.Search{User: user("alice"), Form: chat.FormRequest, Field: "items", State: s.form.State, Query: "table 0999"})
	if len(items) != 2 {
		t.Fatalf("found %v", items)
	}
	s.choose("items", items[1].Value)
	if errs := s.submit(); errs != nil {
		t.Fatalf("%v", errs)
	}
	if it := o.items("AR-1")[0]; it.ResourceName != "table 0999" || it.Permission != long {
		t.Errorf("%+v", it)
	}

	r := o.open("").choose("type", "database")
	found := o.Search(t.Context(), chat.Search{User: user("alice"), Form: chat.FormRequest, Field: "resources", State: r.form.State, Query: "table 0998"})
	if len(found) != 1 || len(found[0].Value) > 150 {
		t.Fatalf("found %v", found)
	}
	r.choose("resources", found[0].Value)
	for _, p := range r.form.Parts {
		for _, option := range append(p.Options, p.Selected...) {
			if len(option.Value) > 150 || option.Value == "" || option.Label == "" {
				t.Errorf("%s offers %+v", p.Field, option)
			}
		}
	}
	if n := len(r.form.State); n > 2800 {
		t.Errorf("a state of %d bytes", n)
	}
	r.choose("permissions", part(t, r.form, "permissions").Options[2].Value)
	r.values["justification"] = []string{"x"}
	e := r.event("")
	e.Key = "long"
	if sub := o.Submit(t.Context(), e); sub.Errors != nil {
		t.Fatalf("%v", sub.Errors)
	}
	if it := o.items("AR-2")[0]; it.ResourceName != "table 0998" || it.Permission != long {
		t.Errorf("%+v", it)
	}
}

// TestAgainOfMany: the whole of a bundle is filled in as the whole; of more items
// than a menu holds the form says how many there were.
func TestAgainOfMany(t *testing.T) {
	o := newOffice(t)
	for i := range 200 {
		o.holdings[0].Resources = append(o.holdings[0].Resources, flows.Resource{Type: "database", ID: fmt.Sprintf("t-%03d", i), Name: fmt.Sprintf("t-%03d", i)})
	}
	o.policy.Bundles[0].Targets[0].Permissions = []string{"read"}
	o.change()
	if errs := o.open("request prod-incident because x").submit(); errs != nil {
		t.Fatal(errs)
	}
	again := func() *session {
		s := &session{office: o, values: chat.Values{}}
		s.show(o.click("alice", chat.ActionAgain, "AR-1").Open)
		return s
	}
	if s := again(); len(s.values["items"]) != 0 || s.values.First("bundle") != "prod-incident" {
		t.Errorf("the whole bundle: %v", s.values)
	}
	o.holdings[0].Resources = append(o.holdings[0].Resources, flows.Resource{Type: "database", ID: "new", Name: "new"})
	o.change()
	s := again()
	if len(s.values["items"]) != 100 {
		t.Errorf("%d items", len(s.values["items"]))
	}
	s.wantHint("The earlier request had 202; the first 100 are filled in.")
}

// FuzzForm: whatever a form comes back with, nothing panics, and a request is only
// made of what is on offer.
func FuzzForm(f *testing.F) {
	f.Add(`{"i":"pg","t":"database"}`, "pg", "database", "db-1", "read", "1h", "why", false)
	f.Add(`{"m":true,"b":"prod-incident"}`, "prod-incident", "#x", "all", "", "", "<!channel>%s", true)
	f.Add("\x00", "#", "#", "#", "#", "-1h", "", true)
	f.Add(`{"i":"pg","t":"database","k":{"r":{"h":"abcdefghabc","n":-1},"p":{"t":["read"]},"x":{"t":["#"]},"a":true}}`, "pg", "database", "db-1", "read", "", "x", true)
	f.Add(`{"m":true,"b":"prod-incident","i":"pg","t":"database","k":{"r":{"h":"abcdefgh"},"p":{"t":["read"]}}}`, "prod-incident", "", "", "", "", "x", false)
	f.Fuzz(func(t *testing.T, state, a, b, c, d, duration, why string, submit bool) {
		o := newOffice(t)
		e := chat.FormEvent{User: user("alice"), Form: chat.FormRequest, State: state, Key: "k", Values: chat.Values{
			cards.FieldIntegration: {a}, cards.FieldBundle: {a}, cards.FieldType: {b}, cards.FieldItems: {b, c}, cards.FieldResources: {c}, cards.FieldAll: {c},
			cards.FieldPermissions: {d, d}, cards.FieldDuration: {duration}, cards.FieldJustification: {why},
		}}
		form := o.Change(t.Context(), e)
		if form == nil || len(form.Parts) == 0 {
			t.Fatal("no form")
		}
		e.Action = chat.ActionMode
		o.Change(t.Context(), e)
		o.Service.Search(t.Context(), chat.Search{User: e.User, Form: e.Form, State: state, Field: cards.FieldItems, Query: why})
		if !submit {
			return
		}
		sub := o.Submit(t.Context(), e)
		if rs := o.requests(); (len(rs) > 0) == (len(sub.Errors) > 0) {
			t.Errorf("%d requests and errors %v", len(rs), sub.Errors)
		}
	})
}

// TestRepeatedSubmissionUnderAnotherPolicy: the platform delivers a submission again,
// and what made the request is not allowed any more. The person reads of no problem.
func TestRepeatedSubmissionUnderAnotherPolicy(t *testing.T) {
	o := newOffice(t)
	e := chat.FormEvent{User: user("alice"), Form: chat.FormRequest, State: `{"i":"pg","t":"database"}`, Key: "view-1", Values: chat.Values{
		"integration": {"pg"}, "type": {"database"}, "resources": {"db-1"}, "permissions": {"read"}, "justification": {"INC-12"},
	}}
	for try, change := range []func(){
		func() {}, func() {},
		func() { o.policy.Flows[0].Settings.JustificationRequired, e.Values["justification"] = true, nil },
		func() { o.policy.Flows = nil },
		func() { o.holdings = nil },
	} {
		change()
		o.change()
		if sub := o.Submit(t.Context(), e); len(sub.Errors) > 0 || sub.Show != nil {
			t.Errorf("delivery %d: %+v", try+1, sub)
		}
	}
	if made := o.requests(); len(made) != 1 {
		t.Errorf("%d requests were made", len(made))
	}
	e.Key = "view-2"
	if sub := o.Submit(t.Context(), e); len(sub.Errors) == 0 {
		t.Error("another submission was taken")
	}
}
