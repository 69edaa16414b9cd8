package teams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
)

const (
	tokenEarly  = 5 * time.Minute // before its end a token is replaced
	tokenLeast  = time.Minute     // a token is used that long, however short its life
	opToken     = "token"
	maxErrorDoc = 64 << 10
)

// tokens gets and keeps the bot's own token, from the endpoint of its tenant: that
// of botframework.com knows no single-tenant bots.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
type tokens struct {
	url, appID string
	password   platform.Token
	http       *http.Client

	turn  chan struct{} // holds one element: whoever took it may use what follows
	token platform.Token
	until time.Time
}

func newTokens(o Options) *tokens {
	t := &tokens{url: o.TokenURL, appID: o.AppID, password: o.AppPassword, http: o.HTTP, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	return t
}

// get returns a token that is good for a while. One caller fetches it, and the
// others wait for that. One that was refused is not returned again.
func (t *tokens) get(ctx context.Context, refused platform.Token) (platform.Token, error) {
	select {
	case <-t.turn:
	case <-ctx.Done():
		return "", &chat.Error{Kind: chat.ErrorRetry, Op: opToken, Code: "not_sent", Err: ctx.Err()}
	}
	defer func() { t.turn <- struct{}{} }()
	now := time.Now()
	if t.token != "" && t.token != refused && now.Before(t.until) {
		return t.token, nil
	}
	t.token = ""
	token, life, err := t.fetch(ctx)
	if err != nil {
		return "", err
	}
	t.token, t.until = token, now.Add(max(life-tokenEarly, tokenLeast))
	return token, nil
}

func (t *tokens) fetch(ctx context.Context) (platform.Token, time.Duration, error) {
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {t.appID}, "client_secret": {string(t.password)}, "scope": {tokenScope},
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, &chat.Error{Kind: chat.ErrorRefused, Op: opToken, Code: "bad_address", Err: errors.New("teams.token_url is no address")}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := t.http.Do(r)
	if err != nil {
		return "", 0, platform.NetworkError(opToken, true, err)
	}
	defer func() { _ = res.Body.Close() }() // it was read
	body, err := io.ReadAll(io.LimitReader(res.Body, maxErrorDoc))
	if err != nil {
		return "", 0, platform.NetworkError(opToken, true, err)
	}
	if res.StatusCode != http.StatusOK {
		return "", 0, tokenError(res, body)
	}
	var got struct {
		Token platform.Token `json:"access_token"`
		Life  int            `json:"expires_in"`
	}
	if json.Unmarshal(body, &got) != nil || got.Token == "" { // the decoder's words could quote the token
		return "", 0, &chat.Error{Kind: chat.ErrorRetry, Op: opToken, Code: "unreadable"}
	}
	return got.Token, time.Duration(got.Life) * time.Second, nil
}

// tokenHints tell an operator what to do about a code of Entra ID.
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
var tokenHints = map[int]string{
	700016:  "the app is not known in this tenant: compare teams.app_id and teams.tenant_id with the app registration",
	7000215: "the client secret is wrong: teams.app_password takes its value, not its id",
	7000222: "the client secret has expired: make a new one in the app registration",
	7000112: "the app registration is disabled: enable it, or let an admin do so",
	7000229: "the app has no service principal in this tenant: register it in this tenant, or let an admin consent to it",
	900023:  "teams.tenant_id is no tenant id: copy the Directory (tenant) ID of the app registration",
	90002:   "there is no such tenant: compare teams.tenant_id with the app registration",
}

func tokenError(res *http.Response, body []byte) error {
	e := &chat.Error{Kind: chat.ErrorRetry, Op: opToken, Code: fmt.Sprintf("http_%d", res.StatusCode), RetryAfter: retryAfter(res.Header, time.Now())}
	if res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusRequestTimeout {
		return e
	}
	e.Kind = chat.ErrorRefused
	var got struct {
		Error string `json:"error"`
		Codes []int  `json:"error_codes"`
	}
	if json.Unmarshal(body, &got) != nil {
		return e
	}
	if code := word(got.Error); code != "" {
		e.Code = code
	}
	if len(got.Codes) > 0 {
		hint := tokenHints[got.Codes[0]]
		if hint == "" {
			hint = "see https://login.microsoftonline.com/error"
		}
		e.Code, e.Err = fmt.Sprintf("AADSTS%d", got.Codes[0]), errors.New(hint)
	}
	return e
}
