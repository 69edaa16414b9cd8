package bot_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"apono/bot"
	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
	"apono/store/bolt"
	"apono/store/storetest"
)

// office is a service over a real store, and the world it acts in. Accounts have
// the id of the person's first name.
type office struct {
	*bot.Service
	t        *testing.T
	store    *bolt.Store
	people   []flows.Person
	holdings []flows.Holdings
	policy   flows.Policy
	accounts map[string]chat.Account
	broken   error // of the platform
	shared   map[string]bool
	crowded  error           // of the question of a form whose address it is
	haste    []chat.Priority // of the questions about people
	world    atomic.Pointer[flows.World]
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, store: storetest.Open(t), accounts: map[string]chat.Account{}, shared: map[string]bool{}}
	for _, p := range []struct {
		name, manager string
		groups        []string
	}{
		{"alice", "bob@example.com", []string{"developers"}},
		{"bob", "", []string{"leads"}},
		{"carol", "", []string{"dba"}},
		{"dan", "", []string{"dba"}},
		{"eve", "", []string{"admins"}},
	} {
		o.people = append(o.people, flows.Person{Email: p.name + "@example.com", Name: strings.ToUpper(p.name[:1]) + p.name[1:], Manager: p.manager, Groups: p.groups})
		o.accounts[p.name] = chat.Account{Email: p.name + "@example.com", EmailVerified: true}
	}
	o.holdings = []flows.Holdings{{
		Integration: "pg",
		Types: []flows.ResourceType{
			{ID: "database", Name: "Database", Permissions: []flows.Permission{{ID: "read", Name: "Read"}, {ID: "write", Name: "Write"}}},
			{ID: "role", Name: "Role", Permissions: []flows.Permission{{ID: "member", Name: "Member"}}},
		},
		Resources: []flows.Resource{
			{Type: "database", ID: "db-1", Name: "orders", Path: []string{"main"}}, {Type: "database", ID: "db-2", Name: "users"}, {Type: "role", ID: "r-1", Name: "reporting"},
		},
	}}
	pg := func(typ string, permissions ...string) flows.Target {
		return flows.Target{Integration: "pg", ResourceType: typ, Permissions: permissions}
	}
	developers := flows.Conditions{Conditions: []flows.Condition{{Attribute: "group", Values: []string{"developers"}}}}
	manager := &flows.Approval{Groups: []flows.ApproverGroup{{Approvers: []flows.Condition{{Attribute: "manager"}}}}}
	o.policy = flows.Policy{
		Bundles: []flows.Bundle{
			{Name: "prod-incident", Targets: []flows.Target{pg("database", "read", "write")}},
			{Name: "Tools for Ops", Targets: []flows.Target{pg("role", "member")}},
		},
		Flows: []flows.Flow{
			{Name: "read", Trigger: flows.TriggerSelfServe, Active: true, Requestors: developers, Duration: flows.GrantDuration{Max: 8 * time.Hour}, Approval: manager, Targets: []flows.Target{pg("database", "read"), pg("role", "member"), {Bundle: "prod-incident"}}},
			{Name: "tools", Trigger: flows.TriggerSelfServe, Active: true, Requestors: developers, Duration: flows.GrantDuration{Max: time.Hour}, Targets: []flows.Target{{Bundle: "Tools for Ops"}, pg("database", "write")}},
		},
		Admins: flows.Conditions{Conditions: []flows.Condition{{Attribute: "group", Values: []string{"admins"}}}},
	}
	o.change()
	o.Service = &bot.Service{
		Store: o.store, Accounts: o, Opener: o, World: func() flows.World { return *o.world.Load() }, Log: slog.New(slog.DiscardHandler), CommandName: "/apono",
	}
	return o
}

// change swaps the world for one that reads as the office is now.
func (o *office) change() {
	policy := o.policy
	policy.Flows = slices.Clone(policy.Flows)
	o.world.Store(&flows.World{People: flows.NewDirectory(o.people, nil), Inventory: flows.NewInventory(o.holdings), Catalog: flows.NewCatalog(policy)})
}

func (o *office) person(name string) *flows.Person {
	i := slices.IndexFunc(o.people, func(p flows.Person) bool { return p.Email == name+"@example.com" })
	return &o.people[i]
}

func (o *office) Account(_ context.Context, u chat.User, p chat.Priority) (chat.Account, error) {
	o.haste = append(o.haste, p)
	if o.broken != nil {
		return chat.Account{}, o.broken
	}
	acc, ok := o.accounts[u.ID]
	if !ok {
		return chat.Account{}, errors.New("no such user")
	}
	acc.User = u
	return acc, nil
}

func (o *office) Shared(_ context.Context, a chat.Account, p chat.Priority) (bool, error) {
	o.haste = append(o.haste, p)
	if o.crowded != nil && p == chat.PriorityForm {
		return false, o.crowded
	}
	return o.shared[a.ID], o.broken
}

// Open opens what seal made.
func (o *office) Open(sealed []byte) ([]byte, error) {
	plain, ok := strings.CutPrefix(string(sealed), "sealed:")
	if !ok {
		return nil, errors.New("the key does not fit")
	}
	return []byte(plain), nil
}

// wednesday is a time for tests of what is open on some days only.
func wednesday() time.Time { return time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC) }

func user(name string) chat.User { return chat.User{Platform: "slack", ID: name, Team: "T1"} }

func (o *office) click(name string, action chat.ActionID, id string) chat.Answer {
	stamp := ""
	if r, err := o.store.Request(id); err == nil {
		stamp = r.Stamp
	}
	return o.clickOn(name, action, chat.Target{Request: id, Integration: "pg", Stamp: stamp})
}

func (o *office) clickOn(name string, action chat.ActionID, target chat.Target) chat.Answer {
	return o.Click(o.t.Context(), chat.Click{User: user(name), Action: action, Target: target})
}

func (o *office) command(name, text string) chat.Answer {
	return o.Command(o.t.Context(), chat.Command{User: user(name), Text: text})
}

// ask makes Alice's request to read a database.
func (o *office) ask(key string) flows.Request {
	o.t.Helper()
	return o.askFor(key, chat.Values{"integration": {"pg"}, "type": {"database"}, "resources": {"db-1"}, "permissions": {"read"}, "justification": {"INC-12"}})
}

func (o *office) askFor(key string, v chat.Values) flows.Request {
	o.t.Helper()
	before := o.requests()
	sub := o.Submit(o.t.Context(), chat.FormEvent{User: user("alice"), Form: chat.FormRequest, State: `{"i":"pg","t":"database"}`, Values: v, Key: key})
	after := o.requests()
	if len(sub.Errors) > 0 || len(after) != len(before)+1 {
		o.t.Fatalf("the form was not taken: %v, %d requests after %d", sub.Errors, len(after), len(before))
	}
	return after[len(after)-1]
}

// requests reads all requests, in order.
func (o *office) requests() []flows.Request {
	o.t.Helper()
	var out []flows.Request
	for i := 1; ; i++ {
		r, err := o.store.Request("AR-" + strconv.Itoa(i))
		if flows.ErrorCode(err) == flows.CodeNotFound {
			return out
		}
		if err != nil {
			o.t.Fatal(err)
		}
		out = append(out, r)
	}
}

func (o *office) request(id string) flows.Request {
	o.t.Helper()
	r, err := o.store.Request(id)
	if err != nil {
		o.t.Fatal(err)
	}
	return r
}

// activate has the request approved and granted, with a secret.
func (o *office) activate(id string) {
	o.t.Helper()
	if a := o.click("bob", chat.ActionApprove, id); a.Private != nil {
		o.t.Fatalf("Bob cannot approve: %s", said(a))
	}
	ev := flows.Event{Kind: flows.EventGranted, Integration: "pg", Access: flows.Access{
		Details: []flows.Detail{{Name: "host", Value: "db.example.com"}}, CanReset: true,
		Sealed: []byte(`sealed:[{"name":"password","value":"hunter2"}]`), SealedUntil: time.Now().Add(time.Hour),
	}}
	if _, err := o.store.Apply(o.t.Context(), time.Now(), id, ev); err != nil {
		o.t.Fatal(err)
	}
}

// said is the private sentence of an answer.
func said(a chat.Answer) string {
	if a.Private == nil {
		return ""
	}
	return plain(a.Private.Status) + plain(a.Private.Body)
}

func plain(t chat.Text) string {
	var b strings.Builder
	for _, s := range t {
		b.WriteString(s.Text)
	}
	return b.String()
}

// part finds a field of a form.
func part(t *testing.T, f *chat.Form, field string) *chat.Part {
	t.Helper()
	if f == nil {
		t.Fatal("there is no form")
	}
	for i := range f.Parts {
		if f.Parts[i].Field == field {
			return &f.Parts[i]
		}
	}
	return nil
}

// hints are the live lines below the fields.
func hints(f *chat.Form) string {
	var out []string
	for _, p := range f.Parts {
		if p.Kind == chat.PartNote {
			out = append(out, plain(p.Text))
		}
	}
	return strings.Join(out, "\n")
}

func chosen(p *chat.Part) []string {
	out := []string{}
	if p != nil {
		for _, o := range p.Selected {
			out = append(out, o.Value)
		}
	}
	return out
}

func TestIdentity(t *testing.T) {
	const unknown = "Your account has no verified e-mail address, so I cannot tell who you are."
	for _, tt := range []struct {
		name   string
		change func(*office, *chat.Account)
		want   string // empty: served
	}{
		{"by verified address", func(*office, *chat.Account) {}, ""},
		{"in another case", func(_ *office, a *chat.Account) { a.Email = "Alice@Example.COM" }, ""},
		{"by an alias", func(o *office, a *chat.Account) {
			o.person("alice").Aliases = []string{"al@example.com"}
			a.Email = "al@example.com"
		}, ""},
		{"by a bound id, whatever the address", func(o *office, a *chat.Account) {
			o.person("alice").SlackID = "u"
			a.Email, a.EmailVerified = "", false
		}, ""},
		{"unverified", func(_ *office, a *chat.Account) { a.EmailVerified = false }, unknown},
		{"no address", func(_ *office, a *chat.Account) { a.Email = "" }, unknown},
		{"a stranger", func(_ *office, a *chat.Account) { a.Email = "mallory@example.com" }, "I do not know you: mallory@example.com is not in the directory. Please ask your administrator."},
		{"a capital I with a dot", func(_ *office, a *chat.Account) { a.Email = "al\u0130ce@example.com" }, "I do not know you: al\u0130ce@example.com is not in the directory. Please ask your administrator."},
		{"a bot", func(_ *office, a *chat.Account) { a.Bot = true }, "Bots cannot use this."},
		{"a guest", func(_ *office, a *chat.Account) { a.Guest = true }, "Guests cannot use this. Please ask a member of the workspace."},
		{"a deactivated account", func(_ *office, a *chat.Account) { a.Deactivated = true }, "Your account is deactivated."},
		{"another workspace", func(_ *office, a *chat.Account) { a.External = true }, "People of other workspaces cannot use this."},
		{"bound, and yet a guest", func(o *office, a *chat.Account) {
			o.person("alice").SlackID = "u"
			a.Guest = true
		}, "Guests cannot use this. Please ask a member of the workspace."},
		{"an address of two people", func(o *office, _ *chat.Account) { o.person("carol").Aliases = []string{"alice@example.com"} }, "The address alice@example.com belongs to two people in the directory, so neither can be told apart. Please ask your administrator to take it from one of them."},
		{"two accounts with one address, and this one is bound", func(o *office, _ *chat.Account) {
			o.person("alice").SlackID = "u"
			o.shared["u"] = true
		}, ""},
		{"an id of two people", func(o *office, _ *chat.Account) { o.person("alice").SlackID, o.person("bob").SlackID = "u", "u" }, "The Slack account u is bound to two people in the directory."},
		{"the person is bound to another account", func(o *office, _ *chat.Account) { o.person("alice").SlackID = "other" }, "alice@example.com is bound to another account, so this one cannot act for them."},
		{"deactivated in the directory", func(o *office, _ *chat.Account) { o.person("alice").Disabled = true }, "You are deactivated in the directory."},
		{"the platform does not answer", func(o *office, _ *chat.Account) { o.broken = errors.New("secret chain") }, "I could not find out who you are, so nothing was done. Please try again in a moment."},
	} {
		o := newOffice(t)
		acc := chat.Account{Email: "alice@example.com", EmailVerified: true}
		tt.change(o, &acc)
		o.accounts["u"] = acc
		o.change()
		if got := said(o.command("u", "")); got != tt.want {
			t.Errorf("%s: command: %q, want %q", tt.name, got, tt.want)
		}
		if tt.want == "" {
			continue
		}
		if got := said(o.click("u", chat.ActionApprove, "AR-1")); got != tt.want {
			t.Errorf("%s: click: %q, want %q", tt.name, got, tt.want)
		}
		sub := o.Submit(t.Context(), chat.FormEvent{User: user("u"), Form: chat.FormRequest, Key: "k"})
		form := o.Change(t.Context(), chat.FormEvent{User: user("u"), Form: chat.FormRequest})
		if sub.Show == nil || plain(sub.Show.Parts[0].Text) != tt.want || plain(form.Parts[0].Text) != tt.want {
			t.Errorf("%s: forms: %+v, %+v", tt.name, sub, form)
		}
		if got := o.Search(t.Context(), chat.Search{User: user("u"), Form: chat.FormRequest, Field: cards.FieldResources, State: `{"i":"pg","t":"database"}`}); got != nil {
			t.Errorf("%s: search: %v", tt.name, got)
		}
		if rs := o.requests(); len(rs) != 0 {
			t.Errorf("%s: made %v", tt.name, rs)
		}
	}
}

// TestIdentityOfTeams: ids of one platform mean nothing on another.
func TestIdentityOfTeams(t *testing.T) {
	o := newOffice(t)
	o.person("alice").SlackID, o.person("bob").TeamsID = "u", "u"
	o.change()
	o.accounts["u"] = chat.Account{}
	for platform, want := range map[string]string{"slack": "alice@example.com", "teams": "bob@example.com", "irc": ""} {
		a := o.Command(t.Context(), chat.Command{User: chat.User{Platform: platform, ID: "u"}, Text: "help"})
		if served := a.Private.Title != ""; served != (want != "") {
			t.Errorf("%s: %+v", platform, a.Private)
		}
	}
}
