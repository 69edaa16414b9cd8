package config

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"apono/flows"
)

// hashPrefix marks a token of which only the hash is known.
const hashPrefix = "sha256:"

// leastToken is the length of the shortest token that nobody can guess.
const leastToken = 24

var hashForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// TokenHash is what is kept of a bearer token: "sha256:" and its hash in hexadecimal.
// Tokens are long and random, so that no salt is needed.
func TokenHash(token string) flows.Secret {
	sum := sha256.Sum256([]byte(token))
	return flows.Secret(hashPrefix + hex.EncodeToString(sum[:]))
}

// hashed replaces a token by its hash. A hash stands for itself, and may stand in the
// file: nobody can call with it.
func hashed(secret flows.Secret, issue *flows.Issue) (flows.Secret, *flows.Issue) {
	switch value := secret.Reveal(); {
	case value == "":
		return "", issue
	case hashForm.MatchString(value):
		return secret, nil
	case strings.HasPrefix(value, hashPrefix):
		return "", secretIssue(flows.SeverityError, "invalid_hash", "this is not a hash of a token", "sha256: and 64 digits from 0 to f, as printed by: printf %s \"$TOKEN\" | sha256sum")
	case len(value) < leastToken:
		return "", secretIssue(flows.SeverityError, "token_too_short", "a token of fewer than 24 characters can be guessed", "make one: openssl rand -hex 32")
	default:
		return TokenHash(value), issue
	}
}
