package config

import (
	"fmt"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestFind(t *testing.T) {
	p := &problems{file: "config.yaml"}
	root := parse([]byte(`slack:
  token: x
flows:
- name: prod
  approvers:
    count: 9
    from: [sre]
- name: dev
attributes: {"cost.center": 4, "a\"]b": [1, 2], "": 3}
`), p)
	if root == nil {
		t.Fatal(p.list)
	}
	for _, tt := range []struct {
		path, at string
		found    bool
	}{
		{"", "1:1", true},
		{"slack.token", "2:3", true},
		{"flows[0].approvers.count", "6:5", true},
		{"flows[0].approvers.from[0]", "7:12", true},
		{`attributes["cost.center"]`, "9:14", true},
		{`attributes["a\"]b"][1]`, "9:45", true},
		{`attributes[""]`, "9:49", true},
		// What is not there is placed at the nearest thing that is.
		{"flows[0].max_duration", "4:3", false},
		{"flows[1].approvers.count", "8:3", false},
		{"flows[7].name", "3:1", false},
		{"flows.name", "3:1", false},
		{"slack.token.inner", "2:3", false},
		{"slack[0]", "1:1", false},
		{"teams.app_id", "1:1", false},
		{"attributes.cost.center", "9:1", false},
		// What is not a path is placed as far as it is one.
		{"flows[", "3:1", false},
		{"flows[-1]", "3:1", false},
		{`attributes["cost`, "9:1", false},
		{"..", "1:1", false},
		{"[]", "1:1", false},
	} {
		_, where, found := find(root, tt.path)
		if at := fmt.Sprintf("%d:%d", where.Line, where.Column); at != tt.at || found != tt.found {
			t.Errorf("find(%s) = %s, %t; want %s, %t", tt.path, at, found, tt.at, tt.found)
		}
	}
}

// FuzzPath: a path that the decoder makes leads back to its value, whatever the keys are.
func FuzzPath(f *testing.F) {
	for _, key := range []string{"", "plain", "a.b", `"`, "]", "[0]", "0", "a\nb", "é", "\xff", "a-b_c", "-a"} {
		f.Add(key, "inner")
	}
	f.Fuzz(func(t *testing.T, outer, inner string) {
		leaf := &yaml.Node{Kind: yaml.ScalarNode, Value: "leaf"}
		list := &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode}, leaf}}
		mapping := func(key string, value *yaml.Node) *yaml.Node {
			return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: key}, value}}
		}
		root := mapping(outer, mapping(inner, list))
		path := itemPath(keyPath(keyPath("", outer), inner), 1)
		if value, _, found := find(root, path); !found || value != leaf {
			t.Errorf("find(%s) of keys %q and %q does not find it", path, outer, inner)
		}
	})
}

func TestUnder(t *testing.T) {
	for _, tt := range []struct {
		path, top string
		want      bool
	}{
		{"flows[0].name", "flows[0]", true},
		{"flows[0]", "flows[0]", true},
		{"flows[0]", "flows", true},
		{"flows[10]", "flows[1]", false},
		{"flows", "flows[0]", false},
		{"flowsy", "flows", false},
		{"log.level", "", false},
		{"", "", true},
	} {
		if got := under(tt.path, tt.top); got != tt.want {
			t.Errorf("under(%q, %q) = %t, want %t", tt.path, tt.top, got, tt.want)
		}
	}
}
