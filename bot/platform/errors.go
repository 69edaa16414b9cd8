package platform

import (
	"context"
	"errors"
	"net"
	"net/url"

	"apono/bot/chat"
)

// Codes of a chat.Error where the connection failed before an answer came.
const (
	CodeNetwork = "network"
	CodeTimeout = "timeout"
)

// NetworkError is a call that got no answer: chat.ErrorRetry where it was never sent
// or may be repeated without harm, else chat.ErrorUnknown. It drops the address from
// the error: that names people, and may be a key.
func NetworkError(op string, repeatable bool, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	e := &chat.Error{Kind: chat.ErrorUnknown, Op: op, Code: CodeNetwork, Err: err}
	if n, ok := errors.AsType[net.Error](err); (ok && n.Timeout()) || errors.Is(err, context.DeadlineExceeded) {
		e.Code = CodeTimeout
	}
	if dial, ok := errors.AsType[*net.OpError](err); repeatable || (ok && dial.Op == "dial") {
		e.Kind = chat.ErrorRetry // nothing was sent, or it does not matter
	}
	return e
}
