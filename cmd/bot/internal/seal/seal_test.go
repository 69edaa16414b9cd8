package seal_test

import (
	"bytes"
	"strings"
	"testing"

	"filippo.io/age"

	"apono/cmd/bot/internal/seal"
	"apono/flows"
)

func newKey(t *testing.T) flows.Secret {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return flows.Secret(id.String())
}

func TestBox_OpensWhatItSealed(t *testing.T) {
	key := newKey(t)
	box, err := seal.New(key)
	if err != nil {
		t.Fatal(err)
	}
	plain := []byte(`[{"name":"Password","value":"hunter2"}]`)
	sealed, err := box.Seal(plain)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("hunter2")) {
		t.Error("the sealed form holds the secret")
	}
	again, err := seal.New(key) // another process
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open(sealed); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("Open = %q, %v; want what was sealed", got, err)
	}
}

func TestBox_RefusesOtherKeysAndDamage(t *testing.T) {
	box, _ := seal.New(newKey(t))
	other, _ := seal.New(newKey(t))
	sealed, err := box.Seal([]byte("hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(sealed); err == nil {
		t.Error("another key opened the box")
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := box.Open(sealed); err == nil {
		t.Error("a damaged box opened")
	}
}

func TestNew_ErrorDoesNotHoldTheKey(t *testing.T) {
	_, err := seal.New("AGE-SECRET-KEY-1NOTAKEY")
	if err == nil || strings.Contains(err.Error(), "NOTAKEY") {
		t.Errorf("err = %v; want one without the key", err)
	}
}
