package main

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"apono/bot/slack/slacksim"
)

type scriptKey struct{}

// script is a world and what the person who plays it has in mind.
type script struct {
	world  *world
	base   string
	ts     *testscript.TestScript
	ctx    context.Context
	stage  stage
	who    string                 // whose dialog the commands for dialogs are about
	errors map[string]string      // under the fields, after a refused submission
	tokens map[string]string      // that people read in dialogs, by handle
	up     map[string]func()      // of systems that are down
	actors map[string]*teamsActor // people in Teams, by handle
}

// Time that the bot gets to do its part, and that people wait before they say
// that nothing came.
const (
	soon  = 20 * time.Second
	quiet = 5 * time.Second
)

// commands of the scripts. A command with `!` before it wants the opposite, where
// that makes sense. Patterns are regular expressions over text on one line.
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	out := map[string]func(*testscript.TestScript, bool, []string){}
	all := map[string]command{
		// People.
		"as":           {2, staged(stage.as)},          // as alice /apono request …: types a slash command
		"press":        {1, staged(stage.press)},       // presses a button in the open dialog
		"choose":       {1, staged(stage.choose)},      // choose 'Bundle' ticket-rush: sets a menu
		"type":         {2, staged(stage.typeIn)},      // type Justification 'INC-12'
		"submit":       {0, staged(stage.submit)},      // `! submit`: is refused
		"close":        {0, staged(stage.closeAll)},    // closes the dialog
		"click":        {3, staged(stage.click)},       // click bob 'AR-1' Approve: a button of a direct message
		"press-listed": {3, staged(stage.pressListed)}, // press-listed bob AR-2 Approve: a button in a list that only bob sees
		"together":     {1, staged(stage.together)},    // together 'click …' 'click …': at the same moment
		"look":         {2, staged(stage.look)},        // look bob 'AR-1': keeps the card as it is now …
		"late-click":   {2, staged(stage.lateClick)},   // … late-click bob Approve: presses what it showed
		"use-token":    {1, (*script).useToken},        // use-token alice: her token opens the door of the desk
		"take-token":   {1, staged(stage.takeToken)},   // take-token alice: reads it in the dialog
		// What they see.
		"dm":      {2, staged(stage.dm)},      // dm bob 'AR-1' 'Approve': one message, all patterns, buttons included
		"private": {2, staged(stage.private)}, // private bob 'already approved': only bob sees it
		"dialog":  {1, staged(stage.dialog)},  // text of the open dialog, title and buttons included
		"field":   {1, staged(stage.field)},   // field Justification 'INC-12': what a field holds; none: empty
		"offers":  {2, staged(stage.offers)},  // offers Bundle ticket-rush …: what a menu offers
		"finds":   {3, staged(stage.finds)},   // finds Resources ref refunds …: what a search brings
		"error":   {2, staged(stage.fieldError)},
		"audit":   {0, (*script).audit}, // patterns of all that the audit channel says, in order
		"teams":   {2, (*script).teams}, // teams alice says apono: people in Teams, see script_teams_test.go
		"home":    {1, (*script).home}, "on-home": {2, (*script).onHome}, "press-home": {3, (*script).pressHome}, "shortcut": {1, (*script).shortcut},
		// Systems.
		"expect-target": {4, (*script).expectTarget}, // expect-target alice has q-refunds read | hasnt
		"target-down":   {1, (*script).targetDown},   // target-down support-desk
		"target-up":     {1, (*script).targetUp},
		"target-says":   {2, (*script).targetSays},  // target-says support-desk 'No seats left.': refuses the next call
		"target-slow":   {2, (*script).targetSlow},  // target-slow support-desk 20s: grants take as long, each permission for itself
		"target-fails":  {2, (*script).targetFails}, // the same, and is down from then on until target-up
		"target-loses":  {2, (*script).targetLoses}, // target-loses support-desk 2: offers so many resources less; 0: all again
		"usergroup":     {1, (*script).usergroup},   // usergroup payments alice bob: who is in a user group of Slack
		"put-tags":      {2, (*script).putTags},     // put-tags pii.ndjson 200 'pattern' …: a tool calls PUT /api/v1/tags
		"sync":          {0, (*script).sync},        // the bot reads all integrations, or those named, now
		// Time and the bot.
		"advance": {1, (*script).advance}, "file": {1, (*script).file}, // file 'pattern' …: one file in the audit channel has all of them
		"shutdown":    {0, (*script).stop},
		"start":       {0, (*script).start},
		"restart":     {0, (*script).restart},
		"crash":       {0, (*script).kill},        // a crash: nothing is ended in order
		"policy":      {1, (*script).policy},      // policy new.yaml: takes effect at the next start
		"unreachable": {1, (*script).unreachable}, // unreachable bob: his Slack account is gone
		"leaves":      {1, (*script).leaves},      // leaves alice: is not in the directory from the next start on
		// The configuration while the bot runs.
		"save":   {1, (*script).save},   // save new.yaml: the policy, as an editor saves it
		"write":  {1, (*script).write},  // write 'half of' 'a file': the whole configuration, in place, a second a piece
		"edit":   {2, (*script).edit},   // edit 'old' 'new' …: changes the configuration and saves it
		"hangup": {0, (*script).hangup}, // SIGHUP
		"told":   {1, (*script).tells},  // told 'pattern' …: one message of the audit channel has all of them; how often: `told 2x 'pattern'`
	}
	maps.Copy(all, outageCommands())
	for name, c := range all {
		out[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			s := ts.Value(scriptKey{}).(*script)
			s.ts, s.ctx = ts, context.Background()
			if len(args) < c.args {
				ts.Fatalf("%s wants at least %d words", name, c.args)
			}
			c.run(s, neg, args)
		}
	}
	return out
}

// stage is the platform on which people play a script: what they do there, and read.
type stage interface {
	// arrive lets people do what they have to do before they can use the bot.
	arrive() error
	as(neg bool, args []string)
	press(neg bool, args []string)
	choose(neg bool, args []string)
	typeIn(neg bool, args []string)
	submit(neg bool, args []string)
	closeAll(neg bool, args []string)
	click(neg bool, args []string)
	pressListed(neg bool, args []string)
	together(neg bool, args []string)
	look(neg bool, args []string)
	lateClick(neg bool, args []string)
	takeToken(neg bool, args []string)
	dm(neg bool, args []string)
	private(neg bool, args []string)
	dialog(neg bool, args []string)
	field(neg bool, args []string)
	offers(neg bool, args []string)
	finds(neg bool, args []string)
	fieldError(neg bool, args []string)
	// audited is what the audit channel holds, a text a message.
	audited() []string
	// auditedInWords is the same without layout.
	auditedInWords() []string
}

// staged is a command that the stage plays.
func staged(play func(stage, bool, []string)) func(*script, bool, []string) {
	return func(s *script, neg bool, args []string) { play(s.stage, neg, args) }
}

type command struct {
	args int
	run  func(s *script, neg bool, args []string)
}

func (s *script) person(handle string) *slacksim.Person {
	if !slices.Contains(handles, handle) {
		s.ts.Fatalf("there is nobody called %s", handle)
	}
	return s.world.ws.As(slackID(handle))
}

// want fails unless got is what the script says.
func (s *script) want(neg, got bool, format string, args ...any) {
	if got == neg {
		not := "this should be: "
		if neg {
			not = "this should not be: "
		}
		s.ts.Fatalf(not+format, args...)
	}
}

func (s *script) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	s.ts.Check(err)
	return d
}

// await is until, or for what should not be, that it is not within a while.
func (s *script) await(neg bool, cond func() bool) bool {
	if neg {
		return until(quiet, cond)
	}
	return until(soon, cond)
}

// view waits for a dialog of the person who is in mind.
// match reports whether all patterns are found in one text.
func (s *script) match(text string, patterns []string) bool {
	text = flat(text)
	return !slices.ContainsFunc(patterns, func(p string) bool {
		re, err := regexp.Compile(p)
		s.ts.Check(err)
		return !re.MatchString(text)
	})
}

// message finds the newest direct message with all patterns.
var auditLineStart = regexp.MustCompile(`^(AR-\d+ (?:BREAK GLASS )?(asked|approved|granted|denied|expired|revoked|extended|withdrawn|timed out|failed|overdue|no longer overdue|no longer covered|covered again|explained|not explained)\b.*)$`)

// told is what the audit channel says, one line an event.
func (s *script) told() []string {
	var out []string
	for _, text := range s.stage.auditedInWords() {
		for line := range strings.Lines(text) {
			if f := auditLineStart.FindStringSubmatch(strings.TrimSpace(line)); f != nil {
				out = append(out, f[1])
			}
		}
	}
	return out
}

func (s *script) audit(_ bool, args []string) {
	until(soon, func() bool { return len(s.told()) >= len(args) })
	s.advance(false, []string{quiet.String()})
	got := s.told()
	if len(got) != len(args) {
		s.ts.Fatalf("the audit channel should say %d things; it says:\n%s", len(args), strings.Join(got, "\n"))
	}
	for i, p := range args {
		s.want(false, s.match(got[i], []string{"^" + p}), "the audit channel says as number %d %q; it says:\n%s", i+1, p, strings.Join(got, "\n"))
	}
}

func (s *script) system(name string) *system {
	sys, ok := s.world.systems[name]
	if !ok {
		s.ts.Fatalf("there is no system %s", name)
	}
	return sys
}

func (s *script) expectTarget(neg bool, args []string) {
	has := map[string]bool{"has": true, "hasnt": false}[args[1]]
	got := s.await(neg, func() bool {
		for _, sys := range s.world.systems {
			if sys.Holds(args[0]+"@example.com", args[2], args[3]) {
				return has
			}
		}
		return !has
	})
	s.want(neg, got, "%s", strings.Join(args, " "))
}

func (s *script) targetDown(_ bool, args []string) { s.up[args[0]] = s.system(args[0]).Down() }
func (s *script) targetUp(_ bool, args []string)   { s.up[args[0]]() }

func (s *script) targetSays(_ bool, args []string) {
	s.system(args[0]).refuseNext(strings.Join(args[1:], " "))
}

func (s *script) targetSlow(_ bool, args []string) { s.system(args[0]).Slow(s.duration(args[1])) }

func (s *script) targetFails(_ bool, args []string) {
	sys, ups := s.system(args[0]), make(chan func(), 1)
	sys.AnswerNext(1, func(w http.ResponseWriter, r *http.Request) {
		refuse(strings.Join(args[1:], " "))(w, r)
		ups <- sys.Down()
	})
	s.up[args[0]] = func() { (<-ups)() }
}

func (s *script) useToken(neg bool, args []string) {
	status := 0
	s.want(neg, s.await(neg, func() bool {
		status = s.system("support-desk").knock(cmp.Or(s.tokens[args[0]], "none"))
		return status == 200
	}), "the token of %s opens the door; it answers %d", args[0], status)
}

func (s *script) advance(_ bool, args []string) {
	time.Sleep(s.duration(args[0]))
	synctest.Wait()
}

func (s *script) stop(bool, []string) { s.ts.Check(s.world.stop()) }

func (s *script) start(bool, []string) {
	s.ts.Check(s.world.start())
	synctest.Wait()
}

func (s *script) restart(bool, []string) {
	s.stop(false, nil)
	s.start(false, nil)
	s.want(false, s.world.ready(), "Slack can reach the bot again")
}

func (s *script) kill(bool, []string) {
	synctest.Wait()
	s.world.current().kill()
}

func (s *script) policy(_ bool, args []string) {
	b, err := os.ReadFile(filepath.Join(s.world.dir, args[0]))
	s.ts.Check(err)
	s.world.text = s.base + string(b)
}

func (s *script) leaves(_ bool, args []string) {
	line := regexp.MustCompile(`(?m)^.*email: ` + args[0] + `@example\.com.*\n`)
	s.want(false, line.MatchString(s.world.text), "%s is in the directory", args[0])
	s.base, s.world.text = line.ReplaceAllString(s.base, ""), line.ReplaceAllString(s.world.text, "")
}
