package config

import (
	"strings"
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
		"a broken second document": {"a: 1\n---\n]\n", []string{"f:3:1: error: this is not YAML: did not find expected node content" + lookAt}},
		"a colon too many":         {"a: b: c\n", []string{"f:1:1: error: this is not YAML: mapping values are not allowed in this context" + lookAt}},
		"an anchor nobody has":     {"a: 1\nb:\n  c: *b\n", []string{"f:3:3: error: this is not YAML: unknown anchor 'b' referenced" + lookAt}},
		"a list as a key":          {"a: 1\n? [x]\n: 2\n", []string{"f:2:3: error: a key must be a plain word"}},
		"an alias as a key":        {"a: &k name\n*k : 2\n", nil},
		"merging a word":           {"<<: word\na: 1\n", []string{"f:1:5: error: << merges mappings only"}},
		"merging oneself":          {"a: &a\n  <<: *a\n", []string{"f:2:7: error: *a holds itself", "f:2:7: error: << merges mappings only"}},
		"not text":                 {"a: \x00\n", []string{"f:1:1: error: this is not YAML: control characters are not allowed (the file must be text in UTF-8)"}},
		"no UTF-8":                 {"a: 1\nb: \xff\n", []string{"f:2:1: error: this is not YAML: invalid leading UTF-8 octet (the file must be text in UTF-8)"}},
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

const lookAt = " (look at this line and the one before it: indentation, brackets, quotes, a colon inside a text)"

// TestParse_Places: the line of a mistake in the syntax is the one that has to be mended,
// or on which what is not ended begins.
func TestParse_Places(t *testing.T) {
	for name, text := range map[string]string{
		"a brace that is not closed":           "a: 1\nc:\n  - {x: 1}\n  - {x: 1, y: 2 # here\n  - {x: 3}\nd: 1\n",
		"one in the first line":                "a: {x: 1 # here\nb: 2\n",
		"a bracket that is not closed":         "a: 1\nb: 2\nc: [1, 2 # here\nd: 3\n",
		"a brace inside of brackets":           "a:\n  [\n    {x: 1},\n    {x: 2 # here\n    {x: 3},\n  ]\nb: 1\n",
		"a bracket too many":                   "a: 1\nb: {\n  x: 1\n}\nc: 1\nd: ] # here\ne: 1\n",
		"a key indented too much":              "a: 1\nb:\n  c: 1\n   d: 2 # here\ne: 1\n",
		"a key indented too little":            "a: 1\nb:\n    c: 1\n  d: 2 # here\ne: 3\n",
		"a key of a long list":                 "a: 1\nflows:\n  - name: x\n    t: 1\n  - name: y\n    t: 1\n   u: 2 # here\n  - name: z\n",
		"an item in a mapping":                 "a: 1\nb:\n  c: 1\n  - d # here\n  e: 1\n",
		"a word without a colon":               "a: 1\nb # here\nc: 2\n",
		"a quote that is not closed":           "a: 1\nb: \"xx # here\nc: 2\nd: 3\n",
		"a colon too many":                     "a: 1\nb: 2\nc: x: y # here\nd: 1\n",
		"a sign that needs quotes":             "a: 1\nb: 2\nc: @x # here\nd: 1\n",
		"a tab":                                "a: 1\nb:\n\tc: 1 # here\n",
		"another mistake than a tab in a text": "a: |\n  x\n  \ty\nb: 2\nc: x: y # here\n",
		"with CRLF":                            "a: 1\r\nb:\r\n    c: 1\r\n  d: 2 # here\r\n",
		"without an end of the line":           "a: 1\nb: [ # here",
	} {
		t.Run(name, func(t *testing.T) {
			p := &problems{file: "f"}
			parse([]byte(text), p)
			want := 1 + strings.Count(text[:strings.Index(text, "# here")], "\n")
			if got := p.report().Problems; len(got) != 1 || got[0].Line != want || got[0].Hint == "" {
				t.Errorf("%v, want one of line %d with a hint", got, want)
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
