package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"apono/bot/chat"
)

// Reconnecting. slack-go waits up to five minutes between two attempts, which would
// leave the bot deaf for as long after an outage; attempts are spaced here instead.
const (
	reconnectFirst = 500 * time.Millisecond
	reconnectMost  = 30 * time.Second
)

// connect keeps one connection open until ctx ends. Its error is one that waiting
// does not mend.
func (a *Adapter) connect(ctx, work context.Context, number int) error {
	s := newSocket(a, work, number)
	attempts := 0
	for {
		again, err := s.run(ctx)
		a.up[number].Store(false)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case s.helloed:
			attempts = 0
		}
		pause := min(reconnectMost, reconnectFirst<<min(attempts, 10))
		attempts++
		sleep(ctx, max(again, pause/2+rand.N(pause/2)))
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// socket is one of the connections. Its slack-go client is kept for all its lives, so
// that an ack that was queued when a connection broke goes out over the next one.
type socket struct {
	adapter  *Adapter
	number   int
	work     context.Context // of what is done with its deliveries
	client   *socketmode.Client
	disabled chan struct{}

	// Of one life:
	helloed bool
	fatal   error
	again   time.Duration // how long Slack asked to wait
}

func newSocket(a *Adapter, work context.Context, number int) *socket {
	s := &socket{adapter: a, work: work, number: number, disabled: make(chan struct{}, 1)}
	options := []socketmode.Option{
		// Debugging is on only for the trace; slack-go redacts it and it is not logged.
		socketmode.OptionDebug(true), socketmode.OptionLog(trace{s.disabled}),
	}
	if a.dialer != nil {
		options = append(options, socketmode.OptionDialer(a.dialer))
	}
	s.client = socketmode.New(a.client.api, options...)
	return s
}

// run is one life: until an attempt to connect fails, or ctx ends. Renewals that
// Slack asks for happen within it.
func (s *socket) run(ctx context.Context) (again time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.helloed, s.fatal, s.again = false, nil, 0
	ended := make(chan error, 1)
	go func() { ended <- s.client.RunContext(ctx) }()
	for {
		select {
		case ev := <-s.client.Events:
			if s.event(ctx, ev) {
				cancel()
			}
		case <-s.disabled:
			s.fatal = fatalError("link_disabled", nil)
			cancel()
		case err := <-ended:
			if s.fatal == nil && ctx.Err() == nil {
				_, s.fatal = judge(err)
			}
			return s.again, s.fatal
		}
	}
}

// event handles what slack-go tells; it reports whether this life is over.
func (s *socket) event(ctx context.Context, ev socketmode.Event) (over bool) {
	a := s.adapter
	switch ev.Type {
	case socketmode.EventTypeConnecting:
		a.up[s.number].Store(false)
	case socketmode.EventTypeHello:
		s.helloed = true
		a.up[s.number].Store(true)
		a.meter.Count(CountConnected, strconv.Itoa(s.number))
		a.log.InfoContext(ctx, "slack socket is open", "connection", s.number)
	case socketmode.EventTypeConnectionError:
		if e, ok := ev.Data.(*slack.ConnectionErrorEvent); ok {
			s.again, s.fatal = judge(e.ErrorObj)
			if ctx.Err() != nil {
				return true
			}
			a.log.WarnContext(ctx, "slack socket could not be opened", "connection", s.number, "error", classify(openSocket.name, true, e.ErrorObj))
			return true
		}
	case socketmode.EventTypeInteractive, socketmode.EventTypeSlashCommand, socketmode.EventTypeEventsAPI:
		if ev.Request != nil {
			r := ev.Request
			a.receive(ctx, s, envelope{r.EnvelopeID, r.Type, r.Payload, r.AcceptsResponsePayload, r.RetryAttempt})
		}
	case socketmode.EventTypeErrorBadMessage:
		s.unread(ctx, ev)
	case socketmode.EventTypeErrorWriteFailed, socketmode.EventTypeIncomingError:
		a.log.WarnContext(ctx, "slack socket is failing", "connection", s.number, "event", string(ev.Type))
	}
	return false
}

// unread takes a delivery that slack-go could not decode.
func (s *socket) unread(ctx context.Context, ev socketmode.Event) {
	bad, ok := ev.Data.(*socketmode.ErrorBadMessage)
	if !ok {
		return
	}
	var e envelope
	if err := json.Unmarshal(bad.Message, &e); err != nil || e.ID == "" {
		s.adapter.log.WarnContext(ctx, "slack sent something that is not an envelope", "type", e.Type)
		return
	}
	s.adapter.receive(ctx, s, e)
}

// errLate says that an ack was not taken in time.
var errLate = errors.New("the socket did not take the answer in time")

// ack acknowledges an envelope. An answer of 20 KB or more is an error, and nothing
// is sent: Slack would drop it in silence.
func (s *socket) ack(ctx context.Context, e envelope, payload any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Second, errLate)
	defer cancel()
	return s.client.AckCtx(ctx, e.ID, payload)
}

// fatalCodes are those that waiting does not mend.
var fatalCodes = map[string]bool{
	"invalid_auth": true, "not_authed": true, "account_inactive": true, "token_revoked": true, "token_expired": true,
	"not_allowed_token_type": true, "missing_scope": true, "link_disabled": true, "forbidden_team": true, "access_denied": true,
	"team_access_not_granted": true,
}

// judge says of an error while connecting how long to wait, or that it is fatal.
func judge(err error) (again time.Duration, fatal error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return 0, nil
	}
	if status, ok := errors.AsType[slack.StatusCodeError](err); ok && status.Code == http.StatusNotFound {
		return 0, &chat.Error{Kind: chat.ErrorRefused, Op: openSocket.name, Code: "http_404", Err: errors.New("slack.api_url is wrong")}
	}
	if refused, ok := errors.AsType[slack.SlackErrorResponse](err); ok && fatalCodes[refused.Err] {
		return 0, fatalError(refused.Err, &refused)
	}
	return chat.RetryAfterOf(classify(openSocket.name, true, err)), nil
}

func fatalError(code string, refused *slack.SlackErrorResponse) error {
	hint := hints[code]
	switch code {
	case "missing_scope":
		hint = "slack.app_token lacks the scope connections:write: make a new app-level token with it in the app's settings"
	case "not_allowed_token_type":
		hint = "slack.app_token is not an app-level token: it starts with xapp-"
	case "invalid_auth", "not_authed":
		hint = "slack.app_token is wrong: make an app-level token (xapp-…) with the scope connections:write in the app's settings"
	}
	if refused != nil && refused.Needed != "" {
		hint = fmt.Sprintf("%s (needed: %s)", hint, refused.Needed)
	}
	return &chat.Error{Kind: chat.ErrorRefused, Op: openSocket.name, Code: code, Err: errors.New(hint)}
}

// trace reads the reason of a disconnect message from slack-go's debugging output,
// the only place where slack-go v0.34 shows it. Nothing else of it is kept.
type trace struct{ disabled chan<- struct{} }

// Output takes a line of the trace.
func (t trace) Output(_ int, line string) error {
	const received = "Received WebSocket message: "
	raw, ok := strings.CutPrefix(line, received)
	if !ok {
		return nil
	}
	var m struct{ Type, Reason string }
	if json.Unmarshal([]byte(raw), &m) == nil && m.Type == socketmode.RequestTypeDisconnect && m.Reason == "link_disabled" {
		select {
		case t.disabled <- struct{}{}:
		default:
		}
	}
	return nil
}
