package bot

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"

	"apono/flows"
)

// picks are what was chosen in the mode of the request form that is not on the screen.
// They travel in the form's state, so nothing has to be remembered for them, and a
// restart forgets none.
type picks struct {
	Resources   packed `json:"r,omitzero"`
	Permissions packed `json:"p,omitzero"`
	Items       packed `json:"x,omitzero"`
	All         bool   `json:"a,omitempty"`
}

// packed is a list of tokens, or short hashes of them where they are too long.
type packed struct {
	Tokens []string `json:"t,omitempty"`
	Hashes string   `json:"h,omitempty"` // shortHash characters each
	Had    int      `json:"n,omitempty"` // how many there were, where not all are kept
}

const (
	// picksRoom is what picks may take of a state of 2,800 bytes: the names in it take
	// at most 120 bytes each, twice that where they are escaped.
	picksRoom = 1750
	// permissionsRoom is the part of it that permissions may take.
	permissionsRoom = 700
	// packedRoom is for the punctuation of one list.
	packedRoom = 40
	shortHash  = 8
)

func pack(tokens []string, room int) packed {
	p := packed{Tokens: tokens[:min(len(tokens), maxOptions)]}
	if len(compact(p)) > room-packedRoom {
		p.Tokens = p.Tokens[:min(len(p.Tokens), (room-packedRoom)/shortHash)]
		var b strings.Builder
		for _, t := range p.Tokens {
			b.WriteString(shortened(t))
		}
		p.Hashes = b.String()
	}
	if len(p.Tokens) < len(tokens) {
		p.Had = len(tokens)
	}
	if p.Hashes != "" {
		p.Tokens = nil
	}
	return p
}

func shortened(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:shortHash*6/8])
}

// unpack finds the tokens among all that there are. One that is not there, or not for
// certain, becomes a token of nothing, so that the form says that something is gone.
func (p packed) unpack(all func() []string) []string {
	if p.Hashes == "" {
		return p.Tokens
	}
	at := map[string]int{}
	var out []string
	for rest := p.Hashes; len(rest) >= shortHash; rest = rest[shortHash:] {
		at[rest[:shortHash]] = len(out)
		out = append(out, "#")
	}
	for _, t := range all() {
		i, ok := at[shortened(t)]
		switch {
		case !ok:
		case out[i] == "#":
			out[i] = t
		case out[i] != t:
			delete(at, shortened(t))
			out[i] = "#"
		}
	}
	return out
}

// switched is the selection in the other mode of the form: what was picked in this one
// is put away, and what was picked in that one comes back.
func (sel selection) switched(w flows.World) selection {
	was := sel.other
	if sel.bundleMode {
		sel.other = picks{Items: pack(sel.items, picksRoom), All: sel.all}
		sel.items, sel.all = nil, false
		sel.resources = was.Resources.unpack(func() []string { return resourceTokens(w, sel) })
		sel.permissions = was.Permissions.unpack(func() []string { return permissionTokens(w, sel) })
		sel.had, sel.kept = was.Resources.Had, len(sel.resources)
		if sel.had == 0 {
			sel.had, sel.kept = was.Permissions.Had, len(sel.permissions)
		}
	} else {
		var permissions []string
		for _, id := range sel.permissions {
			permissions = append(permissions, token(id))
		}
		sel.other = picks{Resources: pack(sel.resources, picksRoom-permissionsRoom), Permissions: pack(permissions, permissionsRoom)}
		sel.resources, sel.permissions = nil, nil
		sel.items = was.Items.unpack(func() []string { return itemTokens(w, sel) })
		sel.all, sel.had, sel.kept = was.All, was.Items.Had, len(sel.items)
	}
	sel.bundleMode = !sel.bundleMode
	return sel.named(w)
}

func resourceTokens(w flows.World, sel selection) (out []string) {
	for _, r := range w.Inventory.Resources(sel.integration, sel.typ) {
		out = append(out, token(r.ID))
	}
	return out
}

func permissionTokens(w flows.World, sel selection) (out []string) {
	t, _ := w.Inventory.Type(sel.integration, sel.typ)
	for _, p := range t.Permissions {
		out = append(out, token(p.ID))
	}
	return out
}

func itemTokens(w flows.World, sel selection) (out []string) {
	for _, u := range w.BundleUnits(sel.bundle, 0) {
		out = append(out, unitToken(u))
	}
	return out
}

// compact is JSON as short as it can be.
func compact(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("bot: a form state that cannot be encoded (this is a bug): " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}
