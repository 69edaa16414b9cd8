package ops

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"apono/flows"
)

// Limits of PUT /api/v1/tags.
const (
	MaxTagsBody     = 64 << 20 // bytes
	maxTagsLine     = 64 << 10 // bytes
	maxTagsLines    = 100_000
	maxTags         = 50 // of one resource
	maxTagKey       = 128
	maxTagValue     = 256
	maxResourceName = 512
	// maxLineErrors bounds how many wrong lines one answer names.
	maxLineErrors = 100
)

// TagsAnswer is what became of tags; see living.TagsResult.
type TagsAnswer struct {
	Status    string `json:"status"` // "ok", or "held"
	Changed   bool   `json:"changed"`
	Resources int    `json:"resources"` // that have tags from here
	Unknown   int    `json:"unknown"`   // of them, that the inventory does not have at this moment
	Held      string `json:"held,omitempty"`
}

// TagsOptions are what the endpoint is made of.
type TagsOptions struct {
	// TokenHash is that of the token of this moment, "sha256:…"; empty: nobody may call.
	TokenHash func() flows.Secret
	// Integrations are those that resources can be in.
	Integrations func() []string
	// Put takes the tags over, in place of all from before. It must be safe to repeat.
	Put func(ctx context.Context, tags []flows.TaggedResource) (TagsAnswer, error)
	// Done is told what became of each call: ok, unchanged, held, invalid, too_large,
	// unauthorized, off or failed.
	Done func(outcome string)
}

// TagsHandler serves PUT /api/v1/tags: JSON lines, each a resource with its tags. It
// takes all of them or none.
func TagsHandler(o TagsOptions) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outcome, status, body := o.serve(w, r)
		o.Done(outcome)
		writeJSON(w, status, body)
	})
}

func refused(message string) map[string]any {
	return map[string]any{"status": "error", "message": message}
}

func (o TagsOptions) serve(w http.ResponseWriter, r *http.Request) (outcome string, status int, body any) {
	hash := o.TokenHash().Reveal()
	switch {
	case hash == "":
		return "off", http.StatusNotFound, refused("http.api_token is not set in the configuration, so nobody may call this.")
	case !bearer(r, hash):
		w.Header().Set("WWW-Authenticate", `Bearer realm="apono"`)
		return "unauthorized", http.StatusUnauthorized, refused("This is not the token.")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-ndjson" {
		return "invalid", http.StatusUnsupportedMediaType, refused("Please send JSON lines, with the header Content-Type: application/x-ndjson.")
	}
	tags, problems, err := readTags(http.MaxBytesReader(w, r.Body, MaxTagsBody), o.Integrations())
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large), errors.Is(err, errTooManyLines):
		return "too_large", http.StatusRequestEntityTooLarge, refused(fmt.Sprintf("At most %d resources in %d MiB are taken at once; nothing was changed.", maxTagsLines, MaxTagsBody>>20))
	case err != nil:
		return "invalid", http.StatusBadRequest, refused("The request was cut off; nothing was changed.")
	case problems.count > 0:
		return "invalid", http.StatusUnprocessableEntity, map[string]any{
			"status": "error", "message": fmt.Sprintf("%d of the lines are wrong; nothing was changed.", problems.count), "errors": problems.first,
		}
	}
	answer, err := o.Put(context.WithoutCancel(r.Context()), tags)
	switch {
	case err != nil:
		return "failed", http.StatusServiceUnavailable, refused("The tags could not be kept. Please send them again.")
	case answer.Held != "":
		answer.Status = "held"
		return "held", http.StatusAccepted, answer
	case !answer.Changed:
		outcome = "unchanged"
	default:
		outcome = "ok"
	}
	answer.Status = "ok"
	return outcome, http.StatusOK, answer
}

// bearer compares hashes, in constant time.
func bearer(r *http.Request, hash string) bool {
	kind, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(token))
	same := subtle.ConstantTimeCompare([]byte("sha256:"+hex.EncodeToString(sum[:])), []byte(hash)) == 1
	return same && ok && strings.EqualFold(kind, "Bearer")
}

// LineError is what is wrong with one line.
type LineError struct {
	Line    int    `json:"line"` // from 1
	Message string `json:"message"`
}

type lineErrors struct {
	count int
	first []LineError
}

func (e *lineErrors) add(line int, format string, args ...any) {
	if e.count++; len(e.first) < maxLineErrors {
		e.first = append(e.first, LineError{line, fmt.Sprintf(format, args...)})
	}
}

var errTooManyLines = errors.New("too many lines")

// readTags reads all lines. An error is of the connection or of a size; what is wrong
// with lines is in problems.
func readTags(body io.Reader, integrations []string) (tags []flows.TaggedResource, problems lineErrors, err error) {
	lines := bufio.NewReaderSize(body, maxTagsLine)
	first := map[[3]string]int{}
	for n := 1; ; n++ {
		line, err := lines.ReadSlice('\n')
		whole := err == nil || errors.Is(err, io.EOF)
		if errors.Is(err, bufio.ErrBufferFull) {
			problems.add(n, "a line has at most %d bytes", maxTagsLine)
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = lines.ReadSlice('\n')
			}
		}
		if ended := errors.Is(err, io.EOF); err != nil && !ended {
			return nil, problems, err
		}
		if line = bytes.TrimSpace(line); whole && len(line) > 0 {
			if len(tags) == maxTagsLines {
				return nil, problems, errTooManyLines
			}
			if t, ok := readLine(&problems, n, line, integrations); ok {
				k := [3]string{t.Integration, t.ResourceType, t.Resource}
				if at, twice := first[k]; twice {
					problems.add(n, "the resource is in line %d already", at)
				}
				first[k] = n
				tags = append(tags, t)
			}
		}
		if errors.Is(err, io.EOF) {
			return tags, problems, nil
		}
	}
}

func readLine(problems *lineErrors, n int, line []byte, integrations []string) (t flows.TaggedResource, ok bool) {
	before := problems.count
	if !utf8.Valid(line) {
		problems.add(n, "this is not UTF-8")
		return t, false
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		problems.add(n, "this is not a resource with its tags: %s", strings.TrimPrefix(err.Error(), "json: "))
		return t, false
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		problems.add(n, "there is more than one object in the line")
	}
	for _, x := range []struct{ key, value string }{{"integration", t.Integration}, {"resource_type", t.ResourceType}, {"resource", t.Resource}} {
		switch {
		case strings.TrimSpace(x.value) == "":
			problems.add(n, "%s is missing", x.key)
		case utf8.RuneCountInString(x.value) > maxResourceName || unprintable(x.value):
			problems.add(n, "%s has over %d characters, or control characters", x.key, maxResourceName)
		}
	}
	if t.Integration != "" && !slices.Contains(integrations, t.Integration) {
		problems.add(n, "there is no integration %q (%s)", t.Integration, flows.Suggest(t.Integration, integrations))
	}
	if t.Tags == nil {
		problems.add(n, "tags is missing; a resource without any has {}")
	}
	if len(t.Tags) > maxTags {
		problems.add(n, "a resource has at most %d tags", maxTags)
	}
	for _, key := range slices.Sorted(maps.Keys(t.Tags)) {
		if k := utf8.RuneCountInString(key); k == 0 || k > maxTagKey || unprintable(key) {
			problems.add(n, "the key of a tag has 1 to %d characters, and no control characters", maxTagKey)
		}
		if v := t.Tags[key]; utf8.RuneCountInString(v) > maxTagValue || unprintable(v) {
			problems.add(n, "the value of the tag %q has over %d characters, or control characters", key, maxTagValue)
		}
	}
	return t, problems.count == before
}

func unprintable(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }
