package main

import (
	"os"
	"strings"
	"testing"
)

func init() { processStories["the credentials key is lost"] = processKeyLost }

// processKeyLost: who restores a database without its key is told at the start. A first
// start, at which the key is made too, tells nobody. Whoever only asks the store is not
// told what is not good in the configuration.
func processKeyLost(t *testing.T, w *town) {
	const made = "a new credentials key was made; what an earlier one sealed cannot be opened"
	w.change("admins:", "# admins:") // bot run and bot check warn of that
	for i, lost := range []bool{false, false, true} {
		if lost {
			w.must(os.Remove(w.storePath() + ".key"))
		}
		p := w.start().ready()
		if i == 0 {
			w.asked("AR-1", "INC-12 is burning")
		}
		if got := strings.Contains(p.log.String(), made); got != lost {
			t.Errorf("the key is lost: %t; the log:\n%s", lost, p.log.String())
		}
		for want, args := range map[string][]string{"ok\n": {"db", "check"}, `{"status":"ok"}` + "\n": {"health"}} {
			if out := w.bot(exitOK, args...); out != want {
				t.Errorf("bot %s says %q, want %q", strings.Join(args, " "), out, want)
			}
		}
		p.terminate()
	}
}
