package dispatch

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"apono/flows"
	"apono/provision"
)

// Sealer encrypts what must not be readable at rest.
type Sealer interface {
	Seal(plain []byte) ([]byte, error)
}

// sealedField is one entry of the sealed list; see the package comment.
type sealedField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// accessOf is what a record may hold of what a target handed out at now.
func (d *targets) accessOf(in Integration, c provision.Credentials, now time.Time) (flows.Access, error) {
	access := flows.Access{Instructions: lines(c.Instructions, in.AccessDetails)}
	var secrets []sealedField
	for _, f := range c.Fields {
		if f.Secret {
			secrets = append(secrets, sealedField{Name: f.Name, Value: f.Value.Reveal()})
			continue
		}
		access.Details = append(access.Details, flows.Detail{Name: f.Name, Value: f.Value.Reveal()})
	}
	if len(secrets) == 0 {
		return access, nil
	}
	plain, err := json.Marshal(secrets)
	if err != nil {
		return flows.Access{}, fmt.Errorf("encode credentials: %w", err)
	}
	access.Sealed, err = d.Sealer.Seal(plain)
	if err != nil {
		return flows.Access{}, fmt.Errorf("seal credentials: %w", err)
	}
	_, access.CanReset = in.Driver.(provision.Rotator) // where there is no secret, there is nothing to reset
	access.SealedUntil = now.Add(d.CredentialsTTL)
	return access, nil
}

// lines joins what is not empty.
func lines(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, "\n")
}
