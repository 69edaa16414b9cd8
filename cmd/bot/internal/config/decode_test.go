package config

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"apono/flows"
)

type own struct{ text string }

func (o *own) UnmarshalYAML(n *yaml.Node) error {
	if n.Value == "bad" {
		return errors.New("that is bad")
	}
	o.text = "own " + n.Value
	return nil
}

type base struct {
	Host string
	Port uint16 `yaml:"port"`
}

type driver struct {
	base    `yaml:",inline"`
	Named   base                    `yaml:"named"`
	Secret  flows.Secret            `yaml:"secret"`
	Secrets map[string]flows.Secret `yaml:"secrets"`
	Every   time.Duration           `yaml:"every"`
	On      *bool                   `yaml:"on"`
	Ratio   float64                 `yaml:"ratio"`
	Tries   int8                    `yaml:"tries"`
	Addr    netip.Addr              `yaml:"addr"`
	Own     own                     `yaml:"own"`
	Any     any                     `yaml:"any"`
	Rows    [][]string              `yaml:"rows"`
	ByPort  map[int]string          `yaml:"by_port"`
	Hidden  string                  `yaml:"-"`
	hidden  string
}

func decodeText(t *testing.T, text string, into any) []string {
	t.Helper()
	p := &problems{file: "f"}
	if p.root = parse([]byte(text), p); p.root == nil {
		t.Fatal(p.list)
	}
	env := func(name string) (string, bool) { return "secret of " + name, name == "A" }
	decoder{p: p, secrets: secrets{lookup: env}}.into(p.root, into, "")
	var out []string
	for _, x := range p.report().Problems {
		out = append(out, x.String())
	}
	return out
}

func TestDecode(t *testing.T) {
	var got driver
	issues := decodeText(t, `
host: h
port: 5432
named: {host: n, port: 0x10}
secret: env:A
secrets: {Some.Key: env:A, other: env:A}
every: 1w
on: true
ratio: 1.5
tries: -3
addr: 10.0.0.1
own: x
any: {a: [1, no, 2024-01-02]}
rows: [[a, 1], [], [true, 1.10]]
by_port: {80: http}
`, &got)
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	on := true
	want := driver{
		base: base{Host: "h", Port: 5432}, Named: base{Host: "n", Port: 16}, Secret: "secret of A",
		Secrets: map[string]flows.Secret{"Some.Key": "secret of A", "other": "secret of A"},
		Every:   7 * 24 * time.Hour, On: &on, Ratio: 1.5, Tries: -3, Addr: netip.MustParseAddr("10.0.0.1"), Own: own{"own x"},
		Any:  map[string]any{"a": []any{1, "no", time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC)}},
		Rows: [][]string{{"a", "1"}, {}, {"true", "1.10"}}, ByPort: map[int]string{80: "http"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(driver{}, own{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Transformer("reveal", flows.Secret.Reveal)); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

func TestDecode_EveryProblemAtOnce(t *testing.T) {
	var got driver
	issues := decodeText(t, `
hots: h
port: 70000
named: text
secret: {a: b}
secrets: {Some.Key: env:B}
every: soon
on: yes
ratio: much
tries: 300
addr: 10.0.0.256
own: bad
rows: [a, [[b]]]
by_port: {http: 80}
Hidden: x
hidden: x
`, &got)
	want := []string{
		`f:2:1: error: unknown key "hots" (did you mean "host"?)`,
		`f:3:1: error: this must be a whole number`,
		`f:4:1: error: this must be a mapping (write keys with values under it)`,
		`f:5:1: error: this must be plain text`,
		`f:6:11: error: the environment variable B is not set`,
		`f:7:1: error: "soon" is not a duration (write 90m, 8h, 5d or 2w)`,
		`f:8:1: error: this must be true or false`,
		`f:9:1: error: this must be a number`,
		`f:10:1: error: this must be a whole number`,
		`f:11:1: error: ParseAddr("10.0.0.256"): IPv4 field has value >255`,
		`f:12:1: error: that is bad`,
		`f:13:8: error: this must be a list (write [a, b], or one item a line after a dash)`,
		`f:13:12: error: this must be plain text`,
		`f:14:1: error: this cannot be read as map[int]string`,
		`f:15:1: error: unknown key "Hidden"`,
		`f:16:1: error: unknown key "hidden"`,
	}
	if diff := cmp.Diff(want, issues); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if got.hidden != "" || got.Hidden != "" {
		t.Error("a field without a key was set")
	}
}

func TestDecode_NothingWrittenLeavesTheDefault(t *testing.T) {
	got := driver{base: base{Host: "default", Port: 1}, Every: time.Second}
	if issues := decodeText(t, "host:\nevery: ~\nport: null\nsecret:\n", &got); len(issues) > 0 {
		t.Fatal(issues)
	}
	if got.Host != "default" || got.Every != time.Second || got.Port != 1 {
		t.Errorf("got %+v", got)
	}
}
