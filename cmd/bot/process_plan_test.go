package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func init() { processStories["planned while it runs"] = processPlan }

// processPlan compares the file of a bot that runs with one in which somebody is in another
// group: with what the bot has synced, what it granted, and without asking a system.
func processPlan(t *testing.T, w *town) {
	w.change(lasting, "grant_duration: 1h")
	p := w.start().ready()
	w.granted("AR-1")
	text, err := os.ReadFile(w.configPath())
	w.must(err)
	is := filepath.Join(w.dir, "new.yaml")
	w.must(os.WriteFile(is, []byte(strings.Replace(string(text), "groups: [developers]", "groups: [guests]", 1)), 0o600))
	asked := w.target.Received("list-resources")
	out := w.bot(exitOK, "plan", "--old", w.configPath(), "--new", is)
	for _, want := range []string{"lose   alice@example.com: ", " [context]\n", "end    AR-1 of alice@example.com (active): ", "  people: as each file says\n", "  support-desk: as the bot knows it, synced "} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not say %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "[policy") || w.target.Received("list-resources") != asked {
		t.Errorf("asked %d times, then %d:\n%s", asked, w.target.Received("list-resources"), out)
	}
	p.terminate()
	if again := w.bot(exitOK, "plan", "--old", w.configPath(), "--new", is); again != out {
		t.Errorf("without the bot it says\n%s\nwith it\n%s", again, out)
	}
}
