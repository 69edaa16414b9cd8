package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"apono/bot/chat"
)

// The sockets are opened with slack-go and read here, not by slack-go's socketmode
// package: in v0.34 that closes a socket as soon as Slack announces a renewal, and
// loses what is on its way over it; it hides why Slack disconnects; it refuses a
// whole delivery for one block that it cannot decode; and it waits up to five
// minutes between two attempts.
//
// https://docs.slack.dev/apis/events-api/using-socket-mode
const (
	// silence is how long a socket may be silent. Slack pings every few seconds.
	silence = 30 * time.Second
	// linger is how long a socket is kept after Slack announced its end, which comes
	// about ten seconds later. Then it is closed from here.
	linger = 20 * time.Second
	// settled is how long a socket has to live for the next attempt to be the first.
	settled = time.Minute

	reconnectFirst = 500 * time.Millisecond
	reconnectMost  = 30 * time.Second

	writeTimeout = 3 * time.Second
	maxDelivery  = 4 << 20
	// writeBuffer is above maxAck: Slack does not put the parts of a message together.
	writeBuffer = 32 << 10
)

// Reasons why a socket ends, beside Slack's own.
const (
	reasonBroken   = "broken"
	reasonDisabled = "link_disabled"
	reasonWarning  = "warning"
	reasonRefresh  = "refresh_requested"
)

// connect keeps one connection open until ctx ends. Its error is one that waiting
// does not mend.
func (a *Adapter) connect(ctx, work context.Context, number int) error {
	attempts := 0
	for {
		began := time.Now()
		reason, err := a.live(ctx, work, number)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was ended, whatever it says
		case reason == reasonDisabled:
			return fatalError(reasonDisabled)
		case fatalCodes[chat.CodeOf(err)]:
			return fatalError(chat.CodeOf(err))
		case err != nil:
			a.log.WarnContext(ctx, "slack socket could not be opened", "connection", number, "error", err)
		case reason == reasonWarning || reason == reasonRefresh:
			attempts = 0
			continue // the old socket is read until Slack closes it
		case time.Since(began) >= settled:
			attempts = 0
		}
		pause := min(reconnectMost, reconnectFirst<<min(attempts, 10))
		attempts++
		sleep(ctx, max(chat.RetryAfterOf(err), pause/2+rand.N(pause/2))) //nolint:gosec // spreads attempts; nothing secret hangs on it
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

// live opens a socket and returns when it has to be replaced.
func (a *Adapter) live(ctx, work context.Context, number int) (reason string, err error) {
	var address string
	err = a.client.call(ctx, openSocket, "", priorityNow, func(ctx context.Context) (err error) {
		_, address, err = a.client.api.StartSocketModeContext(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	conn, resp, err := a.dialer.DialContext(ctx, address, nil)
	if resp != nil {
		_ = resp.Body.Close() // nothing is in it
	}
	if err != nil {
		if resp != nil {
			err = fmt.Errorf("%w: %s", err, resp.Status)
		}
		return "", classify("websocket", true, err)
	}
	s := &socket{adapter: a, number: number, work: work, conn: conn, over: make(chan string, 1)}
	a.reading.add(1)
	go s.read(ctx)
	select {
	case reason = <-s.over:
	case <-ctx.Done():
	}
	return reason, nil
}

// socket is one websocket.
type socket struct {
	adapter *Adapter
	number  int
	work    context.Context // of what is done with its deliveries
	conn    *websocket.Conn
	over    chan string // why it has to be replaced, once

	writing sync.Mutex

	// Of the reading goroutine:
	retired time.Time // when it will be gone; zero: not known
	helloed bool
}

// read reads until the socket breaks, or ctx ends, or Slack's announced end has come.
func (s *socket) read(ctx context.Context) {
	defer s.adapter.reading.add(-1)
	defer s.leave()
	defer context.AfterFunc(ctx, s.hangUp)()
	s.conn.SetReadLimit(maxDelivery)
	s.conn.SetPingHandler(func(data string) error {
		s.heard()
		return s.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTimeout))
	})
	s.heard()
	for {
		_, raw, err := s.conn.ReadMessage()
		if err != nil {
			if ctx.Err() == nil && s.retired.IsZero() {
				s.adapter.log.WarnContext(ctx, "slack socket broke", "connection", s.number, "error", err)
			}
			return
		}
		s.heard()
		s.take(ctx, raw)
	}
}

// heard puts off the moment at which the socket counts as dead.
func (s *socket) heard() {
	until := time.Now().Add(silence)
	if !s.retired.IsZero() {
		until = s.retired
	}
	_ = s.conn.SetReadDeadline(until) // of a closed socket; the next read says so
}

func (s *socket) take(ctx context.Context, raw []byte) {
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		s.adapter.meter.Count(CountUnacked, "unreadable")
		s.adapter.log.ErrorContext(ctx, "slack sent something that is not an envelope", "error", err)
		return
	}
	switch e.Type {
	case "hello":
		if !s.helloed {
			s.helloed = true
			s.adapter.join(s)
			s.adapter.log.InfoContext(ctx, "slack socket is open", "connection", s.number)
		}
	case "disconnect":
		s.adapter.log.InfoContext(ctx, "slack will close the socket", "connection", s.number, "reason", e.Reason)
		s.retire(ctx)
		s.end(e.Reason)
	default:
		s.adapter.receive(ctx, s, e)
	}
}

// retire lets Slack close the socket, or closes it in the end. What is on its way when
// the good-bye is sent is still read.
func (s *socket) retire(ctx context.Context) {
	if !s.retired.IsZero() {
		return
	}
	s.retired = time.Now().Add(linger + writeTimeout)
	s.heard()
	go func() {
		sleep(ctx, linger)
		s.goodbye()
	}()
}

func (s *socket) end(reason string) {
	select {
	case s.over <- reason:
	default: // somebody knows already
	}
}

func (s *socket) leave() {
	s.adapter.part(s)
	_ = s.conn.Close() // a second close is harmless
	s.end(reasonBroken)
}

func (s *socket) goodbye() {
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = s.conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(writeTimeout)) // it may be broken
}

func (s *socket) hangUp() {
	s.goodbye()
	_ = s.conn.Close() // a second close is harmless
}

func (s *socket) send(b []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	return s.conn.WriteMessage(websocket.TextMessage, b)
}

// join and part keep the list of sockets over which Slack can be reached.
func (a *Adapter) join(s *socket) {
	a.meter.Count(CountConnected, strconv.Itoa(s.number))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sockets[s] = true
}

func (a *Adapter) part(s *socket) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.sockets, s)
}

func (a *Adapter) others(than *socket) []*socket {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []*socket
	for s := range a.sockets {
		if s != than {
			out = append(out, s)
		}
	}
	return out
}

var errTooLong = errors.New("the answer is too long for a socket: Slack would drop it")

// acknowledgement is what goes back for an envelope.
type acknowledgement struct {
	EnvelopeID string `json:"envelope_id"`
	Payload    any    `json:"payload,omitempty"`
}

// acknowledge answers an envelope over the socket that it came from, or over another
// one if that broke meanwhile. When it returns without an error the answer is on its
// way. An answer of 20 KB or more is not sent.
func (a *Adapter) acknowledge(d delivery, payload any) error {
	b, err := json.Marshal(acknowledgement{d.ID, payload})
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	if len(b) >= maxAck {
		return errTooLong
	}
	if err = d.socket.send(b); err == nil {
		return nil
	}
	for _, s := range a.others(d.socket) {
		if s.send(b) == nil {
			return nil
		}
	}
	return fmt.Errorf("answer over a socket: %w", err)
}

// fatalCodes are those that waiting does not mend.
var fatalCodes = map[string]bool{
	"invalid_auth": true, "not_authed": true, "account_inactive": true, "token_revoked": true, "token_expired": true,
	"not_allowed_token_type": true, "missing_scope": true, reasonDisabled: true, "forbidden_team": true, "access_denied": true,
	"team_access_not_granted": true, codeNotFound: true,
}

// codeNotFound is what an API address that is not Slack's answers.
var codeNotFound = "http_" + strconv.Itoa(http.StatusNotFound)

// fatalError says what an operator has to do about the app-level token.
func fatalError(code string) error {
	hint := hints[code]
	switch code {
	case "missing_scope":
		hint = "slack.app_token lacks the scope connections:write: make a new app-level token with it (Basic Information, App-Level Tokens)"
	case "not_allowed_token_type":
		hint = "slack.app_token is not an app-level token: it starts with xapp-"
	case "invalid_auth", "not_authed":
		hint = "slack.app_token is wrong: make an app-level token (xapp-…) with the scope connections:write (Basic Information, App-Level Tokens)"
	case codeNotFound:
		hint = "slack.api_url is wrong"
	}
	return &chat.Error{Kind: chat.ErrorRefused, Op: openSocket.name, Code: code, Err: errors.New(hint)}
}
