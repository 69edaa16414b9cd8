package postgresql

import (
	"encoding/base64"
	"regexp"
	"testing"
)

// TestScramVerifier is the example of RFC 7677 section 3. Its proof and signature
// follow from the two keys; that the server takes them is shown by each login.
func TestScramVerifier(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	got, err := scramVerifier("pencil", salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	const want = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if got != want {
		t.Errorf("verifier %s, want %s", got, want)
	}
}

func TestNewVerifier(t *testing.T) {
	p, q := newPassword(), newPassword()
	if p == q || !regexp.MustCompile(`^[A-Z2-7]{26,}$`).MatchString(p.Reveal()) {
		t.Error("passwords are not random letters and digits")
	}
	a, err := newVerifier(p)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newVerifier(p)
	if err != nil || a == b {
		t.Errorf("two verifiers of one password are the same: %v", err)
	}
}
