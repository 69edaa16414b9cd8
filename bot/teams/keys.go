package teams

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// How long signing keys are believed.
// https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication
const (
	keysFresh = 24 * time.Hour     // older ones are fetched anew, in the background
	keysStale = 5 * 24 * time.Hour // older ones are not used any more
	// keysUnknown is the least time between two fetches because of a key that nobody
	// knows: whoever sends garbage must not make the bot call Microsoft each time.
	keysUnknown   = time.Hour
	keysWait      = 2 * time.Second // for a fetch that a request cannot do without
	keysFetch     = 10 * time.Second
	keysBackOff   = time.Second // after the first failure; doubled after each
	keysMaxBackOf = 10 * time.Minute
	minModulus    = 2048 / 8
	maxDocument   = 1 << 20
)

// signingKey is a public key of the connector and the channels it may speak for.
type signingKey struct {
	public       *rsa.PublicKey
	endorsements []string
}

// keyring holds the connector's signing keys.
type keyring struct {
	metadata string
	http     *http.Client
	log      *slog.Logger

	mu       sync.Mutex
	keys     map[string]signingKey
	fetched  time.Time
	tried    time.Time
	failures int
	fetching chan struct{} // closed when the fetch under way ends; nil: none is
}

var (
	errUnknownKey = errors.New("signed with an unknown key")
	errNoKeys     = errors.New("the signing keys of the connector could not be fetched")
)

// key finds a key. A fetch is waited for only where there is nothing to judge by.
func (k *keyring) key(ctx context.Context, kid string) (signingKey, error) {
	found, done, err := k.look(kid) //nolint:contextcheck // a fetch is for all requests, and outlives this one
	if done == nil || err == nil {
		return found, err
	}
	timer := time.NewTimer(keysWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
	}
	found, _, err = k.look(kid) //nolint:contextcheck // as above
	return found, err
}

// look finds a key among those at hand, and begins a fetch where one is due. done
// is the end of the fetch under way.
func (k *keyring) look(kid string) (found signingKey, done <-chan struct{}, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	age := now.Sub(k.fetched)
	if k.keys == nil || age > keysStale {
		return signingKey{}, k.fetch(now), errNoKeys
	}
	found, ok := k.keys[kid]
	switch {
	case !ok && now.Sub(k.fetched) >= keysUnknown:
		return signingKey{}, k.fetch(now), errUnknownKey
	case !ok:
		return signingKey{}, k.fetching, errUnknownKey
	case age > keysFresh:
		k.fetch(now)
	}
	return found, nil, nil
}

// fetch begins to fetch the keys, unless that is under way or failed a moment ago.
// k.mu is held.
func (k *keyring) fetch(now time.Time) <-chan struct{} {
	if k.fetching != nil {
		return k.fetching
	}
	pause := time.Duration(0)
	if k.failures > 0 {
		pause = min(keysBackOff<<min(k.failures-1, 20), keysMaxBackOf)
	}
	if now.Sub(k.tried) < pause {
		return nil
	}
	done := make(chan struct{})
	k.fetching, k.tried = done, now
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), keysFetch)
		defer cancel()
		keys, err := k.download(ctx)
		k.mu.Lock()
		defer k.mu.Unlock()
		k.fetching = nil
		defer close(done)
		if err != nil {
			k.failures++
			k.log.ErrorContext(ctx, "teams signing keys could not be fetched", "failures", k.failures, "error", err)
			return
		}
		k.keys, k.fetched, k.failures = keys, time.Now(), 0
	}()
	return done
}

// ready reports whether requests can be authenticated, and fetches the keys if there
// are none.
func (k *keyring) ready() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if k.keys == nil || now.Sub(k.fetched) > keysStale {
		k.fetch(now)
		return false
	}
	return true
}

func (k *keyring) download(ctx context.Context) (map[string]signingKey, error) {
	var metadata struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := k.get(ctx, k.metadata, &metadata); err != nil {
		return nil, fmt.Errorf("openid metadata: %w", err)
	}
	if metadata.Issuer != issuer {
		return nil, errors.New("openid metadata: of another issuer")
	}
	if _, err := safeURL(metadata.Keys); err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	var set struct {
		Keys []struct {
			Type         string   `json:"kty"`
			ID           string   `json:"kid"`
			N            string   `json:"n"`
			E            string   `json:"e"`
			Endorsements []string `json:"endorsements"`
		} `json:"keys"`
	}
	if err := k.get(ctx, metadata.Keys, &set); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	out := map[string]signingKey{}
	for _, key := range set.Keys {
		n, nErr := base64.RawURLEncoding.DecodeString(key.N)
		e, eErr := base64.RawURLEncoding.DecodeString(key.E)
		if key.Type != "RSA" || key.ID == "" || nErr != nil || eErr != nil || len(n) < minModulus || len(e) > 4 {
			continue
		}
		out[key.ID] = signingKey{&rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, key.Endorsements}
	}
	if len(out) == 0 {
		return nil, errors.New("keys: none of them is usable")
	}
	return out, nil
}

func (k *keyring) get(ctx context.Context, address string, out any) (err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	res, err := k.http.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return json.NewDecoder(io.LimitReader(res.Body, maxDocument)).Decode(out)
}
