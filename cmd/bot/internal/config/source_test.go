package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParse_Oddities: what a file can be besides a configuration, and where each
// kind of it is said to be wrong.
func TestParse_Oddities(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string // nil: it can be read
	}{
		"byte order mark and CRLF": {"\xef\xbb\xbfslack:\r\n  command: /a\r\n", nil},
		"a tab inside a value":     {"slack:\n  command: \"/a\tb\"\n", nil},
		"one document, marked":     {"---\nslack: {}\n...\n", nil},
		"empty":                    {"", []string{"f:1:1: error: the file is empty (start from config.example.yaml)"}},
		"null":                     {"~\n", []string{"f:1:1: error: the file is empty (start from config.example.yaml)"}},
		"a list":                   {"- a\n", []string{"f:1:1: error: the file must be a mapping of sections (start from config.example.yaml)"}},
		"a word":                   {"# what\nslack\n", []string{"f:2:1: error: the file must be a mapping of sections (start from config.example.yaml)"}},
		"two documents":            {"a: 1\n---\n---\nb: 1\n", []string{"f:3:1: error: the file holds more than one document (remove the lines with ---)"}},
		"a broken second document": {"a: 1\n---\n]\n", []string{"f:2:1: error: this is not YAML: did not find expected node content"}},
		"a colon too many":         {"a: b: c\n", []string{"f:1:1: error: this is not YAML: mapping values are not allowed in this context"}},
		"an anchor nobody has":     {"a: *b\n", []string{"f:1:1: error: this is not YAML: unknown anchor 'b' referenced"}},
		"a list as a key":          {"a: 1\n? [x]\n: 2\n", []string{"f:2:3: error: a key must be a plain word"}},
		"an alias as a key":        {"a: &k name\n*k : 2\n", nil},
		"merging a word":           {"<<: word\na: 1\n", []string{"f:1:5: error: << merges mappings only"}},
		"merging oneself":          {"a: &a\n  <<: *a\n", []string{"f:2:7: error: *a holds itself", "f:2:7: error: << merges mappings only"}},
		"not text":                 {"a: \x00\n", []string{"f:1:1: error: this is not YAML: control characters are not allowed"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &problems{file: "f"}
			root := parse([]byte(tt.text), p)
			var got []string
			for _, x := range p.report().Problems {
				got = append(got, x.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if root == nil && len(got) == 0 {
				t.Error("there is no tree, and nobody says why")
			}
		})
	}
}

func TestJoinPath(t *testing.T) {
	for relative, want := range map[string]string{
		"": "integrations[0].config", "dsn": "integrations[0].config.dsn", `["a.b"].c`: `integrations[0].config["a.b"].c`,
	} {
		if got := joinPath("integrations[0].config", relative); got != want {
			t.Errorf("joinPath of %q = %q, want %q", relative, got, want)
		}
	}
}
