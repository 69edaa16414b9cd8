package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTeamsManifestOfNoApp: Teams would refuse the package, without saying why.
func TestTeamsManifestOfNoApp(t *testing.T) {
	out := filepath.Join(t.TempDir(), "app.zip")
	var stdout, stderr bytes.Buffer
	if code := Main(t.Context(), []string{"teams", "manifest", "--app-id", "my-app", "--out", out}, &stdout, &stderr); code != exitUsage || !strings.Contains(stderr.String(), `"my-app" is no Application (client) ID`) {
		t.Errorf("exit status %d: %s", code, stderr.String())
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("there is a package")
	}
}

func TestTeamsManifest(t *testing.T) {
	out := filepath.Join(t.TempDir(), "app.zip")
	var stdout, stderr bytes.Buffer
	if code := Main(t.Context(), []string{"teams", "manifest", "--app-id", "11111111-2222-3333-4444-555555555555", "--out", out}, &stdout, &stderr); code != exitOK {
		t.Fatalf("exit status %d: %s", code, stderr.String())
	}
	packed, err := zip.OpenReader(out)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = packed.Close() }() // it was read
	files := map[string][]byte{}
	for _, f := range packed.File {
		if y := f.Modified.Year(); y < 2000 {
			t.Errorf("%s is of the year %d, which some programs refuse", f.Name, y)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	var m struct {
		ID   string
		Bots []struct {
			BotID  string
			Scopes []string
		}
		Name, Description struct{ Short, Full string }
		Icons             struct{ Color, Outline string }
	}
	if err := json.Unmarshal(files["manifest.json"], &m); err != nil {
		t.Fatal(err)
	}
	if m.ID != "11111111-2222-3333-4444-555555555555" || len(m.Bots) != 1 || m.Bots[0].BotID != m.ID || strings.Contains(string(files["manifest.json"]), "00000000-") {
		t.Errorf("manifest of the app %q with bots %+v", m.ID, m.Bots)
	}
	// https://learn.microsoft.com/microsoftteams/platform/resources/schema/manifest-schema
	if len(m.Name.Short) > 30 || len(m.Name.Full) > 100 || len(m.Description.Short) > 80 || len(m.Description.Full) > 4000 {
		t.Errorf("a name or description is too long: %+v %+v", m.Name, m.Description)
	}
	for name, size := range map[string]int{m.Icons.Color: 192, m.Icons.Outline: 32} {
		img, err := png.Decode(bytes.NewReader(files[name]))
		if err != nil || img.Bounds().Dx() != size || img.Bounds().Dy() != size {
			t.Errorf("icon %s: %v", name, err)
		}
	}
}

func TestTeamsManifestWantsAnAppID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(strings.NewReplacer("${SLACK}", "https://slack.com/api/", "${DB}", "x.db", "${support-desk}", "https://a.example", "${archive}", "https://b.example", "${warehouse}", "https://c.example").Replace(
		readFile(t, filepath.Join("testdata", "world.yaml"))+readFile(t, filepath.Join("testdata", "flows.yaml")))), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := Main(t.Context(), []string{"teams", "manifest", "--config", path, "--out", filepath.Join(t.TempDir(), "app.zip")}, &stdout, &stderr)
	if code != exitUsage || !strings.Contains(stderr.String(), "teams.app_id") {
		t.Errorf("exit status %d: %s", code, stderr.String())
	}
}
