package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func init() { processStories["a database deep in the tree"] = processDeep }

// processDeep runs a bot whose control socket has a longer path than a socket may have.
// Every command that asks a running bot reaches it all the same.
func processDeep(t *testing.T, w *town) {
	dir := filepath.Join(w.dir, strings.Repeat("deep-", 30))
	w.must(os.Mkdir(dir, 0o700))
	w.env = append(w.env, "BOT_STORE_PATH="+filepath.Join(dir, "bot.db"))
	w.change("http: {listen: 127.0.0.1:0}", `http: {listen: ""}`)
	w.change(lasting, "grant_duration: 1h")
	p := w.start()
	w.soon("it can serve", func() bool {
		status, out := w.try(w.env, "health")
		return status == exitOK && out == `{"status":"ok"}`+"\n"
	})
	token := w.granted("AR-1")
	backup := filepath.Join(w.dir, "backup.db")
	for want, args := range map[string][]string{
		backup + " written, ":                 {"db", "backup", backup},
		"The access of AR-1 is being ended. ": {"revoke", "AR-1"},
		"ok: ":                                {"audit", "verify"},
		",asked,AR-1,":                        {"audit", "export"},
	} {
		if out := w.bot(exitOK, args...); !strings.Contains(out, want) {
			t.Errorf("bot %s says %q, want %q", strings.Join(args, " "), out, want)
		}
	}
	w.shut(token)
	p.terminate()
}
