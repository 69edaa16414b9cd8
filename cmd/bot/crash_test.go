package main

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	slackapi "github.com/slack-go/slack"

	"apono/bot/cards"
	"apono/bot/slack"
	"apono/bot/slack/slacksim"
	"apono/flows"
)

// TestCrash tells short stories again and again. Each time the bot is killed at
// another point: after a commit, before a call to Slack or to the system has an
// effect, or after it had one and before the bot learns of it. What is on the disk
// at that moment is all that the next run has. People go on as people do: what
// gave an error they do once more, what was taken they do not.
//
// However it was killed, these hold, all the time where that makes sense:
//   - no access is there that no request accounts for, nor later than two seconds
//     after its end (while the bot runs), nor longer than it was asked for since it
//     first was there,
//   - nothing is granted twice, no request is made twice,
//   - a press, a form or a reason that was acknowledged is acted on,
//   - every card of the request in anybody's chat is what cards.Card draws,
//   - each request ends in the state in which it ends without a crash,
//   - the audit channel was told of each change in order; the message that was
//     being sent when the bot died may be there twice,
//   - the audit chain is whole, the database sound, and nobody objects.
func TestCrash(t *testing.T) {
	for _, s := range crashStories {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.enumerate(t)
		})
	}
}

// crashStory is a story and what is true at its end.
type crashStory struct {
	name  string
	tell  func(r *crashRun)
	state flows.State
	// refuses makes the system refuse some calls; nil: none.
	refuses func(name, body string) bool
	audit   []string
	late    bool // the bot dies once the story has called arm, and not before
	alone   bool // the bot has Teams, and nobody has Slack
	// settings of the flow, in YAML.
	settings string
	grants   int // permissions that the system was given, ever
}

var crashStories = []crashStory{
	{
		name: "expires", state: flows.StateExpired, grants: 2,
		audit: []string{"AR-1 asked", "AR-1 approved by Bob", "AR-1 granted", "AR-1 expired"},
		tell: func(r *crashRun) {
			r.ask()
			r.click("bob", "Access request AR-1", "Approve", func() bool { return r.dm("bob", "Access request AR-1", "Approved by Bob") })
			r.credentials()
			r.wait("it expires", 10*time.Minute, func() bool { return r.dm("alice", "AR-1 expired") })
		},
	},
	{
		name: "denied", state: flows.StateDenied,
		audit: []string{"AR-1 asked", "AR-1 denied by Bob"},
		tell: func(r *crashRun) {
			r.ask()
			r.dialog("bob", "Access request AR-1", "Deny", func(p *slacksim.Person, v slacksim.View) error {
				return p.Type(r.ctx, v, "Reason", "Curiosity is no reason.")
			}, func() bool { return r.dm("alice", "AR-1 denied", "Curiosity is no reason.") })
		},
	},
	{
		name: "ended-early", state: flows.StateRevoked, grants: 2,
		audit: []string{"AR-1 asked", "AR-1 approved by Bob", "AR-1 granted", "AR-1 revoked by Alice"},
		tell: func(r *crashRun) {
			r.ask()
			r.click("bob", "Access request AR-1", "Approve", func() bool { return r.dm("bob", "Access request AR-1", "Approved by Bob") })
			r.click("alice", "AR-1 granted", "End access", func() bool { return r.dm("alice", "AR-1 revoked") })
		},
	},
	{
		name: "extended", state: flows.StateExpired, grants: 2, late: true, settings: "    settings: {max_extensions: 1, extension_duration: 1m}\n",
		audit: []string{"AR-1 asked", "AR-1 approved by Bob", "AR-1 granted", "AR-1 extended by Bob", "AR-1 expired"},
		tell: func(r *crashRun) {
			r.ask()
			r.click("bob", "Access request AR-1", "Approve", func() bool { return r.dm("bob", "Access request AR-1", "Approved by Bob") })
			r.wait("it is granted", time.Minute, func() bool { return r.dm("alice", "AR-1 granted") })
			r.arm()
			r.dialog("alice", "AR-1 granted", "Extend", func(p *slacksim.Person, v slacksim.View) error {
				return p.Type(r.ctx, v, "Reason", "The export still runs.")
			}, func() bool { return r.dm("bob", "More time for AR-1") })
			r.click("bob", "More time for AR-1", "Approve", func() bool { return r.dm("bob", "More time for AR-1", "Approved by Bob") })
			r.wait("it expires", 10*time.Minute, func() bool { return r.dm("alice", "AR-1 expired") })
		},
	},
	{
		name: "taken-back", state: flows.StateFailed, grants: 1,
		refuses: func(_, body string) bool {
			return strings.Contains(body, `"grant-access"`) && strings.Contains(body, `"permission":"read"`)
		},
		audit: []string{"AR-1 asked", "AR-1 approved by Bob", "AR-1 failed"},
		tell: func(r *crashRun) {
			r.ask()
			r.click("bob", "Access request AR-1", "Approve", func() bool { return r.dm("bob", "Access request AR-1", "Approved by Bob|Failed") })
			r.wait("it fails", time.Minute, func() bool { return r.dm("alice", "AR-1 failed") })
		},
	},
}

const crashFlows = `
bundles:
  - name: ticket-rush
    targets: [{integration: support-desk, resource_type: queue, permissions: [read, answer], resources: {include: {names: [refunds]}}}]
flows:
  - name: Developers help support
    trigger: self_serve
    active: true
    requestors: {match: all, conditions: [{attribute: group, values: [developers]}]}
    targets: [{bundle: ticket-rush}]
    grant_duration: 1m
    approval: {mode: any_of, groups: [{match: all, approvers: [{attribute: manager}]}]}
`

// enumerate tells the story without a crash, to count the points, then with a crash
// at each of them, and at more for as long as there are more.
func (s crashStory) enumerate(t *testing.T) {
	// One system is enough, and each one costs time at every start.
	base, _, _ := strings.Cut(readFile(t, filepath.Join("testdata", "world.yaml")), "  - name: archive\n")
	if strings.Contains(s.settings, "teams:") {
		base = strings.Replace(base, `http: {listen: ""}`, `http: {listen: "127.0.0.1:0"}`, 1)
	}
	if s.alone {
		base = inTeamsAlone(base)
	}
	var points atomic.Int32
	tell := func(t *testing.T, at int) (seen int, dead bool) {
		r := &crashRun{story: s, at: at, ctx: context.Background()}
		dir := memory(t)
		synctest.Test(t, func(t *testing.T) { r.run(t, dir, base+crashFlows+s.settings) })
		if r.dead {
			points.Add(1)
			if t.Failed() {
				t.Errorf("broken by a crash %s", r.where)
			}
		}
		return r.seen, r.dead
	}
	whole := 0
	t.Run("whole", func(t *testing.T) { whole, _ = tell(t, 0) })
	t.Run("at", func(t *testing.T) {
		for at := range whole {
			t.Run(fmt.Sprint(1+at), func(t *testing.T) {
				t.Parallel()
				tell(t, 1+at)
			})
		}
	})
	for at, more := whole+1, true; more; at++ {
		more = false
		t.Run(fmt.Sprint(at), func(t *testing.T) { _, more = tell(t, at) })
	}
	t.Logf("%d crash points", points.Load())
	if points.Load() < 20 {
		t.Errorf("only %d crash points: the story is not watched any more", points.Load())
	}
}

// reads are calls without an effect: a crash around them is like one before the
// next point.
var reads = regexp.MustCompile(`^slack (auth|apps|users|conversations)\.|^teams (read|token)`)

// crashRun is one telling of a story.
type crashRun struct {
	t     *testing.T
	ctx   context.Context
	world *world
	story crashStory
	at    int // the point at which the bot dies; 0: at none

	mu    sync.Mutex
	armed bool
	seen  int
	dead  bool
	where string
	died  chan struct{}
	lived time.Time // since when the bot runs
	began time.Time // since when there is access; zero: there never was
}

func (r *crashRun) run(t *testing.T, dir, text string) {
	r.t, r.world, r.died = t, newWorld(t, dir, text), make(chan struct{})
	w := r.world
	defer w.end()
	w.refuses = r.story.refuses
	if err := w.start(); err != nil {
		t.Fatal(err)
	}
	if !w.ready() {
		t.Fatal("Slack cannot reach the bot")
	}
	r.lived = time.Now()
	w.watch(hooks{commit: func(p *life) { r.point(p, "after a commit") }, call: r.called})
	done := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() { r.revive(done) })
	others.Go(func() { r.guard(done) })
	defer func() { close(done); others.Wait() }()
	r.story.tell(r)
	r.check()
}

// called is a call of the bot to a system or a platform, before and after it.
func (r *crashRun) called(p *life, name string, after bool) bool {
	// What is in both is looked at in Teams; the other stories have Slack.
	if reads.MatchString(name) || r.story.settings == crashTeams && strings.HasPrefix(name, "slack ") {
		return !p.line.isCut()
	}
	when := "before "
	if after {
		when = "after "
	}
	return r.point(p, when+name)
}

// point is one point at which the bot may die. It reports whether it lives.
func (r *crashRun) point(p *life, where string) bool {
	r.mu.Lock()
	if p.line.isCut() {
		r.mu.Unlock()
		return false
	}
	if r.story.late && !r.armed {
		r.mu.Unlock()
		return true
	}
	r.seen++
	dies := !r.dead && r.seen == r.at
	if dies {
		r.dead, r.where = true, where
	}
	r.mu.Unlock()
	if dies {
		p.kill()
		close(r.died)
	}
	return !dies
}

func (r *crashRun) arm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.armed = true
}

// revive starts the bot anew, a while after it died.
func (r *crashRun) revive(done <-chan struct{}) {
	select {
	case <-done:
		return
	case <-r.died:
	}
	time.Sleep(5 * time.Second)
	r.mu.Lock()
	r.lived = time.Now()
	r.mu.Unlock()
	if err := r.world.start(); err != nil {
		r.t.Errorf("start again after a crash %s: %v", r.where, err)
	}
}

// guard looks all the time for access that should not be.
func (r *crashRun) guard(done <-chan struct{}) {
	var read struct { // what the bot said of the request, as of a commit
		by      *life
		commits int64
		request flows.Request
		err     error
	}
	for {
		select {
		case <-done:
			return
		case <-time.After(250 * time.Millisecond):
		}
		p := r.world.current()
		r.mu.Lock()
		lived := r.lived
		r.mu.Unlock()
		has := r.world.systems["support-desk"].All()
		if len(has) > 0 && r.began.IsZero() {
			r.began = time.Now()
		}
		if len(has) == 0 || p.line.isCut() {
			continue
		}
		if n := p.commits.Load(); read.by != p || read.commits != n || read.err != nil {
			read.by, read.commits = p, n
			read.request, read.err = p.app.store.Request("AR-1")
		}
		req, err := read.request, read.err
		if err != nil && !p.line.isCut() {
			r.t.Errorf("there is access, %v, and no request for it: %v", has, err)
			continue
		}
		end := req.EndsAt
		if latest := r.began.Add(req.Duration + time.Duration(req.Extended())*time.Minute); end.IsZero() || latest.Before(end) {
			end = latest // whatever the bot made of its time
		}
		if req.State == flows.StateRevoking && req.Ending.State == flows.StateRevoked {
			end = req.EndingAt
		}
		if end.IsZero() && !req.State.Terminal() {
			continue
		}
		if end.Before(lived) {
			end = lived
		}
		if now := time.Now(); now.After(end.Add(2 * time.Second)) {
			r.t.Errorf("at %s there is still access, %v; %s should have ended it at %s (crash %s)", now, has, req.State, end, r.where)
			return
		}
	}
}

// check is what holds at the end.
func (r *crashRun) check() {
	w, t := r.world, r.t
	r.wait("the bot settles", time.Minute, func() bool {
		p := w.current()
		if p.line.isCut() || len(p.app.Ready()) > 0 {
			return false
		}
		for _, lane := range []flows.Lane{flows.LaneTarget, flows.LaneChat} {
			if n, _, err := p.app.store.Backlog(lane); err != nil || n > 0 {
				return false
			}
		}
		return true
	})
	w.watch(hooks{})
	store := w.current().app.store
	made, err := store.Requests(0, 10)
	if err != nil || len(made) != 1 {
		t.Fatalf("there are %d requests, %v; want one", len(made), err)
	}
	req := made[0]
	if req.State != r.story.state {
		t.Errorf("%s is %s; want %s", req.ID, req.State, r.story.state)
	}
	desk := w.systems["support-desk"]
	if has := desk.All(); len(has) > 0 {
		t.Errorf("there is access at the end: %v", has)
	}
	if got := desk.Done("grant-access"); got != r.story.grants {
		t.Errorf("the desk granted %d times; want %d", got, r.story.grants)
	}
	if undone, err := store.Undone(10); err != nil || len(undone) > 0 {
		t.Errorf("%d presses are not done with, %v", len(undone), err)
	}
	if _, err := store.VerifyAudit(); err != nil {
		t.Errorf("audit chain: %v", err)
	}
	r.checkAudit()
	if r.story.alone {
		r.checkCardsInTeams(req)
		return
	}
	r.checkCards(req)
}

// checkAudit wants each change once, in order. One message may be there twice.
func (r *crashRun) checkAudit() {
	got, double := []string{}, 0
	reader := &script{world: r.world}
	if reader.stage = newOnSlack(reader); r.story.alone {
		reader.stage = newOnTeams(reader)
	}
	for _, line := range reader.told() {
		if n := len(got); n > 0 && got[n-1] == line {
			double++
			continue
		}
		got = append(got, line)
	}
	var short []string
	for _, line := range got {
		short = append(short, strings.TrimSpace(auditTime.ReplaceAllString(strings.TrimSuffix(line, " by Alice"), "")))
	}
	want := slices.Clone(r.story.audit)
	for i, line := range short {
		if i < len(want) && strings.HasPrefix(line, want[i]) {
			want[i] = line
		}
	}
	if diff := cmp.Diff(want, short); diff != "" || double > 1 {
		r.t.Errorf("the audit channel, %d messages twice (-want +got):\n%s", double, diff)
	}
}

var auditTime = regexp.MustCompile(` (today|yesterday) at .*$`)

// checkCards draws each message of all requests anew, sends it to a channel of its
// own, and wants every message that people have to look like one of them.
func (r *crashRun) checkCards(requests ...flows.Request) {
	ws := r.world.ws
	ws.SetChannel(slacksim.Channel{Name: "drawn", BotMember: true, Members: []string{slackID("alice"), slackID("bob"), slackID("dan")}})
	api := slackapi.New(ws.BotToken(), slackapi.OptionAPIURL(ws.APIURL()), slackapi.OptionHTTPClient(ws.HTTPClient()))
	for _, handle := range []string{"alice", "bob", "dan"} {
		var want []string
		for _, p := range postsOf(requests, handle+"@example.com") {
			if shown, _, err := r.world.current().app.store.Post(p.key); err != nil {
				r.t.Fatal(err)
			} else if shown.Shows == "!over" {
				continue // what it announced was over before anybody could read it
			}
			card, ok := cards.Card(p.request, p.key, time.Now())
			if !ok {
				r.t.Errorf("%s has no card", p.key)
				continue
			}
			m := slack.RenderCard(card)
			if _, _, err := api.PostMessage("#drawn", slackapi.MsgOptionText(m.Text, false), slackapi.MsgOptionBlocks(m.Blocks...)); err != nil {
				r.t.Fatalf("draw %s: %v", p.key, err)
			}
			drawn := r.person(handle).Messages("#drawn")
			want = append(want, drawn[len(drawn)-1].String())
			time.Sleep(1100 * time.Millisecond)
		}
		var have []string
		for _, m := range r.person(handle).DMs() {
			if m.FromApp {
				have = append(have, m.String())
			}
		}
		slices.Sort(want)
		slices.Sort(have)
		if diff := cmp.Diff(want, have); diff != "" {
			r.t.Errorf("what %s reads is not what is true (-want +got):\n%s", handle, diff)
		}
	}
}

type requestPost struct {
	request flows.Request
	key     flows.PostKey
}

// postsOf lists the messages of one person.
func postsOf(requests []flows.Request, email string) (out []requestPost) {
	for _, req := range requests {
		for _, key := range req.Posts() {
			if key.Person == email {
				out = append(out, requestPost{req, key})
			}
		}
	}
	return out
}
