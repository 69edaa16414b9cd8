package provisiontest

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Decode is a provision.Spec's Decode over a configuration in YAML. It reads as the
// service does: a key that the driver does not know is an error.
func Decode(text string) func(into any) error {
	return func(into any) error {
		d := yaml.NewDecoder(strings.NewReader(text))
		d.KnownFields(true)
		return d.Decode(into)
	}
}
