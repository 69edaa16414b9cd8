package slack

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
	"go.yaml.in/yaml/v3"

	"apono/bot/slack/slacksim"
)

const manifestPath = "../../docs/slack-manifest.yaml"

// source is all code of this package that is no test.
func source(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}

// called are the methods that the package calls: only what the gate knows goes out.
func called(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, m := range regexp.MustCompile(`method\{name: "([\w.]+)"`).FindAllStringSubmatch(source(t), -1) {
		out = append(out, m[1])
	}
	if len(out) < 10 {
		t.Fatalf("only %d methods are found in the source", len(out))
	}
	return out
}

// TestScopesAreThoseOfTheMethods: what is asked for at installation is what the calls
// need, and no more.
func TestScopesAreThoseOfTheMethods(t *testing.T) {
	// Of the slash command, which is no method, and of the source of people, which is
	// another package (provision/slack).
	need := []string{"commands", "usergroups:read"}
	for _, m := range called(t) {
		scopes, known := methodScopes[m]
		if !known {
			t.Errorf("methodScopes does not know %s: add its row, after its page https://docs.slack.dev/reference/methods/%s", m, m)
		}
		if m != "apps.connections.open" {
			need = append(need, scopes...)
		}
	}
	slices.Sort(need)
	if diff := cmp.Diff(slices.Compact(need), Scopes); diff != "" {
		t.Errorf("scopes (-of the methods +asked for):\n%s", diff)
	}
}

// TestScopesAreEnoughForSlack: the simulated Slack, which has its own table, refuses
// none of the calls for its scopes.
func TestScopesAreEnoughForSlack(t *testing.T) {
	o := world()
	o.Scopes = Scopes
	quiet(t, o, func(r *rig) {
		if got := r.client.Check(r.ctx).Problems(); len(got) > 0 {
			t.Errorf("with the scopes of the manifest: %v", got)
		}
	})
}

// TestManifest: what people paste asks for what the code uses, with a reason each.
func TestManifest(t *testing.T) {
	text, err := os.ReadFile(manifestPath)
	if err != nil {
		t.Fatal(err)
	}
	var m slack.Manifest
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Scopes, m.OAuthConfig.Scopes.Bot); diff != "" {
		t.Errorf("bot scopes (-code +manifest):\n%s", diff)
	}
	var events []string
	for _, e := range slacksim.DefaultEvents { // those that anything here could be about
		if strings.Contains(source(t), `"`+e+`"`) {
			events = append(events, e)
		}
	}
	var subscribed []string
	if m.Settings.EventSubscriptions != nil {
		subscribed = m.Settings.EventSubscriptions.BotEvents
	}
	if diff := cmp.Diff(events, subscribed); diff != "" {
		t.Errorf("events (-handled +subscribed):\n%s", diff)
	}
	if home := slices.Contains(called(t), "views.publish"); m.Features.AppHome.HomeTabEnabled != home {
		t.Errorf("the home tab is published: %v; offered: %v", home, m.Features.AppHome.HomeTabEnabled)
	}
	shortcuts := map[string]slack.ShortcutType{}
	for _, s := range m.Features.Shortcuts {
		// https://docs.slack.dev/reference/app-manifest: name 24, description 150.
		if shortcuts[s.CallbackID] = s.Type; utf8.RuneCountInString(s.Name) > 24 || utf8.RuneCountInString(s.Description) > 150 {
			t.Errorf("too long: %+v", s)
		}
	}
	if diff := cmp.Diff(map[string]slack.ShortcutType{shortcutRequest: slack.GlobalShortcut, shortcutMessage: slack.MessageShortcut}, shortcuts); diff != "" {
		t.Errorf("shortcuts (-handled +offered):\n%s", diff)
	}
	if c := m.Features.SlashCommands; len(c) != 1 || c[0].Command != "/apono" {
		t.Errorf("slash commands: %+v", c)
	}
	if len(m.OAuthConfig.Scopes.User) > 0 || !m.Settings.SocketModeEnabled || m.Settings.Interactivity == nil || !m.Settings.Interactivity.IsEnabled {
		t.Errorf("user scopes %v, settings %+v", m.OAuthConfig.Scopes.User, m.Settings)
	}
	// https://docs.slack.dev/reference/app-manifest
	if d := m.Display; utf8.RuneCountInString(d.Name) > 35 || utf8.RuneCountInString(d.Description) > 140 {
		t.Errorf("too long: %+v", d)
	}
	reasons := regexp.MustCompile(`(?m)^      - [\w:.]+ # .{20,}$|^    - [\w.]+ # .{20,}$`).FindAll(text, -1)
	if want := len(Scopes) + len(events); len(reasons) != want {
		t.Errorf("%d reasons for %d scopes and events", len(reasons), want)
	}
}
