package postgresql

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"apono/provision"
)

// Parts of a resource id are joined by "/": database, schema, table. Within a
// part "%" is written %25 and "/" is written %2F, and nothing else is escaped.
var (
	escapePart = strings.NewReplacer("%", "%25", "/", "%2F").Replace
	parsePart  = strings.NewReplacer("%25", "%", "%2F", "/").Replace
)

func resourceID(parts ...string) string {
	escaped := make([]string, len(parts))
	for i, part := range parts {
		escaped[i] = escapePart(part)
	}
	return strings.Join(escaped, "/")
}

// parseID is the reverse. A text that resourceID would not have made is no id.
func parseID(id string, parts int) ([]string, bool) {
	out := strings.Split(id, "/")
	for i, part := range out {
		out[i] = parsePart(part)
		if part == "" {
			return nil, false
		}
	}
	return out, len(out) == parts && resourceID(out...) == id
}

const (
	rolePrefix = "apono_"
	keptPrefix = "apono_kept_"

	maxRequestPart = 16 // bytes
	maxPersonPart  = 24
)

// roleName is apono_ar12_alice_0123456789: readable for the DBA, and by the hash
// of the grant's id different for every grant. At most 58 bytes of ASCII:
// the server cuts names at 63, and keeps names of roles in no certain encoding.
// The request's part is read from the id: only what the grant was made with may
// decide which role is looked for at its end.
func roleName(g provision.Grant) string {
	local, _, _ := strings.Cut(g.Person.Email, "@")
	request := g.ID
	if i := strings.IndexAny(request, "./"); i >= 0 {
		request = request[:i]
	}
	return rolePrefix + plain(strings.ReplaceAll(request, "-", ""), maxRequestPart) + "_" +
		plain(local, maxPersonPart) + "_" + shortHash(g.ID)
}

// keptName is the role that keeps what people leave behind. Each bot has its own:
// from version 16 on it could not use that of another.
func keptName(bot string) string { return keptPrefix + shortHash(bot) }

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:5])
}

// plain keeps ASCII letters and digits, in lower case, and one "_" for each run of others.
func plain(text string, limit int) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
		if b.Len() == limit {
			break
		}
	}
	out := strings.Trim(b.String(), "_")
	if out == "" {
		return "x"
	}
	return out
}

const (
	commentStart  = "apono grant "
	commentMiddle = " of integration "
	keptComment   = "apono: owns what people left behind when their access ended; must have no rights of its own"
)

// grantComment marks a role as made for a grant. Comments on roles have no
// certain encoding either, so all that is not ASCII is escaped.
func grantComment(integration, id string) string {
	return commentStart + strconv.QuoteToASCII(id) + commentMiddle + strconv.QuoteToASCII(integration)
}

// parseComment is the reverse.
func parseComment(comment string) (integration, id string, ok bool) {
	rest, ok := strings.CutPrefix(comment, commentStart)
	if !ok {
		return "", "", false
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return "", "", false
	}
	quotedIntegration, ok := strings.CutPrefix(rest[len(quoted):], commentMiddle)
	id, err1 := strconv.Unquote(quoted)
	integration, err2 := strconv.Unquote(quotedIntegration)
	return integration, id, ok && err1 == nil && err2 == nil
}

// inDatabase is how a database is named in a sentence.
func inDatabase(name string) string { return fmt.Sprintf("database %q", name) }
