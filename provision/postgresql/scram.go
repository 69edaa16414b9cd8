package postgresql

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"apono/flows"
)

const (
	scramIterations = 4096 // PostgreSQL's own number; the password is no word that could be guessed
	scramSaltSize   = 16   // bytes
)

// newPassword is random, at least 128 bits of it, in letters and digits that
// need no quoting and that SASLprep leaves alone.
func newPassword() flows.Secret { return flows.Secret(rand.Text()) }

// newVerifier makes what the server stores of a password. The clear password
// then never reaches the server, nor its log. Whoever reads the verifier there
// cannot log in with it.
func newVerifier(password flows.Secret) (string, error) {
	salt := make([]byte, scramSaltSize)
	_, _ = rand.Read(salt) // never fails: it ends the program instead
	return scramVerifier(password, salt, scramIterations)
}

// scramVerifier is RFC 5802 section 3 with SHA-256 (RFC 7677), written as
// https://www.postgresql.org/docs/current/catalog-pg-authid.html has it.
func scramVerifier(password flows.Secret, salt []byte, iterations int) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, password.Reveal(), salt, iterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("derive a key: %w", err)
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, b64(salt), b64(stored[:]), b64(mac(salted, "Server Key"))), nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
