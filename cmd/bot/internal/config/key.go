package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"apono/flows"
)

const keyHint = "a line AGE-SECRET-KEY-1…, as age-keygen prints"

// KeyPath is where the key is kept that CredentialsKey makes: beside the store.
func (c *Config) KeyPath() string { return c.Store.Path + ".key" }

// CredentialsKey returns the age identity, AGE-SECRET-KEY-1…, that seals secrets
// for people: the one that is configured, or else the one in KeyPath, which is
// made, mode 0600, when it is not there. Whoever loses it loses secrets that
// nobody looked at yet, and nothing else. An error never holds the key.
func CredentialsKey(c *Config) (flows.Secret, error) {
	if c.Credentials.Key != "" {
		key, err := parseKey(c.Credentials.Key)
		if err != nil {
			return "", fmt.Errorf("credentials.key: %w (%s)", err, keyHint)
		}
		return key, nil
	}
	key, err := readKey(c.KeyPath())
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeKey(c.KeyPath())
	}
	if err != nil {
		return "", fmt.Errorf("credentials key: %w", err)
	}
	return key, nil
}

var errKey = errors.New("this is not an age identity")

// parseKey reads an identity as age-keygen writes it: comments, and one line.
func parseKey(text flows.Secret) (flows.Secret, error) {
	var key flows.Secret
	for line := range strings.Lines(text.Reveal()) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if _, err := age.ParseX25519Identity(line); err != nil || key != "" {
			return "", errKey // the cause may quote the key
		}
		key = flows.Secret(line)
	}
	if key == "" {
		return "", errKey
	}
	return key, nil
}

func readKey(path string) (flows.Secret, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("%s: everybody on this machine may read it; chmod 600 it", path)
	}
	data, err := readLimited(path, maxSecret)
	if err != nil {
		return "", err
	}
	key, err := parseKey(flows.Secret(data))
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// makeKey writes a new key. Of two processes that do so at once, one wins, and
// both use its key; a crash leaves a whole key or none.
func makeKey(path string) (flows.Secret, error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString("# seals credentials; made by the bot\n" + id.String() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return readKey(path)
}
