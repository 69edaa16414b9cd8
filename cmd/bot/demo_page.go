package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	demopage "apono/cmd/bot/internal/demo"
	"apono/cmd/bot/internal/ops"
	"apono/flows"
)

// shownRequests is how many requests the page looks at.
const shownRequests = 50

// runDemoPage shows the demo in a browser until the command is stopped.
func runDemoPage(cmd *cobra.Command, path, listen string, logTo io.Writer) error {
	if err := demopage.Loopback(listen); err != nil {
		return fmt.Errorf("--listen %s: the page has no login, so it listens on loopback addresses only: %w", listen, err)
	}
	ctx := cmd.Context()
	d, page, err := newDemoPage(ctx, path, logTo, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer d.close()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("--listen: %w (127.0.0.1:0 takes a free port)", err)
	}
	if err := d.app.Start(ctx); err != nil {
		return errors.Join(err, l.Close())
	}
	server := ops.NewServer(page)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	go func() { _ = page.Run(ctx) }() // ends with the context
	fmt.Fprintf(cmd.OutOrStdout(), "The demo is at http://%s\nCtrl+C ends it; nothing is kept.\n", l.Addr())
	select {
	case <-ctx.Done():
		return server.Close()
	case err := <-d.app.failed:
		return errors.Join(err, server.Close())
	case err := <-failed:
		return err
	}
}

// newDemoPage builds the world of the embedded configuration, or of one's own.
func newDemoPage(ctx context.Context, path string, logTo, problemsTo io.Writer) (*demo, *demopage.Server, error) {
	options := demopage.Options{Command: "/apono", Audit: "#access-audit", Log: slog.New(slog.NewTextHandler(logTo, nil))}
	var d *demo
	var err error
	if path == "" {
		d, err = newDemo(ctx, demoOptions{duration: time.Hour, logTo: logTo})
		options.People = []demopage.Person{
			{ID: slackAlice, Role: "asks"}, {ID: slackBob, Role: "her manager"}, {ID: slackCarol, Role: "on call"}, {ID: slackDana, Role: "a guest"}, {ID: slackEve, Role: "admin"},
		}
		options.Guide = demoGuide()
	} else {
		d, err = newOwnDemo(ctx, path, logTo, problemsTo, &options)
	}
	if err != nil {
		return nil, nil, err
	}
	options.Workspace, options.Now, options.Advance = d.ws, d.clock.now, d.clock.advance
	options.Requests = func() ([]flows.Request, error) { return d.app.store.Requests(0, shownRequests) }
	options.Targets = d.look
	return d, demopage.New(options), nil
}

// mostDoors is how many tokens of a target the page tries.
const mostDoors = 5

// look asks every system what it holds, and tries its tokens at its door.
func (d *demo) look(ctx context.Context) []demopage.Target {
	var out []demopage.Target
	for _, s := range d.systems {
		t := demopage.Target{Name: s.name}
		issued := s.target.Issued()
		for i := len(issued) - 1; i >= max(0, len(issued)-mostDoors); i-- {
			t.Doors = append(t.Doors, demopage.Door{Email: issued[i].Username, Token: shortToken(issued[i].Token), Status: knock(ctx, s.url, issued[i].Token)})
		}
		for _, a := range s.target.All() {
			t.Holds = append(t.Holds, demopage.Holding{Email: a.Username, ResourceType: a.Type, Resource: a.Resource, Permission: a.Permission})
		}
		out = append(out, t)
	}
	return out
}

func shortToken(token string) string {
	if len(token) < 12 {
		return strings.Repeat("•", len(token))
	}
	return token[:8] + "…"
}

// knock tries a token at a door and returns the HTTP status; 0 without an answer.
func knock(ctx context.Context, url, token string) int {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/whoami", nil)
	if err != nil {
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// demoGuide is the story of the embedded configuration.
func demoGuide() []demopage.Step {
	const form = "Request access"
	of := func(email string, is func(*flows.Request) bool) func(demopage.Seen) bool {
		return func(s demopage.Seen) bool {
			return s.Request(func(r *flows.Request) bool { return r.Requestor.Email == email && is(r) })
		}
	}
	alice := func(is func(*flows.Request) bool) func(demopage.Seen) bool { return of("alice@example.com", is) }
	asked := alice(func(*flows.Request) bool { return true })
	decided := func(verb flows.Verb) func(demopage.Seen) bool {
		return alice(func(r *flows.Request) bool {
			for _, x := range r.Decisions {
				if x.Verb == verb && (verb == flows.VerbApprove || x.Reason != "") {
					return true
				}
			}
			return false
		})
	}
	viewed := alice(func(r *flows.Request) bool {
		for i := range r.Groups {
			if r.Groups[i].Secret == flows.SecretViewed {
				return true
			}
		}
		return false
	})
	expired := alice(func(r *flows.Request) bool { return r.State == flows.StateExpired })
	return []demopage.Step{
		{Title: "Type /apono as Alice", Short: "Type /apono", Why: "The form lists only what she may ask for.", Who: slackAlice, Happened: func(s demopage.Seen) bool { return s.Form(slackAlice, form) || asked(s) }},
		{Title: "Press Bundle Mode", Short: "Bundle Mode", Why: "Everything that a rush of tickets needs, under one name.", Who: slackAlice, Happened: func(s demopage.Seen) bool {
			return s.Form(slackAlice, "Bundle") || alice(func(r *flows.Request) bool { return r.Bundle != "" })(s)
		}},
		{Title: "Say why, and Submit", Short: "Submit", Why: "The form says before you submit who will be asked, and why them.", Who: slackAlice, Happened: asked},
		{Title: "Press Approve as Bob", Short: "Approve as Bob", Why: "Only he was asked: he is her manager.", Who: slackBob, Happened: decided(flows.VerbApprove)},
		{Title: "Show credentials as Alice", Short: "Show credentials", Why: "They show once, in a dialog; the chat history never holds them.", Who: slackAlice, Happened: viewed},
		{Title: "See the token answer 200", Short: "Token: 200", Why: "The target on the right is asked over HTTP at this moment.", Happened: func(s demopage.Seen) bool { return s.Answered(demopage.Open) }},
		{Title: "Go to the end of the grant", Short: "To the end", Why: "The bot's own sweep finds that its time is up; the same token gets 403.", Happened: func(s demopage.Seen) bool { return expired(s) && s.Answered(demopage.Closed) }},
		{Title: "Type /apono as Dana", Short: "A guest asks", Why: "She is a guest of the workspace, and is refused and told why.", Who: slackDana, Happened: func(s demopage.Seen) bool { return s.Told(slackDana, "Guests cannot use this") }},
		{Title: "Ask again as Alice, and Deny as Bob", Short: "Deny as Bob", Why: "With a reason, which Alice reads.", Who: slackBob, Happened: decided(flows.VerbDeny)},
	}
}
