package teams

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"apono/bot/chat"
)

// kinds says what the connector's error codes mean for the caller.
// https://learn.microsoft.com/microsoftteams/platform/bots/build-conversational-capability
var kinds = map[string]chat.ErrorKind{
	// Whom or what the call was about is not there any more, or never was.
	"BotNotInConversationRoster": chat.ErrorGone, "MessageWritesBlocked": chat.ErrorGone, "ConversationBlockedByUser": chat.ErrorGone,
	"ConversationNotFound": chat.ErrorGone, "ActivityNotFoundInConversation": chat.ErrorGone, "MemberNotFoundInConversation": chat.ErrorGone,
	"BotDisabledByAdmin": chat.ErrorGone, "InvalidBotApiHost": chat.ErrorRefused, "NotEnoughPermissions": chat.ErrorRefused,
	"ForbiddenOperationException": chat.ErrorGone, "BotNotRegistered": chat.ErrorRefused,

	// What was sent is wrong. These are bugs here.
	"MessageSizeTooBig": chat.ErrorRefused, "ActivityIsNotSpecified": chat.ErrorRefused, "BadSyntax": chat.ErrorRefused, "BadArgument": chat.ErrorRefused,

	"ConflictWrite": chat.ErrorRetry, "TooManyRequests": chat.ErrorRetry, "Throttled": chat.ErrorRetry,
}

// hints tell an operator what to do.
var hints = map[string]string{
	"BotNotInConversationRoster":  "the app is not installed for this person or in this team: install it, or let an admin install it for everybody",
	"ForbiddenOperationException": "the app is not installed for this person: let them add it, or let an admin install it for everybody",
	"MessageWritesBlocked":        "the person has blocked the app or taken it out",
	"BotDisabledByAdmin":          "an admin of Teams has disabled the app",
	"BotNotRegistered":            "no bot is registered with teams.app_id, or its Teams channel is off: see docs/teams.md",
	"NotEnoughPermissions":        "the app may not do this here: look at the scopes of its bot in the manifest, or make the package anew with bot teams manifest",
	"InvalidBotApiHost":           "teams.service_urls names the host of another cloud: the first of them has to be that of the tenant's",
}

const (
	// retryAfterUnsaid is how long to wait after a 429 that names no time.
	retryAfterUnsaid = 2 * time.Second
	maxRetryAfter    = time.Hour
)

// statusError classifies an answer of the connector. repeatable says that doing the
// call once more does no harm. Of the body no more than its code is kept.
func statusError(op string, repeatable bool, res *http.Response, body []byte) error {
	e := &chat.Error{Kind: chat.ErrorRefused, Op: op, Code: "http_" + strconv.Itoa(res.StatusCode)}
	switch status := res.StatusCode; {
	case status == http.StatusTooManyRequests, status == http.StatusPreconditionFailed:
		e.Kind, e.RetryAfter = chat.ErrorRetry, max(retryAfter(res.Header, time.Now()), retryAfterUnsaid)
	case status == http.StatusNotFound, status == http.StatusGone:
		e.Kind = chat.ErrorGone
	case status >= 500 && repeatable:
		e.Kind, e.RetryAfter = chat.ErrorRetry, retryAfter(res.Header, time.Now())
	case status >= 500:
		e.Kind, e.RetryAfter = chat.ErrorUnknown, retryAfter(res.Header, time.Now())
	}
	var got struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &got) != nil {
		return e
	}
	code := word(got.Error.Code)
	if code == "" {
		return e
	}
	e.Code = code
	if kind, ok := kinds[code]; ok && res.StatusCode < 500 && e.Kind != chat.ErrorRetry {
		e.Kind = kind
	}
	if hint := hints[code]; hint != "" {
		e.Err = errors.New(hint)
	}
	return e
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	s := h.Get("Retry-After")
	if n, err := strconv.Atoi(s); err == nil {
		return min(max(0, time.Duration(n)*time.Second), maxRetryAfter)
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(max(0, at.Sub(now)), maxRetryAfter)
	}
	return 0
}

// word keeps a code of the platform, and nothing that is not one.
func word(s string) string {
	if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.')
	}) {
		return ""
	}
	return s
}
