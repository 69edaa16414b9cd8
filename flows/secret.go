package flows

import "fmt"

// Secret is a string that does not print: formatted, logged, or marshalled it
// reads "*****". Reveal gives the text to the one caller that needs it.
type Secret string

const redacted = "*****"

// Reveal returns the secret itself. Never pass the result to an error or a log.
func (s Secret) Reveal() string { return string(s) }

// Format implements fmt.Formatter for every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText keeps the secret out of JSON, YAML and structured logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
