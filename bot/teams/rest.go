package teams

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/infracloudio/msbotbuilder-go/connector/auth"
	"github.com/infracloudio/msbotbuilder-go/connector/client"
	"github.com/infracloudio/msbotbuilder-go/core"
	"github.com/infracloudio/msbotbuilder-go/core/activity"
	"github.com/infracloudio/msbotbuilder-go/schema"

	"apono/bot/chat"
	"apono/bot/platform"
)

// operation is a call of the connector.
// https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference
type operation struct {
	name       string
	repeatable bool // doing it twice does no harm
}

var (
	opPost   = operation{name: "post"}
	opUpdate = operation{name: "update", repeatable: true}
	opOpen   = operation{name: "open", repeatable: true} // one chat a person, however often it is opened
	opMember = operation{name: "member", repeatable: true}
	opRoster = operation{name: "roster", repeatable: true}
)

const (
	tries       = 3
	maxPause    = 5 * time.Second // a longer one is left to whoever called
	maxAnswer   = 1 << 20
	maxActivity = 80 << 10 // Teams refuses about 100 KB, counted in UTF-16
)

// connector calls the Bot Connector with the bot's token.
type connector struct {
	setting  core.AdapterSetting
	check    *validator
	services services
	tokens   *tokens
	http     *http.Client
	gate     gate
	log      *slog.Logger
	meter    platform.Meter
	skew     platform.Skew
}

func newConnector(o Options) (*connector, error) {
	allowed, err := newServices(o.ServiceURLs)
	if err != nil {
		return nil, err
	}
	return &connector{
		setting: core.AdapterSetting{
			AppID: o.AppID, CredentialProvider: auth.SimpleCredentialProvider{AppID: o.AppID},
		},
		check: newValidator(o, allowed), services: allowed, tokens: newTokens(o), http: o.HTTP, gate: newGate(), log: o.Log, meter: o.Meter,
	}, nil
}

// framework is msbotbuilder's adapter around our validator and, for one call, our
// client: its interfaces carry neither a context nor an answer.
func (c *connector) framework(call *call) *core.BotFrameworkAdapter {
	return &core.BotFrameworkAdapter{AdapterSetting: c.setting, TokenValidator: c.check, Client: call}
}

// call is one call through msbotbuilder.
type call struct {
	*connector
	ctx  context.Context //nolint:containedctx // client.Client has no place for one
	turn turn
	op   operation
	id   string // of the message that was made
}

var _ client.Client = (*call)(nil)

// Post implements client.Client.
func (c *call) Post(target url.URL, a schema.Activity) error {
	var made struct {
		ID string `json:"id"`
	}
	err := c.send(c.ctx, http.MethodPost, target.String(), c.op, c.turn, trimmed(a), &made)
	c.id = made.ID
	return err
}

// Put implements client.Client.
func (c *call) Put(target url.URL, a schema.Activity) error {
	return c.send(c.ctx, http.MethodPut, target.String(), c.op, c.turn, trimmed(a), nil)
}

// Delete implements client.Client.
func (c *call) Delete(target url.URL, _ schema.Activity) error {
	return c.send(c.ctx, http.MethodDelete, target.String(), c.op, c.turn, nil, nil)
}

// post sends an activity to a conversation and returns its id.
func (c *connector) post(ctx context.Context, a schema.Activity, p chat.Priority) (string, error) {
	if err := c.addressed(a); err != nil {
		return "", err
	}
	a = c.signed(a)
	one := &call{connector: c, ctx: ctx, turn: turn{a.Conversation.ID, p}, op: opPost}
	r, err := activity.NewActivityResponse(one)
	if err == nil {
		err = r.SendActivity(a)
	}
	if err == nil && one.id == "" {
		one.id = unnamed
	}
	return one.id, bare(err)
}

// bare is an error of ours without what msbotbuilder puts around it: a stack, which would
// be in the log.
func bare(err error) error {
	if e, ok := errors.AsType[*chat.Error](err); ok {
		return e
	}
	return err
}

// unnamed is the id of a message that the connector took and did not name. Posting it
// again would show it twice; it cannot be redrawn.
const unnamed = "-"

// signed is an activity that says whom it is from.
func (c *connector) signed(a schema.Activity) schema.Activity {
	a.ChannelID, a.From = channelID, schema.ChannelAccount{ID: c.bot()}
	return a
}

// bot is how Teams names the bot.
func (c *connector) bot() string { return "28:" + c.setting.AppID }

// update replaces the message that has the activity's id.
func (c *connector) update(ctx context.Context, a schema.Activity, p chat.Priority) error {
	if err := c.addressed(a); err != nil {
		return err
	}
	if a.ID == "" || a.ID == unnamed || strings.ContainsAny(a.ID, "/?#") {
		return &chat.Error{Kind: chat.ErrorGone, Op: opUpdate.name, Code: "no_message"}
	}
	return bare(c.framework(&call{connector: c, ctx: ctx, turn: turn{a.Conversation.ID, p}, op: opUpdate}).UpdateActivity(ctx, c.signed(a)))
}

// addressed refuses what would go elsewhere than to a conversation of an allowed
// service: msbotbuilder joins the ids into a path as they are.
func (c *connector) addressed(a schema.Activity) error {
	if _, err := c.services.allow(a.ServiceURL); err != nil {
		return err
	}
	if id := a.Conversation.ID; id == "" || strings.ContainsAny(id, "/?#") || strings.Contains(id, "..") {
		return &chat.Error{Kind: chat.ErrorGone, Op: opPost.name, Code: "no_conversation"}
	}
	return nil
}

// trimmed is an activity without what is empty: msbotbuilder's types send empty
// structs and the year one, which clients take for real.
func trimmed(a schema.Activity) any {
	b, err := json.Marshal(a)
	if err != nil {
		return a // (this is a bug) the encoder says so again
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return a
	}
	for name, v := range all {
		switch string(v) {
		case `{}`, `""`, `null`, `"0001-01-01T00:00:00Z"`, `{"user":{},"bot":{},"conversation":{}}`:
			delete(all, name)
		}
	}
	delete(all, "relatesTo")
	return all
}

// send makes one call, in its turn, and repeats it where the connector asks for
// that in a moment.
func (c *connector) send(ctx context.Context, method, address string, op operation, t turn, body, out any) error {
	err := c.persist(ctx, method, address, op, t, body, out)
	outcome := "ok"
	if err != nil {
		outcome = string(chat.KindOf(err))
	}
	c.meter.Count(CountCall, op.name+" "+outcome)
	return err
}

func (c *connector) persist(ctx context.Context, method, address string, op operation, t turn, body, out any) error {
	payload, err := encode(op, body)
	if err != nil {
		return err
	}
	address, query, _ := strings.Cut(address, "?")
	target, err := c.services.allow(address)
	if err != nil {
		return err
	}
	target.RawQuery = query
	var refused platform.Token
	for try := 1; ; try++ {
		if err := c.gate.wait(ctx, t); err != nil {
			return &chat.Error{Kind: chat.ErrorRetry, Op: op.name, Code: "not_sent", Err: err}
		}
		token, err := c.tokens.get(ctx, refused)
		if err != nil {
			return err
		}
		status, err := c.once(ctx, method, target.String(), op, token, payload, out)
		if status == http.StatusTooManyRequests {
			c.gate.rest(t, chat.RetryAfterOf(err))
		}
		switch {
		case err == nil:
			return nil
		case status == http.StatusUnauthorized && refused == "":
			refused = token // it may have been withdrawn
			continue
		case try >= tries || !again(status):
			return err
		}
		pause := max(chat.RetryAfterOf(err), 200*time.Millisecond<<try)
		if pause > maxPause {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// again reports the statuses after which Microsoft asks to try again.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit
func again(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusPreconditionFailed, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func encode(op operation, body any) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return nil, &chat.Error{Kind: chat.ErrorRefused, Op: op.name, Code: "not_drawn", Err: err}
	}
	return b.Bytes(), nil
}

func (c *connector) once(ctx context.Context, method, address string, op operation, token platform.Token, payload []byte, out any) (status int, err error) {
	var body io.Reader
	if payload != nil {
		body = bytes.NewReader(payload)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return 0, &chat.Error{Kind: chat.ErrorRefused, Op: op.name, Code: "bad_address"}
	}
	if payload != nil {
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	r.Header.Set("Authorization", "Bearer "+string(token))
	res, err := c.http.Do(r)
	if err != nil {
		return 0, platform.NetworkError(op.name, op.repeatable, err)
	}
	defer func() { _ = res.Body.Close() }() // it was read
	c.skew.Note(res.Header, time.Now())
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return res.StatusCode, platform.NetworkError(op.name, op.repeatable, err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return res.StatusCode, statusError(op.name, op.repeatable, res, answer)
	}
	if out != nil && len(answer) > 0 {
		if err := json.Unmarshal(answer, out); err != nil {
			return res.StatusCode, &chat.Error{Kind: chat.ErrorUnknown, Op: op.name, Code: "unreadable"}
		}
	}
	return res.StatusCode, nil
}

// at builds an address below a service URL; every part is escaped.
func at(service string, parts ...string) string {
	s := append([]string{strings.TrimSuffix(service, "/"), "v3"}, parts...)
	for i := range parts {
		s[i+2] = url.PathEscape(parts[i])
	}
	return strings.Join(s, "/")
}
