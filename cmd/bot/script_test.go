package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rogpeppe/go-internal/testscript"

	"apono/bot/slack/slacksim"
)

// TestScripts plays the scripts in testdata/script. They are the manual of what
// people see: each is a story, told in what people do and read, against a
// workspace that enforces Slack's rules. Hours in them take no time.
//
// After each story the bot is stopped and these must hold: Slack would have
// objected to nothing, no system did, the database is sound, no secret is in the
// log. The commands are in script_commands_test.go.
func TestScripts(t *testing.T) {
	base := readFile(t, filepath.Join("testdata", "world.yaml"))
	flows := readFile(t, filepath.Join("testdata", "flows.yaml"))
	testscript.RunT(bubbleT{t}, testscript.Params{
		Dir: filepath.Join("testdata", "script"), WorkdirRoot: memory(t),
		Setup: func(e *testscript.Env) error {
			text := base + flows
			if own, err := os.ReadFile(filepath.Join(e.WorkDir, "flows.yaml")); err == nil {
				text = base + string(own)
			}
			if teams, err := os.ReadFile(filepath.Join(e.WorkDir, "teams.yaml")); err == nil {
				text = strings.Replace(text, `http: {listen: ""}`, `http: {listen: "127.0.0.1:0"}`, 1) + string(teams)
			}
			t := e.T().(bubbleT).T
			s := &script{world: newWorld(t, e.WorkDir, text), base: base, replies: map[string]string{}, lists: map[string]slacksim.Message{}, tokens: map[string]string{}, kept: map[string]slacksim.Message{}, up: map[string]func(){}}
			e.Values[scriptKey{}] = s
			e.Defer(s.world.end)
			if err := s.world.start(); err != nil {
				return err
			}
			if !s.world.ready() {
				return errors.New("Slack cannot reach the bot")
			}
			return nil
		},
		Cmds:                commands(),
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
	})
}

// bubbleT runs every script in its own bubble.
type bubbleT struct{ *testing.T }

// Parallel is not allowed inside a bubble.
func (bubbleT) Parallel() {}

// Verbose implements testscript.T.
func (bubbleT) Verbose() bool { return testing.Verbose() }

// Run implements testscript.T.
func (b bubbleT) Run(name string, f func(testscript.T)) {
	b.T.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(bubbleT{t}) }) })
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
