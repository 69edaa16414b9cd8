package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func init() { processStories["a saved configuration"] = processReload }

// mount puts the configuration where Kubernetes puts that of a ConfigMap: behind a
// link to a link to a folder, the second of which is swapped for each version.
func (w *town) mount(version string) {
	w.t.Helper()
	text, err := os.ReadFile(w.configPath())
	w.must(err)
	folder := filepath.Join(w.dir, version)
	w.must(os.Mkdir(folder, 0o700))
	w.must(os.WriteFile(filepath.Join(folder, "config.yaml"), text, 0o600))
	w.must(os.Remove(w.configPath()))
	w.must(os.Symlink(filepath.Join("..data", "config.yaml"), w.configPath()))
	w.swap(version)
}

func (w *town) swap(version string) {
	w.t.Helper()
	w.must(os.Symlink(version, filepath.Join(w.dir, "..new")))
	w.must(os.Rename(filepath.Join(w.dir, "..new"), filepath.Join(w.dir, "..data")))
}

// processReload saves configurations under a bot that runs, in the ways that they
// are saved in, and has it read a secret anew.
func processReload(t *testing.T, w *town) {
	secret := filepath.Join(w.dir, "secret")
	w.must(os.WriteFile(secret, []byte("whsec_bm90IHRoaXMgb25lLCBub3QgdGhpcyBvbmU="), 0o600))
	w.change("env:DEMO_TARGET_SECRET", "file:"+secret)
	w.mount("..v1")
	p := w.start().ready()
	w.soon("the system refuses a wrong secret", func() bool {
		_, body := p.get("/readyz")
		return strings.Contains(body, "support-desk")
	})

	// Only the secret is another.
	w.must(os.WriteFile(secret, []byte(w.secret()), 0o600))
	w.soon("the system is read", func() bool { _, body := p.get("/readyz"); return body == `{"status":"ok"}`+"\n" })
	w.soon("the audit channel is told", func() bool { return w.said(`integration "support-desk" changed`) == 1 })

	// Nothing is another, and all of it is read again.
	w.must(p.cmd.Process.Signal(syscall.SIGHUP))
	w.soon("the audit channel is told", func() bool { return w.said("it means the same as before") == 1 })

	// A new version is mounted.
	text, err := os.ReadFile(w.configPath())
	w.must(err)
	w.must(os.Mkdir(filepath.Join(w.dir, "..v2"), 0o700))
	next := strings.NewReplacer("level: info", "level: debug", "groups: [leads]", "groups: [bosses]").Replace(string(text))
	w.must(os.WriteFile(filepath.Join(w.dir, "..v2", "config.yaml"), []byte(next), 0o600))
	w.swap("..v2")
	w.soon("the audit channel is told", func() bool { return w.said("log level changed") == 1 })
	w.soon("the log has another level", func() bool { return strings.Contains(p.log.String(), `"level":"DEBUG"`) })

	// It goes away, and comes back as it was.
	w.must(os.Remove(filepath.Join(w.dir, "..data")))
	w.soon("the audit channel is told", func() bool { return w.said("the file cannot be read: no such file or directory") == 1 })
	if text := p.metrics(); !strings.Contains(text, "\napono_config_last_reload_successful 0\n") {
		t.Error("the metrics do not say that the reload was refused")
	}
	w.swap("..v2")
	w.soon("the audit channel is told", func() bool { return w.said("it means the same as before") == 2 })
	if text := p.metrics(); !strings.Contains(text, "\napono_config_last_reload_successful 1\n") {
		t.Error("the metrics do not say that the reload was a success")
	}
	p.terminate()
	if log := p.log.String(); strings.Contains(log, "whsec_") {
		t.Error("the log holds a secret")
	}
	if v := w.ws.Violations(); len(v) > 0 {
		t.Errorf("Slack would have objected: %+v", v)
	}
	if v := w.target.Violations(); len(v) == 0 || slices.ContainsFunc(v, func(s string) bool { return s != "The signature is not right." }) {
		t.Errorf("the system objected: %q; to the wrong secret it must", v)
	}
	if n := w.said("config.yaml was saved"); n != 5 {
		t.Errorf("the audit channel was told of %d reloads, want 5", n)
	}
}

// secret is that of the system.
func (w *town) secret() string {
	w.t.Helper()
	for _, kv := range w.env {
		if value, ok := strings.CutPrefix(kv, "DEMO_TARGET_SECRET="); ok {
			return value
		}
	}
	w.t.Fatal("the system has no secret")
	return ""
}
