package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts plays the scripts in testdata/script. They are the manual of what
// people see: each is a story, told in what people do and read, against a
// workspace that enforces Slack's rules. Hours in them take no time.
//
// After each story the bot is stopped and these must hold: Slack would have
// objected to nothing, no system did, the database is sound, no secret is in the
// log. The commands are in script_commands_test.go.
func TestScripts(t *testing.T) { playScripts(t, false, scripts(t)) }

// TestScriptsInTeams plays the same scripts with a bot that has Teams alone, but
// those whose files say that they are about Slack, or bring Teams themselves.
func TestScriptsInTeams(t *testing.T) {
	var inTeams, alone []string
	for _, name := range scripts(t) {
		text := readFile(t, name)
		if why := slackAlone.FindStringSubmatch(text); why != nil {
			alone = append(alone, filepath.Base(name)+": "+why[1])
		} else if !strings.Contains(text, "\n-- teams.yaml --\n") {
			inTeams = append(inTeams, name)
		}
	}
	t.Logf("%d scripts are played in Teams; in Slack alone: %q", len(inTeams), alone)
	if len(inTeams) < leastInTeams {
		t.Errorf("%d scripts are played in Teams; there were %d", len(inTeams), leastInTeams)
	}
	playScripts(t, true, inTeams)
}

// leastInTeams keeps scripts from being taken out unseen.
const leastInTeams = 45

// slackAlone marks a script about what Teams does not have.
var slackAlone = regexp.MustCompile(`(?m)^# In Slack alone: (.+)$`)

func scripts(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(all) == 0 {
		t.Fatalf("there are no scripts: %v", err)
	}
	return all
}

const teamsConfig = crashTeams + `  audit_conversation: "` + teamsAudit + `"
`

// slackConfig is the part of the configuration that connects Slack.
var slackConfig = regexp.MustCompile(`(?m)^slack:\n(?:  .*\n)+`)

// inTeamsAlone is a configuration with Teams in place of Slack.
func inTeamsAlone(base string) string {
	listening := strings.Replace(base, `http: {listen: ""}`, `http: {listen: "127.0.0.1:0"}`, 1)
	return slackConfig.ReplaceAllLiteralString(listening, strings.TrimPrefix(teamsConfig, "\n"))
}

func playScripts(t *testing.T, inTeams bool, files []string) {
	t.Helper()
	base := readFile(t, filepath.Join("testdata", "world.yaml"))
	flows := readFile(t, filepath.Join("testdata", "flows.yaml"))
	if inTeams {
		base = inTeamsAlone(base)
	}
	testscript.RunT(bubbleT{t}, testscript.Params{
		Files: files, WorkdirRoot: memory(t),
		Setup: func(e *testscript.Env) error {
			text := base + flows
			if own, err := os.ReadFile(filepath.Join(e.WorkDir, "flows.yaml")); err == nil {
				text = base + string(own)
			}
			if teams, err := os.ReadFile(filepath.Join(e.WorkDir, "teams.yaml")); err == nil {
				text = strings.Replace(text, `http: {listen: ""}`, `http: {listen: "127.0.0.1:0"}`, 1) + string(teams)
			}
			t := e.T().(bubbleT).T
			s := &script{world: newWorld(t, e.WorkDir, text), base: base, tokens: map[string]string{}, up: map[string]func(){}}
			if s.stage = newOnSlack(s); inTeams {
				s.stage = newOnTeams(s)
			}
			e.Values[scriptKey{}] = s
			e.Defer(s.world.end)
			if err := s.world.start(); err != nil {
				return err
			}
			if !s.world.ready() {
				return errors.New("the bot cannot be reached")
			}
			return s.stage.arrive()
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "slack":
				return !inTeams, nil
			case "teams":
				return inTeams, nil
			}
			return false, errors.New("unknown condition " + cond)
		},
		Cmds:                commands(),
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
	})
}

// bubbleT runs every script in its own bubble.
type bubbleT struct{ *testing.T }

// Parallel is not allowed inside a bubble; Run did it.
func (bubbleT) Parallel() {}

// Verbose implements testscript.T.
func (bubbleT) Verbose() bool { return testing.Verbose() }

// Run implements testscript.T.
func (b bubbleT) Run(name string, f func(testscript.T)) {
	b.T.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { f(bubbleT{t}) })
	})
}

// FailNow and the others are those of testing.T.
var _ testscript.T = bubbleT{}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// flat puts text on one line, so that a pattern may run over line ends.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

// memory is a folder of the test that costs no disk, where the machine has one. What
// is told in a bubble syncs many small databases that nobody will read again.
func memory(t testing.TB) string {
	t.Helper()
	const shm = "/dev/shm"
	if info, err := os.Stat(shm); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(shm, "apono-test-") //nolint:usetesting // that one is on the disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
