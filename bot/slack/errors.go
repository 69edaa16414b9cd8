package slack

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/slack-go/slack"

	"apono/bot/chat"
	"apono/bot/platform"
)

// kinds says what Slack's error codes mean for the caller. A code that is not here
// is chat.ErrorRefused: Slack said no, and an operator has to read why.
// https://docs.slack.dev/reference/methods (each method's "Errors")
var kinds = map[string]chat.ErrorKind{
	// Slack is busy or ill, or somebody else was faster.
	"ratelimited": chat.ErrorRetry, "rate_limited": chat.ErrorRetry, "request_timeout": chat.ErrorRetry,
	"service_unavailable": chat.ErrorRetry, "team_added_to_org": chat.ErrorRetry, codeConflict: chat.ErrorRetry,
	"accesslimited": chat.ErrorRetry,

	// Slack does not say whether the call had an effect.
	"internal_error": chat.ErrorUnknown, "fatal_error": chat.ErrorUnknown, "operation_timeout": chat.ErrorUnknown,

	// Whom or what the call was about is not there any more.
	"users_not_found": chat.ErrorGone, "user_not_found": chat.ErrorGone, "user_not_visible": chat.ErrorGone,
	"user_disabled": chat.ErrorGone, "cannot_dm_bot": chat.ErrorGone, "user_not_in_channel": chat.ErrorGone,
	"channel_not_found": chat.ErrorGone, "is_archived": chat.ErrorGone, "message_not_found": chat.ErrorGone,
	"cant_update_message": chat.ErrorGone, "cant_delete_message": chat.ErrorGone, "edit_window_closed": chat.ErrorGone,
	"cannot_reply_to_message": chat.ErrorGone, "no_such_subteam": chat.ErrorGone, "not_found": chat.ErrorGone,
	"expired_trigger_id": chat.ErrorGone, "exchanged_trigger_id": chat.ErrorGone, "invalid_trigger_id": chat.ErrorGone,
	"trigger_expired": chat.ErrorGone, "trigger_exchanged": chat.ErrorGone, "expired_url": chat.ErrorGone,
	"used_url": chat.ErrorGone, "view_not_found": chat.ErrorGone,

	// What was sent is wrong. These are bugs here.
	"invalid_arguments": chat.ErrorRefused, "invalid_blocks": chat.ErrorRefused, "invalid_blocks_format": chat.ErrorRefused,
	"no_text": chat.ErrorRefused, "msg_too_long": chat.ErrorRefused, "msg_blocks_too_long": chat.ErrorRefused,
	"too_many_attachments": chat.ErrorRefused, "markdown_text_conflict": chat.ErrorRefused, "metadata_too_large": chat.ErrorRefused,
	"invalid_metadata_format": chat.ErrorRefused, "invalid_metadata_schema": chat.ErrorRefused, "block_mismatch": chat.ErrorRefused,
	"view_too_large": chat.ErrorRefused, "duplicate_external_id": chat.ErrorRefused, "push_limit_reached": chat.ErrorRefused,
	"only_one_table_allowed": chat.ErrorRefused, "missing_args": chat.ErrorRefused, "insecure_request": chat.ErrorRefused,

	// The workspace or the app's installation does not allow it.
	"not_in_channel": chat.ErrorRefused, "plan_upgrade_required": chat.ErrorRefused, "missing_scope": chat.ErrorRefused,
	"invalid_auth": chat.ErrorRefused, "not_authed": chat.ErrorRefused, "account_inactive": chat.ErrorRefused,
	"token_revoked": chat.ErrorRefused, "token_expired": chat.ErrorRefused, "not_allowed_token_type": chat.ErrorRefused,
	"forbidden_team": chat.ErrorRefused, "restricted_action": chat.ErrorRefused, "access_denied": chat.ErrorRefused,
	"org_login_required": chat.ErrorRefused, "ekm_access_denied": chat.ErrorRefused, "no_permission": chat.ErrorRefused,
	"team_access_not_granted": chat.ErrorRefused, "message_limit_exceeded": chat.ErrorRefused, "link_disabled": chat.ErrorRefused,
}

// hints tell an operator what to do, and in which section of the app's settings
// (https://api.slack.com/apps).
var hints = map[string]string{
	"invalid_auth":            "the token is wrong: copy the Bot User OAuth Token again (OAuth & Permissions)",
	"not_authed":              "no token was sent: set slack.app_token and slack.bot_token",
	"account_inactive":        "the app was removed from the workspace or its bot user was deactivated: install it again (Install App)",
	"token_revoked":           "the token was revoked: install the app again and copy the new token (OAuth & Permissions)",
	"token_expired":           "the token has expired: turn token rotation off, or copy the new token (OAuth & Permissions)",
	"not_allowed_token_type":  "the wrong kind of token: slack.app_token starts with xapp-, slack.bot_token with xoxb-",
	"missing_scope":           "the token lacks a scope: add it under Bot Token Scopes and install the app again (OAuth & Permissions)",
	"link_disabled":           "Socket Mode is switched off: switch it on (Socket Mode)",
	"forbidden_team":          "the app is not allowed in this workspace: ask the workspace's owner to approve it (Install App)",
	"access_denied":           "the app may not do this: ask the workspace's owner (Install App)",
	"org_login_required":      "the workspace is being moved into an organisation: try again when that is done",
	"team_access_not_granted": "the app is not installed in this workspace: install it (Install App)",
}

// codeNotSent says that a call was not made: its time was over before its turn came.
const codeNotSent = "not_sent"

// codeConflict says that a dialog was changed by somebody else meanwhile.
const codeConflict = "hash_conflict"

// retryAfterUnsaid is how long a method rests after a 429 that names no time.
const retryAfterUnsaid = 10 * time.Second

// classify turns whatever a call returned into a *chat.Error. repeatable says that
// doing the call once more does no harm.
func classify(op string, repeatable bool, err error) error {
	if err == nil {
		return nil
	}
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		return &chat.Error{Kind: chat.ErrorRetry, Op: op, Code: "ratelimited", RetryAfter: max(limited.RetryAfter, time.Second)}
	}
	if refused, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		return refusal(op, repeatable, refused)
	}
	if status, ok := errors.AsType[slack.StatusCodeError](err); ok {
		return statusError(op, repeatable, status.Code)
	}
	return platform.NetworkError(op, repeatable, err)
}

func refusal(op string, repeatable bool, r slack.SlackErrorResponse) error {
	e := &chat.Error{Kind: chat.ErrorRefused, Op: op, Code: r.Err}
	if k, ok := kinds[r.Err]; ok {
		e.Kind = k
	}
	if e.Kind == chat.ErrorUnknown && repeatable {
		e.Kind = chat.ErrorRetry
	}
	detail := hints[r.Err]
	if r.Needed != "" {
		detail = fmt.Sprintf("%s (needed: %s)", detail, r.Needed)
	}
	for _, m := range r.ResponseMetadata.Messages {
		detail += " " + m
	}
	if detail != "" {
		e.Err = errors.New(detail)
	}
	return e
}

func statusError(op string, repeatable bool, code int) error {
	e := &chat.Error{Kind: chat.ErrorRefused, Op: op, Code: fmt.Sprintf("http_%d", code)}
	switch {
	case code == http.StatusTooManyRequests:
		e.Kind, e.RetryAfter = chat.ErrorRetry, retryAfterUnsaid
	case code >= 500 && repeatable:
		e.Kind = chat.ErrorRetry
	case code >= 500:
		e.Kind = chat.ErrorUnknown
	}
	return e
}
