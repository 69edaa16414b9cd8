package bolt_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store/bolt"
)

func TestContacts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	s, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	save := func(platform, account, email, data string) {
		t.Helper()
		if err := s.SaveContact(t.Context(), flows.Contact{Platform: platform, Account: account, Email: email, Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
	find := func(what string, got flows.Contact, ok bool, err error, want string) {
		t.Helper()
		if err != nil || ok != (want != "") || string(got.Data) != want {
			t.Errorf("%s: %q, %t, %v; want %q", what, got.Data, ok, err, want)
		}
	}
	account := func(platform, account, want string) {
		t.Helper()
		got, ok, err := s.Contact(platform, account)
		find(platform+" "+account, got, ok, err, want)
	}
	email := func(platform, email, want string) {
		t.Helper()
		got, ok, err := s.ContactByEmail(platform, email)
		find(platform+" "+email, got, ok, err, want)
	}
	account("teams", "a", "")
	email("teams", "", "")
	save("teams", "a", "", "first")
	account("teams", "a", "first")
	email("teams", "", "")
	save("teams", "a", "Alice@Example.com", "second")
	save("other", "a", "alice@example.com", "elsewhere")
	email("teams", "alice@example.COM", "second")
	account("other", "a", "elsewhere")

	// An address that somebody else has now leads to them, also after the first
	// account is told about again or forgotten.
	save("teams", "b", "alice@example.com", "new")
	email("teams", "alice@example.com", "new")
	save("teams", "a", "a@example.com", "third")
	email("teams", "alice@example.com", "new")
	all, err := s.Contacts("teams")
	if diff := cmp.Diff([]flows.Contact{
		{Platform: "teams", Account: "a", Email: "a@example.com", Data: []byte("third")}, {Platform: "teams", Account: "b", Email: "alice@example.com", Data: []byte("new")},
	}, all); diff != "" || err != nil {
		t.Errorf("all contacts (-want +got): %v\n%s", err, diff)
	}
	if all, err = s.Contacts("team"); len(all) != 0 || err != nil {
		t.Errorf("contacts of no platform: %v, %v", all, err)
	}
	if err := s.RemoveContact(t.Context(), "teams", "a"); err != nil {
		t.Fatal(err)
	}
	account("teams", "a", "")
	email("teams", "a@example.com", "")
	email("teams", "alice@example.com", "new")
	if err := s.RemoveContact(t.Context(), "teams", "nobody"); err != nil {
		t.Error(err)
	}
	if err := s.SaveContact(t.Context(), flows.Contact{Platform: "teams"}); err == nil {
		t.Error("a contact without an account was saved")
	}
	if problems := s.Check(); len(problems) > 0 {
		t.Errorf("check: %v", problems)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = bolt.Open(path, bolt.Options{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	got, _, err := s.Contact("teams", "b")
	if diff := cmp.Diff(flows.Contact{Platform: "teams", Account: "b", Email: "alice@example.com", Data: []byte("new")}, got); diff != "" || err != nil {
		t.Errorf("after a restart (-want +got): %v\n%s", err, diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
