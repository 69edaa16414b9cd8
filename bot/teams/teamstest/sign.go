package teamstest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Key names one of the tenant's signing keys.
type Key string

// Keys.
const (
	KeyTeams   Key = "teams"   // endorsed for Teams
	KeyWebchat Key = "webchat" // published, endorsed for another channel
	KeyBare    Key = "bare"    // published without endorsements
	KeySecret  Key = "secret"  // never published
	KeyNext    Key = "next"    // published after Rollover
)

// keys are made once: making them takes long, and they guard nothing.
var keys = sync.OnceValue(func() map[Key]*rsa.PrivateKey {
	out := map[Key]*rsa.PrivateKey{}
	for _, name := range []Key{KeyTeams, KeyWebchat, KeyBare, KeySecret, KeyNext} {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic("teamstest: " + err.Error())
		}
		out[name] = k
	}
	return out
})

// Claims of a token that the connector would send with an activity to the bot.
func (t *Tenant) Claims() jwt.MapClaims {
	now := time.Now()
	return jwt.MapClaims{
		"iss": "https://api.botframework.com", "aud": t.o.AppID, "serviceurl": t.ServiceURL(),
		"nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// Sign makes a token, with RS256.
func Sign(claims jwt.MapClaims, key Key) string {
	return sign(claims, key, jwt.SigningMethodRS256, keys()[key])
}

// SignHS256 makes a token whose "secret" is the public key, in the form in which
// everybody can have it.
func SignHS256(claims jwt.MapClaims) string {
	der, err := x509.MarshalPKIXPublicKey(&keys()[KeyTeams].PublicKey)
	if err != nil {
		panic("teamstest: " + err.Error())
	}
	return sign(claims, KeyTeams, jwt.SigningMethodHS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// SignNone makes a token without a signature.
func SignNone(claims jwt.MapClaims) string {
	return sign(claims, KeyTeams, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType)
}

func sign(claims jwt.MapClaims, key Key, method jwt.SigningMethod, with any) string {
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = string(key)
	s, err := token.SignedString(with)
	if err != nil {
		panic("teamstest: " + err.Error())
	}
	return s
}

func (t *Tenant) serveMetadata(w http.ResponseWriter, _ *http.Request) {
	if t.faulted(w, FaultKeys) {
		return
	}
	t.count("metadata")
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer": "https://api.botframework.com", "jwks_uri": t.base() + "/v1/.well-known/keys",
		"id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

func (t *Tenant) serveKeys(w http.ResponseWriter, _ *http.Request) {
	t.count("keys")
	type key map[string]any
	public := func(name Key, endorsements ...string) key {
		k := keys()[name].PublicKey
		out := key{
			"kty": "RSA", "use": "sig", "kid": string(name), "n": base64.RawURLEncoding.EncodeToString(k.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes()),
		}
		if endorsements != nil {
			out["endorsements"] = endorsements
		}
		return out
	}
	list := []key{
		public(KeyTeams, "msteams", "skype"), public(KeyWebchat, "webchat"), public(KeyBare),
		{"kty": "EC", "kid": "curve"},
		{"kty": "RSA", "kid": "small", "n": "AQAB", "e": "AQAB"},
	}
	t.mu.Lock()
	if t.rolled {
		list = []key{public(KeyNext, "msteams")}
	}
	t.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"keys": list})
}

// Rollover publishes KeyNext instead of all other keys.
func (t *Tenant) Rollover() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rolled = true
}
