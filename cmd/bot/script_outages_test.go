package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/slack/slacksim"
	"apono/flows"
)

// outageCommands are the bad days of Slack, and what has to be true after them.
func outageCommands() map[string]command {
	return map[string]command{
		"slack-down":       {1, (*script).slackDown},
		"slack-hangs":      {1, (*script).slackHangs},      // slack-hangs 5m: takes calls and does not answer
		"slack-errors":     {1, (*script).slackErrors},     // slack-errors 5m: answers calls with HTTP 500; its sockets live
		"slack-limits":     {3, (*script).slackLimits},     // slack-limits chat.update 20 30s: answers the next 20 calls with 429
		"slack-fails":      {2, (*script).slackFails},      // slack-fails chat.update internal_error …: the next calls, one each
		"slack-flaps":      {2, (*script).slackFlaps},      // slack-flaps 20 700ms: breaks all sockets so often, one time after the other
		"slack-disconnect": {1, (*script).slackDisconnect}, // slack-disconnect warning | refresh_requested
		"slack-doubles":    {1, (*script).slackDoubles},    // slack-doubles 3: delivers the next 3 envelopes twice
		"slack-loses":      {2, (*script).slackLoses},      // slack-loses chat.postMessage 1: carries the next call out and does not answer
		"slack-token":      {1, (*script).slackToken},      // slack-token token_revoked: refuses the bot token with the code; works: takes it again
		"ready":            {0, (*script).isReady},         // /readyz says that the bot can serve
		"unready":          {1, (*script).isUnready},       // unready 'pattern': it says that the bot cannot, and why
		"overtaken":        {2, (*script).overtaken},       // overtaken 'click …' 'click …': pressed in turn, delivered the last one first
		"audit-each":       {2, (*script).auditEach},       // audit-each 3 asked granted: of AR-1 to AR-3 it says these, once each and in this order
		"cards-true":       {0, (*script).cardsTrue},       // all that Alice, Bob and Dan read is what is in the store
	}
}

func (s *script) slackDown(_ bool, args []string) {
	d := s.duration(args[0])
	s.world.ws.Faults().Outage(slacksim.ServerError, d)
	s.world.ws.Faults().RefuseSockets(d)
	s.world.ws.Faults().DropSockets()
	synctest.Wait()
}

func (s *script) slackHangs(_ bool, args []string) {
	s.world.ws.Faults().Outage(slacksim.Hang, s.duration(args[0]))
}

func (s *script) slackErrors(_ bool, args []string) {
	s.world.ws.Faults().Outage(slacksim.ServerError, s.duration(args[0]))
}

func (s *script) slackLimits(_ bool, args []string) {
	s.world.ws.Faults().RateLimit(args[0], s.number(args[1]), s.duration(args[2]))
}

func (s *script) slackFails(_ bool, args []string) {
	s.world.ws.Faults().Fail(args[0], args[1:]...)
}

func (s *script) slackToken(_ bool, args []string) {
	code := args[0]
	if code == "works" {
		code = ""
	}
	s.world.ws.BreakToken(s.world.ws.BotToken(), code)
}

func (s *script) isReady(bool, []string) {
	if problems := s.world.current().app.Ready(); len(problems) > 0 {
		s.ts.Fatalf("not ready: %v", problems)
	}
}

func (s *script) isUnready(_ bool, args []string) {
	if problems := fmt.Sprint(s.world.current().app.Ready()); !regexp.MustCompile(args[0]).MatchString(problems) {
		s.ts.Fatalf("not ready for %s, want %s", problems, args[0])
	}
}

func (s *script) slackFlaps(_ bool, args []string) {
	for range s.number(args[0]) {
		s.world.ws.Faults().DropSockets()
		s.advance(false, args[1:2])
	}
}

func (s *script) slackDisconnect(_ bool, args []string) {
	s.world.ws.Faults().Disconnect(args[0])
	synctest.Wait()
}

func (s *script) slackDoubles(_ bool, args []string) {
	s.world.ws.Faults().Duplicate(s.number(args[0]))
}

func (s *script) slackLoses(_ bool, args []string) {
	s.world.ws.Faults().LoseAnswer(args[0], s.number(args[1]))
}

func (s *script) overtaken(_ bool, args []string) {
	cards := make([]slacksim.Message, len(args))
	words := make([][]string, len(args))
	for i, line := range args {
		words[i] = strings.Fields(line)
		if len(words[i]) != 4 || words[i][0] != "click" {
			s.ts.Fatalf("%q is not: click WHO PATTERN BUTTON", line)
		}
		s.want(false, until(soon, func() bool {
			var ok bool
			cards[i], ok = s.stage.(*onSlack).message(words[i][1], words[i][2:3], words[i][3])
			return ok
		}), "%s can press %s", words[i][1], words[i][3])
	}
	s.world.ws.Faults().Reorder(len(args))
	var wg sync.WaitGroup
	errs := make([]error, len(args))
	for i, w := range words {
		wg.Go(func() { errs[i] = s.person(w[1]).ClickStale(s.ctx, cards[i], w[3]) })
		synctest.Wait() // it was pressed before the next
	}
	wg.Wait()
	s.ts.Check(errors.Join(errs...))
	synctest.Wait()
}

func (s *script) number(text string) int {
	n, err := strconv.Atoi(text)
	s.ts.Check(err)
	return n
}

// cardsTrue waits until the bot has nothing left to do and then draws all messages
// of all requests anew.
func (s *script) cardsTrue(bool, []string) {
	store := s.world.current().app.store
	s.want(false, until(10*time.Minute, func() bool {
		for _, lane := range []flows.Lane{flows.LaneTarget, flows.LaneChat} {
			if n, _, err := store.Backlog(lane); err != nil || n > 0 {
				return false
			}
		}
		return true
	}), "the bot has done all that it had to do")
	requests, err := store.Requests(0, 100)
	s.ts.Check(err)
	t, isTest := s.world.t.(*testing.T)
	s.want(false, isTest, "a script is a test")
	(&crashRun{t: t, ctx: s.ctx, world: s.world}).checkCards(requests...)
	_, err = store.VerifyAudit()
	s.ts.Check(err)
}

func (s *script) auditEach(_ bool, args []string) {
	s.advance(false, []string{quiet.String()})
	got := s.told()
	for i := range s.number(args[0]) {
		id := fmt.Sprintf("AR-%d ", i+1)
		var of []string
		for _, line := range got {
			if strings.HasPrefix(line, id) {
				of = append(of, strings.Fields(line)[1])
			}
		}
		if !slices.Equal(of, args[1:]) {
			s.ts.Fatalf("of %sthe audit channel says %q; it says:\n%s", id, of, strings.Join(got, "\n"))
		}
	}
}
