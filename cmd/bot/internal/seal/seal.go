// Package seal keeps credentials unreadable at rest: what a target hands out is
// encrypted to an age identity until its grantee looks at it. It knows no store
// and no request.
//
// Whoever has the key and a copy of the database can read what nobody has looked
// at yet; see SECURITY.md.
package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"apono/flows"
)

// maxPlain bounds what is opened; credentials are a few lines.
const maxPlain = 1 << 20

// Box seals and opens. It is safe for concurrent use.
type Box struct {
	identity  *age.X25519Identity
	recipient *age.X25519Recipient
}

// New makes a box from an age identity, AGE-SECRET-KEY-1… The error does not
// hold the key.
func New(key flows.Secret) (*Box, error) {
	id, err := age.ParseX25519Identity(key.Reveal())
	if err != nil {
		// The parser's words can quote the key.
		return nil, errors.New("the credentials key is no age identity (AGE-SECRET-KEY-1…)")
	}
	return &Box{identity: id, recipient: id.Recipient()}, nil
}

// Seal encrypts.
func (b *Box) Seal(plain []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, b.recipient)
	if err != nil {
		return nil, fmt.Errorf("seal credentials: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return nil, fmt.Errorf("seal credentials: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("seal credentials: %w", err)
	}
	return out.Bytes(), nil
}

// Open decrypts what Seal made with the same key.
func (b *Box) Open(sealed []byte) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), b.identity)
	if err != nil {
		return nil, fmt.Errorf("open sealed credentials (was the key changed?): %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxPlain))
	if err != nil {
		return nil, fmt.Errorf("open sealed credentials: %w", err)
	}
	return plain, nil
}
