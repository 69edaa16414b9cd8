package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"apono/bot/slack/slacksim"
)

// storyPatience is how long the story waits for one thing to become true. Nothing takes so long, but on a busy machine.
const storyPatience = time.Minute

// story tells what happens, step by step, and checks each step. It stops at the
// first that is not true.
type story struct {
	*demo
	ctx   context.Context
	out   io.Writer
	start time.Time
	// patience is how long it waits for one thing to become true.
	patience time.Duration
}

// errNoDatabase is without the error of pgx, which may hold the password.
var errNoDatabase = &problemsError{"DEMO_PG_DSN is no PostgreSQL address"}

// databasePatience is how long the database of DEMO_PG_DSN may take to let the demo in.
const databasePatience = 5 * time.Second

func (d *demo) play(ctx context.Context, out io.Writer) error {
	if d.pgDSN != "" {
		if err := tryDatabase(ctx, d.pgDSN, databasePatience); err != nil {
			return err
		}
	}
	if err := d.app.Start(ctx); err != nil {
		return err
	}
	s := &story{demo: d, ctx: ctx, out: out, start: time.Now(), patience: storyPatience}
	fmt.Fprintln(out, "A simulated Slack workspace, a small system behind a webhook, and the bot, all in this process.")
	chapters := []func() error{s.connect, s.askAndApprove, s.useAndExpire, s.denyAndRefuse, s.audit}
	if d.pgDSN != "" {
		chapters = slices.Insert(chapters, 4, s.database)
	}
	for _, chapter := range chapters {
		if err := chapter(); err != nil {
			fmt.Fprintf(out, "  ✗ %v\n", err)
			return &problemsError{"the story is not true"}
		}
	}
	if v := d.ws.Violations(); len(v) > 0 {
		return &problemsError{fmt.Sprintf("Slack would have objected: %+v", v)}
	}
	if v := d.target.Violations(); len(v) > 0 {
		return &problemsError{fmt.Sprintf("the system objected: %v", v)}
	}
	fmt.Fprintf(out, "All of it was true, in %s.\n", time.Since(s.start).Round(100*time.Millisecond))
	return nil
}

func (s *story) tell(format string, args ...any) {
	fmt.Fprintf(s.out, "  ✓ %s\n", fmt.Sprintf(format, args...))
}

func (s *story) chapter(title string) { fmt.Fprintf(s.out, "\n%s\n", title) }

// until waits for a condition.
func (s *story) until(what string, cond func() bool) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.patience)
	defer cancel()
	for !cond() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("this did not happen within %s: %s", s.patience, what)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (s *story) connect() error {
	s.chapter("The bot connects")
	if err := s.until("the bot connects to Slack and reads the systems", func() bool { return len(s.app.Ready())+len(s.app.Degraded()) == 0 }); err != nil {
		said := []string{err.Error()}
		for _, problems := range []map[string]string{s.app.Ready(), s.app.Degraded()} {
			for _, name := range slices.Sorted(maps.Keys(problems)) {
				said = append(said, name+": "+problems[name])
			}
		}
		return errors.New(strings.Join(said, "; "))
	}
	s.tell("connected to Slack over two sockets; what fell due while it was away was swept first")
	return nil
}

// view waits for the person's dialog to hold a field or text.
func (s *story) view(p *slacksim.Person, has string) (slacksim.View, error) {
	var v slacksim.View
	err := s.until("a dialog with "+has, func() bool {
		var ok bool
		v, ok = p.View()
		_, field := v.Field(has)
		return ok && (field || strings.Contains(v.Text, has))
	})
	return v, err
}

// message waits for a direct message that holds all the words.
func (s *story) message(p *slacksim.Person, words ...string) (slacksim.Message, error) {
	var found slacksim.Message
	err := s.until(fmt.Sprintf("a message with %q", words), func() bool {
		for _, m := range p.DMs() {
			if !slices.ContainsFunc(words, func(w string) bool {
				return !strings.Contains(m.Text, w) && !slices.Contains(m.Labels(), w)
			}) {
				found = m
				return true
			}
		}
		return false
	})
	return found, err
}

func (s *story) askAndApprove() error {
	s.chapter("Alice asks, Bob approves")
	alice, bob := s.ws.As(slackAlice), s.ws.As(slackBob)
	if err := s.askBundle(alice, "INC-12: the refunds queue is burning"); err != nil {
		return err
	}
	card, err := s.message(bob, "Access request AR-1", "INC-12", "You are Alice's manager.", "Approve", "Deny")
	if err != nil {
		return err
	}
	s.tell("Bob, and nobody else, gets the card: %q", "You are Alice's manager.")
	if len(s.ws.As(slackCarol).DMs())+len(s.ws.As(slackEve).DMs()) > 0 {
		return fmt.Errorf("somebody else was asked")
	}
	if err := bob.Click(s.ctx, card, "Approve"); err != nil {
		return err
	}
	if _, err := s.message(bob, "Access request AR-1", "Approved by Bob"); err != nil {
		return err
	}
	s.tell("Bob presses Approve; the card says so and its buttons are gone")
	// A click that was on its way when the card changed.
	if err := bob.ClickStale(s.ctx, card, "Approve"); err != nil {
		return err
	}
	if err := s.until("a private answer to the second click", func() bool {
		return slices.ContainsFunc(bob.Ephemerals(), func(m slacksim.Message) bool { return strings.Contains(m.Text, "already approved by you") })
	}); err != nil {
		return err
	}
	s.tell("a second press changes nothing and is answered privately")
	return nil
}

func (s *story) askBundle(p *slacksim.Person, why string) error {
	if _, err := p.Slash(s.ctx, "#general", "/apono", ""); err != nil {
		return err
	}
	v, err := s.view(p, "Integration")
	if err != nil {
		return err
	}
	if err := p.Click(s.ctx, v, "Bundle Mode"); err != nil {
		return err
	}
	if v, err = s.view(p, "Bob (your manager)"); err != nil {
		return err
	}
	s.tell("Alice types /apono and presses Bundle Mode; the form says who will be asked: %q", "Bob (your manager)")
	if err := p.Type(s.ctx, v, "Justification", why); err != nil {
		return err
	}
	sub, err := p.Submit(s.ctx, v)
	if err != nil {
		return err
	}
	if len(sub.Errors) > 0 {
		return fmt.Errorf("the form was refused: %v", sub.Errors)
	}
	s.tell("Alice submits: %q", why)
	return nil
}

func (s *story) useAndExpire() error {
	s.chapter("The access works, and ends")
	alice := s.ws.As(slackAlice)
	granted, err := s.message(alice, "AR-1 granted", "Active until", "End access")
	if err != nil {
		return err
	}
	s.tell("Alice is told: granted, and until when")
	_ = granted
	secret, err := s.credentials(alice, "support-desk")
	if err != nil {
		return err
	}
	token := secret["token"]
	if err := s.until("the door opens", func() bool { return knock(s.ctx, s.targetURL, token) == http.StatusOK }); err != nil {
		return err
	}
	s.tell("her token opens the door: 200")
	if err := s.toTheEnd("AR-1"); err != nil {
		return err
	}
	if err := s.until("the door closes", func() bool { return knock(s.ctx, s.targetURL, token) == http.StatusForbidden }); err != nil {
		return err
	}
	s.tell("when the time is up the same token gets 403; the system holds nothing for her: %v", s.target.All())
	if len(s.target.All()) > 0 {
		return fmt.Errorf("the system still holds %v", s.target.All())
	}
	if _, err := s.message(alice, "AR-1 expired", "Request again"); err != nil {
		return err
	}
	s.tell("Alice is told that it expired, and why")
	return nil
}

// toTheEnd moves the clock to the end of an access. The bot ends it by its own sweep.
func (s *story) toTheEnd(id string) error {
	r, err := s.app.store.Request(id)
	if err != nil {
		return err
	}
	s.clock.advance(r.EndsAt.Sub(s.clock.now()))
	s.tell("an hour goes by at once: the demo moves its clock")
	return nil
}

// credentials opens Show credentials and reads what the dialog shows.
func (s *story) credentials(p *slacksim.Person, integration string) (map[string]string, error) {
	details, err := s.message(p, "Access details", integration, "Show credentials")
	if err != nil {
		return nil, err
	}
	if err := p.Click(s.ctx, details, "Show credentials"); err != nil {
		return nil, err
	}
	v, err := s.view(p, "Copy them now")
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, b := range v.Blocks {
		if name, value, ok := strings.Cut(b.Text, "\n"); ok {
			out[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	if err := p.CloseAll(s.ctx); err != nil {
		return nil, err
	}
	for _, m := range p.DMs() {
		for _, secret := range []string{out["token"], out["password"]} {
			if secret != "" && strings.Contains(m.Raw+m.Text, secret) {
				return nil, fmt.Errorf("a secret is in the chat history")
			}
		}
	}
	s.tell("the credentials for %s show once, in a dialog; the chat history never holds them", integration)
	return out, nil
}

func (s *story) denyAndRefuse() error {
	s.chapter("What is not granted")
	alice, bob := s.ws.As(slackAlice), s.ws.As(slackBob)
	if err := s.askBundle(alice, "just curious"); err != nil {
		return err
	}
	card, err := s.message(bob, "Access request AR-2", "Deny")
	if err != nil {
		return err
	}
	if err := bob.Click(s.ctx, card, "Deny"); err != nil {
		return err
	}
	v, err := s.view(bob, "Reason")
	if err != nil {
		return err
	}
	if err := bob.Type(s.ctx, v, "Reason", "Curiosity is no reason."); err != nil {
		return err
	}
	if _, err := bob.Submit(s.ctx, v); err != nil {
		return err
	}
	if _, err := s.message(alice, "AR-2 denied", "Curiosity is no reason."); err != nil {
		return err
	}
	s.tell("Bob denies with a reason, and Alice reads it")
	dana := s.ws.As(slackDana)
	reply, err := dana.Slash(s.ctx, "#general", "/apono", "")
	if err != nil {
		return err
	}
	if err := s.until("Dana is refused", func() bool {
		return strings.Contains(reply.Message.Text, "Guests cannot use this") || slices.ContainsFunc(dana.Ephemerals(), func(m slacksim.Message) bool {
			return strings.Contains(m.Text, "Guests cannot use this")
		})
	}); err != nil {
		return err
	}
	s.tell("Dana, a guest, is refused and told why")
	return nil
}

func (s *story) audit() error {
	s.chapter("The audit channel")
	want := []string{"AR-1 asked", "AR-1 approved by Bob", "AR-1 granted", "AR-1 expired", "AR-2 asked", "AR-2 denied by Bob"}
	read := func() string {
		var all strings.Builder
		for _, m := range s.ws.Messages("#access-audit") {
			all.WriteString(m.Text + "\n")
		}
		return all.String()
	}
	if err := s.until("all updates are in the audit channel", func() bool { return strings.Contains(read(), want[len(want)-1]) }); err != nil {
		return err
	}
	text, from := read(), 0
	for _, line := range want {
		i := strings.Index(text[from:], line)
		if i < 0 || strings.Count(text, line) != 1 {
			return fmt.Errorf("the audit channel should say once, in order: %q; it says:\n%s", want, text)
		}
		from += i
		s.tell("%s", line)
	}
	n, err := s.app.store.VerifyAudit()
	if err != nil {
		return err
	}
	s.tell("%d audit events, and the hash chain holds", n)
	return nil
}

// database asks for the real PostgreSQL of DEMO_PG_DSN and logs in.
func (s *story) database() error {
	s.chapter("A real PostgreSQL")
	alice, bob := s.ws.As(slackAlice), s.ws.As(slackBob)
	target, err := pgx.ParseConfig(s.pgDSN)
	if err != nil {
		return errNoDatabase
	}
	if err := s.askDatabase(alice, target.Database); err != nil {
		return err
	}
	before := target.Copy()
	before.User, before.Password = "alice", "anything"
	if s.login(before) == nil {
		return errors.New("a login of Alice works before anything was granted")
	}
	s.tell("before: a login of Alice is refused")
	card, err := s.message(bob, "Access request AR-3", "postgres", "Approve")
	if err != nil {
		return err
	}
	if err := bob.Click(s.ctx, card, "Approve"); err != nil {
		return err
	}
	got, err := s.credentials(alice, "postgres")
	if err != nil {
		return err
	}
	login := target.Copy()
	login.User, login.Password = firstOf(got, "username", "user"), firstOf(got, "password")
	if err := s.login(login); err != nil {
		return fmt.Errorf("the login does not work during the grant: %w", err)
	}
	s.tell("during: a login that did not exist before works: %s", login.User)
	if err := s.toTheEnd("AR-3"); err != nil {
		return err
	}
	if err := s.until("the login is refused", func() bool { return s.login(login) != nil }); err != nil {
		return err
	}
	s.tell("after: when the time is up it is refused")
	return nil
}

// tryDatabase logs in and out. The error names DEMO_PG_DSN, the host and why, and holds no password.
func tryDatabase(ctx context.Context, dsn string, within time.Duration) error {
	target, err := pgx.ParseConfig(dsn)
	if err != nil {
		return errNoDatabase
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, target)
	if err == nil {
		return conn.Close(ctx)
	}
	why := err.Error()
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		why = refused.Message
	} else if ctx.Err() != nil {
		why = fmt.Sprintf("it did not answer within %s", within)
	} else if unknown, ok := errors.AsType[*net.DNSError](err); ok {
		why = unknown.Error()
	} else if failed, ok := errors.AsType[*net.OpError](err); ok {
		why = failed.Err.Error()
	}
	return &problemsError{fmt.Sprintf("DEMO_PG_DSN: PostgreSQL at %s cannot be used: %s", net.JoinHostPort(target.Host, strconv.Itoa(int(target.Port))), why)}
}

func firstOf(m map[string]string, names ...string) string {
	for name, value := range m {
		if slices.Contains(names, strings.ToLower(name)) {
			return value
		}
	}
	return ""
}

func (s *story) login(c *pgx.ConnConfig) error {
	ctx, cancel := context.WithTimeout(s.ctx, 30*time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func (s *story) askDatabase(p *slacksim.Person, database string) error {
	if _, err := p.Slash(s.ctx, "#general", "/apono", "request"); err != nil {
		return err
	}
	for _, choice := range [][2]string{{"Integration", "postgres"}, {"Resource type", "Database"}, {"Resources", database}, {"Permissions", "Read only"}} {
		v, err := s.view(p, choice[0])
		if err != nil {
			return err
		}
		if f, _ := v.Field(choice[0]); slices.Contains(f.Values, choice[1]) {
			continue // the only choice is made already
		}
		if err := p.Choose(s.ctx, v, choice[0], choice[1]); err != nil {
			return err
		}
	}
	v, err := s.view(p, "Bob (your manager)")
	if err != nil {
		return err
	}
	if err := p.Type(s.ctx, v, "Justification", "Read the orders of INC-12"); err != nil {
		return err
	}
	sub, err := p.Submit(s.ctx, v)
	if err != nil {
		return err
	}
	if len(sub.Errors) > 0 {
		return fmt.Errorf("the form was refused: %v", sub.Errors)
	}
	s.tell("Alice asks for the database %s, resource by resource", database)
	return nil
}
