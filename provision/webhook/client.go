package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Bounds of one call.
const (
	maxAnswer     = 1 << 20 // bytes
	maxTries      = 3
	maxRedirects  = 3
	minWait       = 500 * time.Millisecond
	maxWait       = 5 * time.Second // a longer wait is the caller's
	maxRetryAfter = 24 * time.Hour
)

var (
	errTooLong     = errors.New("the answer is longer than 1 MiB")
	errNotLoopback = errors.New("plain http goes to loopback addresses only")
)

// newClient tries each call several times, and signs each try.
func newClient(target *url.URL, timeout time.Duration, transport http.RoundTripper, key *standardwebhooks.Webhook) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport: &signer{next: transport, key: key}, Timeout: timeout,
			CheckRedirect: func(next *http.Request, via []*http.Request) error {
				same := next.URL.Scheme == target.Scheme && strings.EqualFold(next.URL.Host, target.Host)
				if !same || next.Method != http.MethodPost || len(via) > maxRedirects {
					return http.ErrUseLastResponse
				}
				return nil
			},
		},
		RetryMax: maxTries - 1, RetryWaitMin: minWait, RetryWaitMax: maxWait,
		CheckRetry: checkRetry, Backoff: backoff, ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// loopbackOnly refuses an address before a connection to it is made.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		return errNotLoopback
	}
	return nil
}

// signer sends one try: signed at this moment, its answer read to the end.
type signer struct {
	next http.RoundTripper
	key  *standardwebhooks.Webhook
}

// RoundTrip implements http.RoundTripper.
func (s *signer) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	signature, err := s.key.Sign(r.Header.Get(standardwebhooks.HeaderWebhookID), now, body)
	if err != nil {
		return nil, err
	}
	try := r.Clone(r.Context())
	try.Body = io.NopCloser(bytes.NewReader(body))
	try.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	try.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	resp, err := s.next.RoundTrip(try)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	_ = resp.Body.Close()
	if err == nil && len(answer) > maxAnswer {
		err = errTooLong
	}
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return resp, nil
}

// CloseIdleConnections reaches the transport; http.Client looks for it.
func (s *signer) CloseIdleConnections() {
	if c, ok := s.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// transient are the statuses after which the same call may go well.
func transient(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

func checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, errTooLong):
		return false, nil
	case err != nil:
		return retryablehttp.DefaultRetryPolicy(ctx, nil, err)
	case !transient(resp.StatusCode):
		return false, nil
	}
	wait := retryAfter(resp, time.Now())
	deadline, bounded := ctx.Deadline()
	return wait <= maxWait && !(bounded && time.Until(deadline) <= wait), nil
}

// backoff is exponential with half of it left to chance, or what was asked for.
func backoff(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
	if resp != nil {
		if asked := retryAfter(resp, time.Now()); asked > 0 {
			return asked
		}
	}
	wait := retryablehttp.DefaultBackoff(least, most, attempt, nil)
	return wait/2 + rand.N(wait/2) //nolint:gosec // spreads tries, keeps no secret
}

// retryAfter is how long the system asks to be left alone: seconds or a date,
// see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after.
func retryAfter(resp *http.Response, now time.Time) time.Duration {
	text := resp.Header.Get("Retry-After")
	var d time.Duration
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		d = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}

// send makes one call and returns its answer, which is in memory.
func (c *connection) send(ctx context.Context, id string, body []byte) (status int, after time.Duration, answer []byte, err error) {
	r, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, c.url, body)
	if err != nil {
		return 0, 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "apono")
	r.Header.Set(standardwebhooks.HeaderWebhookID, id)
	resp, err := c.client.Do(r)
	if err != nil {
		return 0, 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		return 0, 0, nil, fmt.Errorf("read an answer from memory: %w", err)
	}
	return resp.StatusCode, retryAfter(resp, time.Now()), answer, nil
}
