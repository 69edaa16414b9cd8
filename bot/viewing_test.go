package bot_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// TestCredentials: the dialog comes first, and the secret is spent once.
func TestCredentials(t *testing.T) {
	o := newOffice(t)
	o.ask("k")
	o.activate("AR-1")
	first, second := o.click("alice", chat.ActionCredentials, "AR-1"), o.click("alice", chat.ActionCredentials, "AR-1")
	if first.Then == nil || second.Then == nil || strings.Contains(plain(first.Open.Parts[0].Text), "hunter2") {
		t.Fatalf("%+v, %+v", first, second)
	}
	if g := o.request("AR-1").Groups[0]; g.Secret != flows.SecretAvailable {
		t.Fatalf("spent before the dialog is open: %s", g.Secret)
	}
	var wg sync.WaitGroup
	var forms [2]*chat.Form
	for i, a := range []chat.Answer{first, second} {
		wg.Go(func() { forms[i] = a.Then(t.Context()); a.Shown(t.Context(), true) })
	}
	wg.Wait()
	seen := 0
	for _, f := range forms {
		text := ""
		for _, p := range f.Parts {
			text += plain(p.Text) + "\n"
		}
		switch {
		case strings.Contains(text, "hunter2") && strings.Contains(text, "db.example.com"):
			seen++
		case !strings.Contains(text, "shown once and are erased") && !strings.Contains(text, "on their way to another dialog") && !strings.Contains(text, "not there any more"):
			t.Errorf("the other one reads %q", text)
		}
	}
	if seen != 1 {
		t.Errorf("the secret was shown %d times", seen)
	}
	if got := said(o.click("alice", chat.ActionCredentials, "AR-1")); got != "These credentials were shown once and are erased. Use Reset credentials to get new ones." {
		t.Errorf("%q", got)
	}
	if got := said(o.click("alice", chat.ActionReset, "AR-1")); got != "" || !o.request("AR-1").Groups[0].Resetting {
		t.Errorf("reset: %q", got)
	}
	if got := said(o.click("alice", chat.ActionReset, "AR-1")); got != "New credentials for pg are already on their way." {
		t.Errorf("reset again: %q", got)
	}
	for _, name := range []string{"bob", "eve"} {
		if a := o.click(name, chat.ActionCredentials, "AR-1"); a.Then != nil || said(a) != "Only the person who has the access of AR-1 can see its credentials." {
			t.Errorf("%s: %q", name, said(a))
		}
	}
}

// TestCredentialsThatWereNotDisplayed are not spent, and only one dialog at a time
// may have them.
func TestCredentialsThatWereNotDisplayed(t *testing.T) {
	o := newOffice(t)
	o.ask("k")
	o.activate("AR-1")
	look := func() (chat.Answer, string) {
		a := o.click("alice", chat.ActionCredentials, "AR-1")
		text := ""
		for _, p := range a.Then(t.Context()).Parts {
			text += plain(p.Text) + "\n"
		}
		return a, text
	}
	failed, first := look()
	meanwhile, second := look()
	meanwhile.Shown(t.Context(), true) // its notice; that spends nothing
	failed.Shown(t.Context(), false)
	if !strings.Contains(first, "hunter2") || !strings.HasPrefix(second, "These credentials are on their way to another dialog of yours.") {
		t.Errorf("%q, then %q", first, second)
	}
	if g := o.request("AR-1").Groups[0]; g.Secret != flows.SecretAvailable {
		t.Fatalf("not displayed, and %s", g.Secret)
	}
	again, third := look()
	again.Shown(t.Context(), true)
	if g := o.request("AR-1").Groups[0]; !strings.Contains(third, "hunter2") || g.Secret != flows.SecretViewed {
		t.Errorf("%q, %s", third, g.Secret)
	}
}

// TestCredentialsThatAreReplacedWhileTheDialogOpens are neither shown nor spent.
func TestCredentialsThatAreReplacedWhileTheDialogOpens(t *testing.T) {
	o := newOffice(t)
	o.ask("k")
	o.activate("AR-1")
	dialog := o.click("alice", chat.ActionCredentials, "AR-1")
	if got := said(o.click("alice", chat.ActionReset, "AR-1")); got != "" {
		t.Fatalf("reset: %q", got)
	}
	rotated := flows.Event{Kind: flows.EventRotated, Integration: "pg", Access: flows.Access{
		CanReset: true, Sealed: []byte(`sealed:[{"name":"password","value":"hunter3"}]`), SealedUntil: time.Now().Add(time.Hour),
	}}
	if _, err := o.store.Apply(t.Context(), time.Now(), "AR-1", rotated); err != nil {
		t.Fatal(err)
	}
	form := dialog.Then(t.Context())
	if got := plain(form.Parts[0].Text); got != "These credentials were replaced by new ones. Please press Show credentials again." {
		t.Errorf("%q", got)
	}
	if g := o.request("AR-1").Groups[0]; g.Secret != flows.SecretAvailable {
		t.Errorf("the new ones are %s", g.Secret)
	}
}

// TestCredentialsThatCannotBeOpened are not spent.
func TestCredentialsThatCannotBeOpened(t *testing.T) {
	for sealed, want := range map[string]string{
		"other key":      "The credentials cannot be opened. Use Reset credentials, or ask your administrator.",
		"sealed:hunter2": "The credentials cannot be read. Use Reset credentials, or ask your administrator.",
	} {
		o := newOffice(t)
		o.ask("k")
		o.click("bob", chat.ActionApprove, "AR-1")
		ev := flows.Event{Kind: flows.EventGranted, Integration: "pg", Access: flows.Access{Sealed: []byte(sealed), SealedUntil: time.Now().Add(time.Hour)}}
		if _, err := o.store.Apply(t.Context(), time.Now(), "AR-1", ev); err != nil {
			t.Fatal(err)
		}
		f := o.click("alice", chat.ActionCredentials, "AR-1").Then(t.Context())
		if got := plain(f.Parts[0].Text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if g := o.request("AR-1").Groups[0]; g.Secret != flows.SecretAvailable {
			t.Errorf("spent: %s", g.Secret)
		}
	}
}
