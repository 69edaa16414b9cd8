package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"apono/bot/slack/slacksim"
	"apono/flows"
)

var loadFor = flag.Duration("load", 90*time.Second, "how long requests come in BenchmarkLoad")

// The load: requests a minute, those of them that are made with the form, and who
// approves. Slack opens 100 dialogs in a minute for an app, so that the others have to
// come another way: they reach the store as Teams' do.
const (
	loadRequests  = 200
	loadForms     = 90
	loadApprovers = 50
)

// What Slack takes of an app in a minute, and when the play begins to look at it: by then
// more messages were wanted than that.
const (
	loadMessages = 300
	loadSettles  = 20 * time.Second
)

// BenchmarkLoad is a bad day in real time: 200 requests a minute of as many people, and 50
// approvers who press within half a minute, against a Slack that counts every limit.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		l := newLoadPlay(b)
		begun := time.Now()
		l.play(*loadFor)
		l.report(b, begun)
		l.app.Stop()
	}
}

// loadPlay is the play and what was seen of it.
type loadPlay struct {
	*town
	app    *App
	people int // who ask

	asking, pressing sync.WaitGroup

	mu      sync.Mutex
	posts   []time.Time          // messages that Slack took
	told    []time.Time          // those of them to people
	cards   map[string]time.Time // by request, when its approver's card was there
	took    map[string][]time.Duration
	refused map[string]int // what people were told instead of what they wanted
	made    int
}

func loadID(kind string, i int) string { return fmt.Sprintf("U0%s%05d", kind, i) }

func newLoadPlay(b *testing.B) *loadPlay {
	b.Helper()
	o := demoPeople()
	var people strings.Builder
	add := func(kind string, i int, more string) {
		id := loadID(kind, i)
		o.Users = append(o.Users, slacksim.User{ID: id, Name: strings.ToLower(id), RealName: id, Email: strings.ToLower(id) + "@example.com"})
		o.Channels[0].Members = append(o.Channels[0].Members, id)
		fmt.Fprintf(&people, "        - {email: %s@example.com, name: %s, slack_id: %s%s}\n", strings.ToLower(id), id, id, more)
	}
	asking := int(loadFor.Minutes()*loadRequests) + loadApprovers
	for i := range asking {
		add("DEVL", i, fmt.Sprintf(", groups: [developers], manager: %s@example.com", strings.ToLower(loadID("LEAD", i%loadApprovers))))
	}
	for i := range loadApprovers {
		add("LEAD", i, "")
	}
	w := newTown(b, "", o)
	last := "        - {email: eve@example.com, name: Eve, groups: [admins]}\n"
	w.change(last, last+people.String(), lasting, "grant_duration: 2h")
	l := &loadPlay{town: w, people: asking, cards: map[string]time.Time{}, took: map[string][]time.Duration{}, refused: map[string]int{}}
	l.ws.OnLog(l.saw)
	l.app = w.application(b)
	w.must(l.app.Start(w.ctx))
	w.soon("the bot is ready", func() bool { return len(l.app.Ready()) == 0 })
	return l
}

var loadAudit = regexp.MustCompile(`"channel":"C0`)

var loadCard = regexp.MustCompile(`Access request (AR-\d+)`)

// saw notes the messages that Slack took. A new card is pressed within half a minute.
func (l *loadPlay) saw(e slacksim.Entry) {
	if e.Kind != "call" || e.Method != "chat.postMessage" || e.Err != "" || e.Status != 200 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.posts = append(l.posts, e.At)
	if !loadAudit.Match(e.Answer) {
		l.told = append(l.told, e.At)
	}
	id := loadCard.FindStringSubmatch(string(e.Answer))
	if id == nil || !l.cards[id[1]].IsZero() {
		return
	}
	var at slacksim.Message
	if err := json.Unmarshal(e.Answer, &at); err != nil {
		l.refused[err.Error()]++
		return
	}
	l.cards[id[1]] = e.At
	l.pressing.Go(func() { l.press(id[1], at) })
}

// timed notes how long Slack waited for the acknowledgement of what somebody did.
func (l *loadPlay) timed(what string, do func() error) bool {
	begun := time.Now()
	err := do()
	took := time.Since(begun)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took[what] = append(l.took[what], took)
	if err != nil {
		l.refused[what+": "+err.Error()]++
	}
	return err == nil
}

// play lets people ask for as long as that, at moments that nobody knows before.
func (l *loadPlay) play(d time.Duration) {
	over := time.After(d)
	chance := rand.New(rand.NewPCG(1, 2))
	for i := 0; ; i++ {
		select {
		case <-over:
			return
		case <-time.After(time.Duration(chance.Float64() * 2 * float64(time.Minute) / loadRequests)):
			if i*loadForms/loadRequests != (i+1)*loadForms/loadRequests {
				l.asking.Go(func() { l.ask(i) })
			} else {
				l.asking.Go(func() { l.submit(i) })
			}
		}
	}
}

// tell notes that somebody did not get what they wanted.
func (l *loadPlay) tell(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused[what]++
}

func (l *loadPlay) asked() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made++
}

// ask is somebody with the form.
func (l *loadPlay) ask(i int) {
	dev := l.ws.As(loadID("DEVL", i%l.people))
	if !l.timed("command", func() error {
		_, err := dev.Slash(l.ctx, "#general", "/apono", fmt.Sprintf("request ticket-rush because INC-%d", i))
		return err
	}) {
		return
	}
	form, err := l.view(dev, "Justification")
	if err != nil {
		l.tell("no form; told " + fmt.Sprint(len(dev.Ephemerals())) + " sentences")
		return
	}
	time.Sleep(time.Second) // they read it
	if l.timed("form", func() error {
		done, err := dev.Submit(l.ctx, form)
		if err == nil && len(done.Errors) > 0 {
			err = fmt.Errorf("%v", done.Errors)
		}
		return err
	}) {
		l.asked()
	}
}

// submit is a request that comes another way than through a dialog of Slack.
func (l *loadPlay) submit(i int) {
	w, now := l.app.living.World(), time.Now()
	p, err := w.People.ByEmail(strings.ToLower(loadID("DEVL", i%l.people)) + "@example.com")
	l.must(err)
	q := flows.Question{Requestor: p, Grantee: p, Bundle: "ticket-rush", Justification: fmt.Sprintf("INC-%d", i), Now: now}
	_, err = l.app.counted().Submit(l.ctx, now, fmt.Sprintf("load %d", i), w.Drafts(q, w.Evaluate(q)))
	l.must(err)
	l.asked()
}

// press is the approver of a card, who looks at it within half a minute.
func (l *loadPlay) press(id string, at slacksim.Message) {
	r, err := l.app.store.Request(id)
	l.must(err)
	time.Sleep(5*time.Second + time.Duration(r.CreatedAt.UnixNano()%20_000)*time.Millisecond)
	card, ok := l.ws.Message(at.Channel, at.TS)
	if !ok {
		l.tell("the card is gone")
		return
	}
	lead := l.ws.As(strings.ToUpper(strings.TrimSuffix(r.Asked[0].Email, "@example.com")))
	begun := time.Now()
	if !l.timed("press", func() error { return lead.Click(l.ctx, card, "Approve") }) {
		return
	}
	if err := l.until("the press counts", func() bool {
		r, err = l.app.store.Request(id)
		return err != nil || r.State != flows.StatePending
	}); err != nil {
		l.tell(err.Error())
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took["decision"] = append(l.took["decision"], time.Since(begun))
}

func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[int(float64(len(d)-1)*q)]
}

// report waits until the last cards are there, and says how it went.
func (l *loadPlay) report(b *testing.B, begun time.Time) {
	b.Helper()
	cards := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.cards)
	}
	l.asking.Wait()
	l.soon("every approver has a card", func() bool { return cards() >= l.made })
	l.pressing.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	var late, acks []time.Duration
	var wanted []time.Time // messages that nobody has seen yet
	for id, at := range l.cards {
		r, err := l.app.store.Request(id)
		l.must(err)
		late = append(late, at.Sub(r.CreatedAt))
		for _, k := range r.Posts() {
			switch k.Topic {
			case flows.TopicApproved:
				wanted = append(wanted, r.DecidedAt)
			case flows.TopicGranted, flows.TopicAccess:
				wanted = append(wanted, r.ActiveAt)
			default:
				wanted = append(wanted, r.CreatedAt)
			}
		}
	}
	for _, what := range []string{"command", "form", "press", "decision"} {
		took := l.took[what]
		b.Logf("%d times %s: p50 %s, p99 %s, longest %s", len(took), what, quantile(took, 0.5), quantile(took, 0.99), quantile(took, 1))
		if what != "decision" {
			acks = append(acks, took...)
		}
	}
	limited := 0
	for method, n := range l.ws.RateLimited() {
		b.Logf("429: %d times %s", n, method)
		limited += n
	}
	for what, n := range l.refused {
		b.Logf("%d times: %s", n, what)
	}
	least, mean := l.used(begun, time.Now(), wanted)
	b.Logf("%d requests, %d cards, %d of %d messages sent when the last was asked for; used of a minute at least %.1f %%", l.made, len(l.cards), len(l.posts), len(wanted), least)
	b.ReportMetric(ms(quantile(acks, 0.5)), "ack-p50-ms")
	b.ReportMetric(ms(quantile(acks, 0.99)), "ack-p99-ms")
	b.ReportMetric(ms(quantile(late, 0.5)), "card-p50-ms")
	b.ReportMetric(ms(quantile(late, 0.99)), "card-p99-ms")
	b.ReportMetric(ms(quantile(late, 1)), "card-max-ms")
	b.ReportMetric(float64(limited), "429s")
	b.ReportMetric(mean, "used-%")
	if len(l.cards) != l.made {
		b.Errorf("%d requests were made, %d approvers' cards are there", l.made, len(l.cards))
	}
}

// used is the share of the messages of a minute that Slack takes which were sent, over the
// minutes in which more waited all the time: the least and the mean.
func (l *loadPlay) used(begun, ended time.Time, wanted []time.Time) (least, mean float64) {
	before := func(times []time.Time, t time.Time) (n int) {
		for _, at := range times {
			if at.Before(t) {
				n++
			}
		}
		return n
	}
	waits := func(from time.Time) bool {
		for s := range 61 {
			t := from.Add(time.Duration(s) * time.Second)
			if before(wanted, t)-before(l.told, t) < 30 {
				return false
			}
		}
		return true
	}
	minutes := 0
	least = math.Inf(1)
	for from := begun.Add(loadSettles); !from.Add(time.Minute).After(ended); from = from.Add(5 * time.Second) {
		if !waits(from) {
			continue
		}
		share := float64(before(l.posts, from.Add(time.Minute))-before(l.posts, from)) * 100 / loadMessages
		least, mean, minutes = min(least, share), mean+share, minutes+1
	}
	if minutes == 0 {
		return 0, 0
	}
	return least, mean / float64(minutes)
}
