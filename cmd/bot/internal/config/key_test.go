package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"apono/cmd/bot/internal/config"
	"apono/flows"
)

func TestCredentialsKey_Configured(t *testing.T) {
	key := newKey()
	for name, text := range map[string]string{
		"bare":              key,
		"as age-keygen":     "# created: 2026-01-01\n# public key: age1x\n" + key + "\n",
		"with line endings": "\r\n" + key + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := &config.Config{Credentials: config.Credentials{Key: flows.Secret(text)}, Store: config.Store{Path: t.TempDir() + "/bot.db"}}
			got, err := config.CredentialsKey(c)
			if err != nil || got.Reveal() != key {
				t.Errorf("key is as given: %t, %v", got.Reveal() == key, err)
			}
			if _, err := os.Stat(c.KeyPath()); err == nil {
				t.Error("a key was made although one is configured")
			}
		})
	}
}

func TestCredentialsKey_Broken(t *testing.T) {
	key := newKey()
	for name, text := range map[string]string{
		"cut short": key[:60], "two of them": key + "\n" + newKey(), "of another kind": "hunter2-hunter2", "only comments": "# nothing\n",
		"in lower case": strings.ToLower(key[:20]) + key[20:],
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "bot.db")
			if err := os.WriteFile(path+".key", []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, c := range []*config.Config{
				{Credentials: config.Credentials{Key: flows.Secret(text)}},
				{Store: config.Store{Path: path}},
			} {
				_, err := config.CredentialsKey(c)
				if err == nil {
					t.Fatal("no error")
				}
				for line := range strings.Lines(text) {
					if line = strings.TrimSpace(line); strings.Contains(err.Error(), line) || strings.Contains(err.Error(), line[:min(len(line), 20)]) {
						t.Errorf("the error holds the key: %v", err)
					}
				}
			}
		})
	}
}

func TestCredentialsKey_MadeBesideTheStore(t *testing.T) {
	c := &config.Config{Store: config.Store{Path: filepath.Join(t.TempDir(), "data", "bot.db")}}
	keys := make([]flows.Secret, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			key, err := config.CredentialsKey(c)
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	wg.Wait()
	for _, key := range keys {
		if key == "" || key != keys[0] {
			t.Fatal("processes that start at once do not agree on the key")
		}
	}
	info, err := os.Stat(c.KeyPath())
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("mode %o, want 600", mode)
	}
	if left, err := os.ReadDir(filepath.Dir(c.Store.Path)); err != nil || len(left) != 1 {
		t.Errorf("the folder holds %v, %v; want the key alone", left, err)
	}
	if err := os.Chmod(c.KeyPath(), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := config.CredentialsKey(c); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that everybody may read: %v", err)
	}
}
