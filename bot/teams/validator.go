package teams

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/infracloudio/msbotbuilder-go/connector/auth"
	"github.com/infracloudio/msbotbuilder-go/schema"
)

const (
	channelID = "msteams"
	leeway    = 5 * time.Minute
	maxToken  = 16 << 10
)

// refusal is why a request is not taken. Its reason is one of a closed set and holds
// nothing of the request.
type refusal struct {
	status int
	reason string
	err    error
}

func (r *refusal) Error() string {
	if r.err != nil {
		return r.reason + ": " + r.err.Error()
	}
	return r.reason
}

func (r *refusal) Unwrap() error { return r.err }

func forbid(reason string) *refusal { return &refusal{status: http.StatusForbidden, reason: reason} }

// validator judges tokens of incoming requests, as the connector's documentation
// asks. It has no switch to turn that off.
// https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication
type validator struct {
	appID, tenantID string
	keys            *keyring
	services        services
	parser          *jwt.Parser
}

var _ auth.TokenValidator = (*validator)(nil)

func newValidator(o Options, allowed services) *validator {
	return &validator{
		appID: o.AppID, tenantID: o.TenantID, services: allowed,
		keys: &keyring{metadata: o.MetadataURL, http: o.HTTP, log: o.Log},
		parser: jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithIssuer(issuer), jwt.WithAudience(o.AppID),
			jwt.WithExpirationRequired(), jwt.WithLeeway(leeway)),
	}
}

// claims of a token. The audience is one name; a list of them is no token of the
// connector.
type claims struct {
	Issuer     string           `json:"iss"`
	Audience   string           `json:"aud"`
	Expires    *jwt.NumericDate `json:"exp"`
	NotBefore  *jwt.NumericDate `json:"nbf"`
	IssuedAt   *jwt.NumericDate `json:"iat"`
	ServiceURL string           `json:"serviceurl"`
}

func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.Expires, nil }
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error)       { return c.IssuedAt, nil }
func (c *claims) GetNotBefore() (*jwt.NumericDate, error)      { return c.NotBefore, nil }
func (c *claims) GetIssuer() (string, error)                   { return c.Issuer, nil }
func (c *claims) GetSubject() (string, error)                  { return "", nil }
func (c *claims) GetAudience() (jwt.ClaimStrings, error)       { return jwt.ClaimStrings{c.Audience}, nil }

// token judges the Authorization header by itself.
func (v *validator) token(ctx context.Context, header string) (*claims, signingKey, error) {
	if header == "" {
		return nil, signingKey{}, &refusal{status: http.StatusUnauthorized, reason: "no token"}
	}
	scheme, raw, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || len(raw) > maxToken {
		return nil, signingKey{}, forbid("no bearer token")
	}
	var (
		c   claims
		key signingKey
	)
	_, err := v.parser.ParseWithClaims(raw, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		var err error
		key, err = v.keys.key(ctx, kid)
		return key.public, err
	})
	switch {
	case errors.Is(err, errNoKeys):
		return nil, key, &refusal{status: http.StatusServiceUnavailable, reason: "no signing keys", err: errNoKeys}
	case errors.Is(err, errUnknownKey):
		return nil, key, forbid("unknown key")
	case err != nil:
		return nil, key, forbid("bad token") // the parser's words may quote the token
	case !slices.Contains(key.endorsements, channelID):
		return nil, key, forbid("key not endorsed")
	}
	return &c, key, nil
}

// AuthenticateRequest judges the token of an activity. It implements
// auth.TokenValidator.
func (v *validator) AuthenticateRequest(ctx context.Context, a schema.Activity, header string, _ auth.CredentialProvider, _ string) (auth.ClaimsIdentity, error) {
	c, key, err := v.token(ctx, header)
	if err != nil {
		return nil, err
	}
	switch {
	case a.ChannelID != channelID || !slices.Contains(key.endorsements, a.ChannelID):
		return nil, forbid("another channel")
	case c.ServiceURL == "" || !sameAddress(c.ServiceURL, a.ServiceURL):
		return nil, forbid("another service url")
	case !v.ours(a):
		return nil, forbid("another tenant")
	}
	if _, err := v.services.allow(a.ServiceURL); err != nil {
		return nil, forbid("service url not allowed")
	}
	return auth.NewClaimIdentity(map[string]any{"iss": c.Issuer, "aud": c.Audience, "serviceurl": c.ServiceURL}, true), nil
}

// ours reports whether an activity is of the tenant: it names one, and no other.
func (v *validator) ours(a schema.Activity) bool {
	named := []string{a.Conversation.TenantID}
	if t, ok := a.ChannelData["tenant"].(map[string]any); ok {
		id, _ := t["id"].(string)
		named = append(named, id)
	}
	named = slices.DeleteFunc(named, func(s string) bool { return s == "" })
	return len(named) > 0 && !slices.ContainsFunc(named, func(s string) bool { return !strings.EqualFold(s, v.tenantID) })
}

func sameAddress(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "/"), strings.TrimSuffix(b, "/"))
}
