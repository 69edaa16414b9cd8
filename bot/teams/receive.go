package teams

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/infracloudio/msbotbuilder-go/schema"
)

// maxBody bounds what is read of a request.
const maxBody = 256 << 10

// received is an activity whose token was found good.
type received struct {
	schema.Activity
	// Value is kept as it came: msbotbuilder's type takes objects alone.
	Value json.RawMessage
	// At is when it happened, and TimeZone that of the client; zero and empty where it
	// does not say so in a readable way.
	At       time.Time
	TimeZone string
}

// used are the parts of an activity that are decoded, and so have to be sound. What
// else is in it, now or in a year, cannot make a request unreadable.
var used = []string{
	"type", "id", "serviceUrl", "channelId", "from", "conversation", "recipient", "text", "name", "action", "replyToId",
	"channelData", "membersAdded", "membersRemoved",
}

// receive reads and judges a request. Nothing of the body is read before the token
// by itself is found good, so that only the connector can make the bot work.
// Errors are *refusal.
func (c *connector) receive(w http.ResponseWriter, r *http.Request) (received, error) {
	header := r.Header.Get("Authorization")
	if _, _, err := c.check.token(r.Context(), header); err != nil {
		return received{}, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return received{}, &refusal{status: http.StatusRequestEntityTooLarge, reason: "too large"}
		}
		return received{}, &refusal{status: http.StatusBadRequest, reason: "not read"}
	}
	return c.parse(r.Context(), header, body)
}

func (c *connector) parse(ctx context.Context, header string, body []byte) (received, error) {
	unreadable := &refusal{status: http.StatusBadRequest, reason: "unreadable"}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		return received{}, unreadable
	}
	known := map[string]json.RawMessage{}
	for _, name := range used {
		if v, ok := all[name]; ok {
			known[name] = v
		}
	}
	reduced, err := json.Marshal(known)
	if err != nil {
		return received{}, unreadable
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(reduced))
	if err != nil {
		return received{}, unreadable // (this is a bug)
	}
	r.Header.Set("Authorization", header)
	a, err := c.framework(nil).ParseRequest(ctx, r)
	if err != nil {
		if no, ok := errors.AsType[*refusal](err); ok {
			return received{}, no
		}
		return received{}, unreadable
	}
	if len(a.From.ID) > maxID || len(a.From.AadObjectID) > maxID || len(a.Conversation.ID) > maxID || len(a.ID) > maxID {
		return received{}, unreadable
	}
	got := received{Activity: a, Value: all["value"]}
	if json.Unmarshal(all["timestamp"], &got.At) != nil {
		got.At = time.Time{}
	}
	var zone string
	if json.Unmarshal(all["localTimezone"], &zone) == nil && zone != "" && zone != "Local" {
		if _, err := time.LoadLocation(zone); err == nil {
			got.TimeZone = zone
		}
	}
	return got, nil
}

// maxID is longer than any id of Teams.
const maxID = 1024

// admit receives a request, or answers it with why not: a status, and no word that
// helps whoever guesses. What was in it is not logged.
func (c *connector) admit(w http.ResponseWriter, r *http.Request) (received, bool) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		c.refuse(r.Context(), w, &refusal{status: http.StatusMethodNotAllowed, reason: "method"})
		return received{}, false
	}
	got, err := c.receive(w, r)
	if err == nil {
		return got, true
	}
	no, ok := errors.AsType[*refusal](err)
	if !ok {
		no = forbid("refused")
	}
	c.refuse(r.Context(), w, no)
	return received{}, false
}

func (c *connector) refuse(ctx context.Context, w http.ResponseWriter, no *refusal) {
	c.meter.Count(CountRefused, no.reason)
	c.log.InfoContext(ctx, "teams request refused", "status", no.status, "reason", no.reason)
	if no.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if no.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	http.Error(w, http.StatusText(no.status), no.status)
}
