package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestADatabaseThatIsTakenAway under a running bot is told to the admins and the audit
// channel once, and by health as long as it is so.
func TestADatabaseThatIsTakenAway(t *testing.T) {
	inWorld(t, crashFlows, func(r *crashRun) {
		path := r.world.current().app.cfg.Store.Path
		at := func(step string, away bool, told, back int) {
			t.Helper()
			time.Sleep(10 * time.Minute)
			for who, messages := range map[string]string{"the audit channel": all(r.world.ws.Messages("#access-audit")), "the admin": all(r.person("eve").DMs())} {
				messages = flat(messages)
				if strings.Count(messages, storeAway) != told || strings.Count(messages, storeTodo) != told || strings.Count(messages, storeBack) != back {
					t.Errorf("%s: %s reads\n%s", step, who, messages)
				}
			}
			want := map[string]string{}
			if away {
				want["store"] = storeAway + " " + storeTodo
			}
			if got := r.world.current().app.Warnings(); !maps.Equal(got, want) {
				t.Errorf("%s: health warns of %v", step, got)
			}
		}
		move := func(from, to string) {
			t.Helper()
			if err := os.Rename(from, to); err != nil {
				t.Fatal(err)
			}
		}
		at("in peace", false, 0, 0)
		move(path, path+".away")
		at("moved", true, 1, 0)
		if err := os.WriteFile(path, []byte("another"), 0o600); err != nil {
			t.Fatal(err)
		}
		at("another is there", true, 1, 0)
		move(path+".away", path)
		at("back", false, 1, 1)
	})
}

func init() { processStories["the database is removed"] = processRemoved }

// processRemoved does what the bot says is to be done then: nothing is lost.
func processRemoved(t *testing.T, w *town) {
	p := w.start().ready()
	w.must(os.Remove(w.storePath()))
	w.asked("AR-1", "INC-12 is burning")
	backup := filepath.Join(w.dir, "backup.db")
	w.bot(exitOK, "db", "backup", backup)
	p.terminate()
	w.bot(exitOK, "db", "restore", backup)
	p = w.start().ready()
	if out := w.bot(exitOK, "audit", "export"); !strings.Contains(out, ",asked,AR-1,") {
		t.Errorf("the trail is\n%s", out)
	}
	p.terminate()
}
