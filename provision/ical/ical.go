package ical

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-ical"

	"apono/flows"
	"apono/provision"
)

const (
	timeout = 20 * time.Second
	maxSize = 16 << 20 // bytes of a calendar
)

type config struct {
	Calendars []calendar `yaml:"calendars"`
	// Names are what stands in summaries for a person: name to e-mail address.
	Names map[string]string `yaml:"names"`
}

type calendar struct {
	Shift string       `yaml:"shift"`
	URL   flows.Secret `yaml:"url"` // of published calendars it is the secret
	File  string       `yaml:"file"`
}

// Type is the type "ical". Its connections are a Directory without people.
func Type() provision.Type { return provision.Type{Name: "ical", New: connect} }

func connect(_ context.Context, spec provision.Spec) (provision.Connection, []flows.Issue) {
	var c config
	if err := spec.Decode(&c); err != nil {
		return nil, []flows.Issue{{Severity: flows.SeverityError, Code: "invalid_config", Message: err.Error()}}
	}
	issues := check(c)
	if len(issues) > 0 {
		return nil, issues
	}
	s := &source{name: spec.Name, config: c, now: time.Now, kept: make([]kept, len(c.Calendars))}
	s.client = &http.Client{Timeout: timeout, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 5 || r.URL.Scheme != via[0].URL.Scheme {
			return errors.New("redirected too often, or to another scheme")
		}
		r.Header.Del("Referer") // the URL is the secret, and only the first server has to know it
		return nil
	}}
	return s, nil
}

func check(c config) (issues []flows.Issue) {
	fail := func(path, code, message, hint string) {
		issues = append(issues, flows.Issue{Path: path, Severity: flows.SeverityError, Code: code, Message: message, Hint: hint})
	}
	if len(c.Calendars) == 0 {
		fail("calendars", "missing_key", "there is no calendar", "name at least one, with its shift")
	}
	for i, cal := range c.Calendars {
		at := fmt.Sprintf("calendars[%d]", i)
		if strings.TrimSpace(cal.Shift) == "" {
			fail(at+".shift", "missing_key", "the calendar has no shift", "the name that policies use")
		}
		switch u, err := url.Parse(cal.URL.Reveal()); {
		case (cal.URL == "") == (cal.File == ""):
			fail(at, "missing_key", "a calendar has either a url or a file", "")
		case cal.File != "":
		case err != nil || u.Host == "" || u.User != nil:
			fail(at+".url", "invalid_url", "this is no URL", "such as https://calendar.example.com/on-call.ics")
		case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
			fail(at+".url", "insecure_url", "a calendar is read over https, or over http on loopback", "")
		}
	}
	for name, email := range c.Names {
		if strings.TrimSpace(name) == "" || !strings.Contains(email, "@") {
			fail("names", "invalid_value", "a name stands for an e-mail address", "such as Carol: carol@example.com")
		}
	}
	return issues
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// source reads all calendars of one integration.
type source struct {
	name   string
	config config
	client *http.Client
	now    func() time.Time

	mu   sync.Mutex
	kept []kept // by calendar
}

// kept is what a server sent last.
type kept struct {
	tag    string
	events []event
}

var _ provision.Directory = (*source)(nil)

// Close implements provision.Connection.
func (s *source) Close() error { s.client.CloseIdleConnections(); return nil }

// People implements provision.Directory: there are only shifts.
func (s *source) People(ctx context.Context) ([]flows.Person, []flows.Shift, error) {
	now := s.now()
	var out []flows.Shift
	for i, c := range s.config.Calendars {
		events, err := s.read(ctx, i)
		if err != nil {
			return nil, nil, s.problem(ctx, c.Shift, err)
		}
		on, err := members(ctx, events, now)
		if err != nil {
			return nil, nil, s.problem(ctx, c.Shift, err)
		}
		at := slices.IndexFunc(out, func(f flows.Shift) bool { return f.Name == c.Shift })
		if at < 0 {
			out, at = append(out, flows.Shift{Name: c.Shift}), len(out)
		}
		for _, m := range on {
			if !slices.Contains(out[at].Members, m) {
				out[at].Members = append(out[at].Members, m)
			}
		}
	}
	return nil, out, nil
}

func (s *source) problem(ctx context.Context, shift string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", s.name, ctx.Err())
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // the URL is a secret
	}
	return &provision.Error{Integration: s.name, Op: "shifts", Kind: provision.KindRetry, Message: "The calendar of the shift " + shift + " could not be read.", Err: err}
}

func (s *source) read(ctx context.Context, i int) ([]event, error) {
	c := s.config.Calendars[i]
	if c.File != "" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		return s.parse(f)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL.Reveal(), nil)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	last := s.kept[i]
	s.mu.Unlock()
	if last.tag != "" {
		req.Header.Set("If-None-Match", last.tag)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case resp.StatusCode == http.StatusNotModified && last.tag != "":
		return last.events, nil
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the server answers %d", resp.StatusCode)
	}
	events, err := s.parse(resp.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.kept[i] = kept{resp.Header.Get("ETag"), events}
	s.mu.Unlock()
	return events, nil
}

var errTooLong = fmt.Errorf("a calendar of over %d bytes", maxSize)

func (s *source) parse(r io.Reader) ([]event, error) {
	limited := &io.LimitedReader{R: r, N: maxSize + 1}
	cal, err := ical.NewDecoder(limited).Decode()
	if limited.N == 0 {
		err = errTooLong
	}
	if err != nil {
		return nil, fmt.Errorf("read the calendar: %w", err)
	}
	var out []event
	for _, e := range cal.Events() {
		parsed, err := s.event(e)
		if err != nil {
			return nil, err
		}
		out = append(out, parsed)
	}
	return out, nil
}
