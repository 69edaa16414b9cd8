package config_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"apono/cmd/bot/internal/config"
)

// TestLoad_APIToken: of the token of the API, only the hash is kept, wherever it came
// from; the hash may stand in the file.
func TestLoad_APIToken(t *testing.T) {
	const token = "a-token-that-nobody-guesses"
	for written, wantCode := range map[string]string{
		"env:API": "", token: "literal_secret", config.TokenHash(token).Reveal(): "", "env:NOWHERE": "secret_missing", "short": "token_too_short",
	} {
		path := filepath.Join(t.TempDir(), "config.yaml")
		sound, err := os.ReadFile("testdata/sound.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(sound, "\nhttp: {listen: 127.0.0.1:0, api_token: \""+written+"\"}\n"...), 0o600); err != nil {
			t.Fatal(err)
		}
		env := maps.Clone(environment)
		env["API"] = token
		c, report := config.Load(t.Context(), config.Options{Path: path, Registry: newWorld(t).registry, LookupEnv: lookup(env)})
		code := ""
		for _, p := range report.Problems {
			code += p.Code
		}
		if code != wantCode {
			t.Errorf("%s: %q, not %q", written, code, wantCode)
		}
		if c != nil {
			if got := c.HTTP.APIToken; got != config.TokenHash(token) || got.Reveal() != "sha256:6ca0626e34057737137b201c140e29d040cdedef06e5a48ddf6ef2c19132ecba" {
				t.Errorf("%s: what is kept is %s", written, got.Reveal())
			}
			_ = c.Close()
		}
	}
}
