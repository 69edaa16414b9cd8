package dispatch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// Posts is the durable state that chat tasks need.
type Posts interface {
	// Request reads one. Error: flows.CodeNotFound.
	Request(id string) (flows.Request, error)
	// Post is where a message is and what it shows; false before the first SavePost.
	Post(key flows.PostKey) (flows.Post, bool, error)
	SavePost(ctx context.Context, p flows.Post) error
	// Record appends a fact that belongs to no transition to the audit trail, and
	// wants flows.EffectAuditChannel where the channel is told of its kind.
	Record(ctx context.Context, now time.Time, f flows.Fact) error

	// Audit reads at most limit events from seq on, in order.
	Audit(seq uint64, limit int) ([]flows.AuditEvent, error)
	// AuditCursor is the seq of the last event that the audit channel is done with.
	AuditCursor() (uint64, error)
	AdvanceAudit(ctx context.Context, seq uint64) error
	// AuditPosting is the last SetAuditPosting that no AdvanceAudit followed: a
	// message up to the event to may be in the channel or not.
	AuditPosting() (to uint64, ok bool, err error)
	SetAuditPosting(ctx context.Context, to uint64) error
}

// Renderer draws what leaves.
type Renderer interface {
	// Card draws one message of a request; false if it has no such message.
	Card(r flows.Request, key flows.PostKey, now time.Time) (chat.Card, bool)
	// Audit draws one or several events, oldest first, as one message.
	Audit(events []flows.AuditEvent) chat.Card
}

// People finds persons on the chat platform.
type People interface {
	// Recipient says how a platform can find a person. Errors: flows.CodeNotFound
	// and flows.CodeAmbiguous for somebody who cannot be written to.
	Recipient(platform, email string) (chat.Recipient, error)
}

// Keyed is a chat.Messenger that finds its own messages again. With one, a first
// post whose outcome is unknown, after a crash for example, is looked for before it
// is repeated; without, it may show twice.
type Keyed interface {
	// PostKeyed is Post with a key by which FindPost recognises the message.
	PostKeyed(ctx context.Context, to chat.Recipient, card chat.Card, p chat.Priority, key string) (chat.MessageRef, error)
	// FindPost looks for a keyed message to the person since a moment.
	FindPost(ctx context.Context, to chat.Recipient, key string, since time.Time, p chat.Priority) (chat.MessageRef, bool, error)
}

// KeyedAudit is Keyed for the audit channel.
type KeyedAudit interface {
	PostAuditKeyed(ctx context.Context, card chat.Card, key string) (chat.MessageRef, error)
	// FindAudit looks for a keyed message in the audit channel since a moment.
	FindAudit(ctx context.Context, key string, since time.Time) (chat.MessageRef, bool, error)
}

// Fitter is a chat.Messenger that knows what it can show. With one, no more events
// are merged into an audit message than are shown in full.
type Fitter interface {
	// Fits reports whether all of a card is shown.
	Fits(card chat.Card) bool
}

// Redrawer is a chat.Messenger that draws as late as it can. With one, a redraw that
// waits for the platform's limits shows the request as it is when its turn comes.
type Redrawer interface {
	// Redraw is Update of what draw returns once the call may be made; false makes
	// no call, which is no error.
	Redraw(ctx context.Context, ref chat.MessageRef, draw func() (chat.Card, bool), p chat.Priority) error
}

// ChatOptions are what the worker of flows.LaneChat is made of. Zero numbers mean
// the defaults.
type ChatOptions struct {
	Queue     Queue
	Posts     Posts
	Renderer  Renderer
	People    People
	Messenger chat.Messenger
	// Platform is the name of Messenger's; empty: "slack".
	Platform string
	// AuditChannel reports whether there is an audit channel at this moment; nil: none.
	AuditChannel func() bool
	// Unreached is told of an approver whom no platform delivers the card of a request
	// to. It may be told again. nil: nobody is.
	Unreached func(ctx context.Context, key flows.PostKey) error
	// Others are further platforms. Every message is shown on each of them as well,
	// to whom it can reach.
	Others []Platform
	Log    *slog.Logger
	Hooks  Hooks
	Now    func() time.Time // nil: time.Now

	Total     int           // tasks under way at once
	Redraws   int           // of these, redraws, as many of what is stale, and as many first messages but to approvers
	AuditPace time.Duration // at least this between two messages in the audit channel
	Grace     time.Duration // for what is under way when Run's context ends
}

// NewChat makes the worker that posts and redraws messages.
func NewChat(o ChatOptions) *Worker {
	o.AuditPace = cmp.Or(o.AuditPace, DefaultAuditPace)
	o.Now = clockOr(o.Now)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return &Worker{
		lane: flows.LaneChat, queue: o.Queue, doer: newChats(o),
		total: cmp.Or(o.Total, DefaultChat), perPool: cmp.Or(o.Redraws, DefaultRedraws), grace: cmp.Or(o.Grace, DefaultGrace), spare: min(1, cmp.Or(o.Total, DefaultChat)-1), log: o.Log, hooks: o.Hooks, now: o.Now,
	}
}

type chats struct {
	ChatOptions
	platforms []Platform
	audited   time.Time         // when the last audit message left; only the one audit task uses it
	notBefore time.Time         // the next audit message: the platform said so; like audited
	refusal   error             // what it said
	took      map[string]string // hash of the audit message that a platform took, while another has not; likewise

	mu    sync.Mutex
	rooms map[string]room // of tasks that wait and were looked at
}

// Together is how long a redraw waits for what may change with it, and the least
// between two redraws of one message.
const Together = time.Second

// look keeps the first messages to one person about one request in order. A redraw
// needs no order and never holds up a first message.
func (d *chats) look(t flows.Task) (look, error) {
	key := t.Effect.Post
	if t.Effect.Kind != flows.EffectPost {
		return look{}, nil
	}
	p, shown, err := d.shown(key)
	if err != nil {
		return look{}, err
	}
	if !shown {
		d.known(t.Key, roomOf(key))
		return look{lock: lockOf(key)}, nil
	}
	r, err := d.Posts.Request(key.Request)
	if err != nil && !missing(err) {
		return look{}, err
	}
	pool := redrawPool
	if card, ok := d.Renderer.Card(r, key.On(""), d.Now()); ok && err == nil && stale(p.Offers, card) {
		pool = stalePool
	}
	d.known(t.Key, room{pool: pool})
	return look{ripe: ripe(t, p, &r, d.Now())}, nil
}

// ripe is when a redraw is made at the earliest. What is on its way to another
// state gets the time to arrive there. A clock that was set back changes nothing.
func ripe(t flows.Task, p flows.Post, r *flows.Request, now time.Time) time.Time {
	at := p.At.Add(Together)
	if passing := t.Since.Add(Together); !settled(r) && passing.After(at) {
		at = passing
	}
	if at.Sub(now) > Together {
		return now
	}
	return at
}

// settled reports whether the request stays as it is until somebody acts or time passes.
func settled(r *flows.Request) bool {
	return r.State != flows.StateApproved && r.State != flows.StateRevoking
}

func lockOf(k flows.PostKey) string {
	return k.Request + "/" + string(k.Audience) + "/" + k.Person
}

func (d *chats) do(ctx context.Context, stop <-chan struct{}, t flows.Task) outcome {
	switch t.Effect.Kind {
	case flows.EffectPost:
		defer d.looked(t.Key)
		return d.post(ctx, t)
	case flows.EffectAuditChannel:
		return d.audit(ctx, stop, t)
	case flows.EffectTarget, flows.EffectAudit, flows.EffectSeal:
	}
	return doneBut(ResultNothing, fmt.Errorf("effect %q is no chat task", t.Effect.Kind))
}

// message is one try at one chat message. Its methods change a copy.
type message struct {
	*chats
	Platform
	task flows.Task
	r    flows.Request
	post flows.Post
	card chat.Card
	hash string
	lost *lost
}

// post shows one message on every platform.
func (d *chats) post(ctx context.Context, t flows.Task) outcome {
	r, err := d.Posts.Request(t.Effect.Post.Request)
	if missing(err) {
		return doneBut(ResultNothing, err)
	}
	if err != nil {
		return d.storeFailed(t, err)
	}
	return d.everywhere(ctx, t, &r)
}

// inOrder shows the message of a task, on one platform. Those of the same person that
// come before it and were never shown go first, so that nobody reads "granted" above
// "approved".
func (m message) inOrder(ctx context.Context) outcome {
	key := m.task.Effect.Post
	for _, k := range m.r.Posts() {
		if k == key.On("") {
			break
		}
		if lockOf(k) != lockOf(key) {
			continue
		}
		if o := m.show(ctx, k, true); o.verdict != verdictDone {
			return o
		}
	}
	return m.show(ctx, key.On(""), false)
}

// show makes one message agree with the request; with onlyNew it leaves alone
// what was shown before.
func (m message) show(ctx context.Context, key flows.PostKey, onlyNew bool) outcome {
	p, known, err := m.copyOn(m.Name, key)
	if err != nil {
		return m.storeFailed(m.task, err)
	}
	key = p.Key
	if onlyNew && known && p.Shows != postingMark {
		return done(ResultNothing)
	}
	card, ok := m.Renderer.Card(m.r, key.On(""), m.Now())
	if !ok {
		return done(ResultNothing)
	}
	m.post, m.card, m.hash = p, card, hashOf(card)
	switch {
	case p.Shows == m.hash || p.Shows == refusedMark+m.hash || p.Shows == overMark:
		return done(ResultNothing)
	case p.Message != "":
		return m.redraw(ctx)
	case p.Shows != postingMark && m.r.Overtaken(key, m.Now()):
		return m.save(ctx, overMark, done(ResultNothing))
	}
	return m.first(ctx)
}

// Marks of a Post whose message could not be shown, or is being posted for the
// first time; see the package comment.
const (
	refusedMark = "!refused "
	goneMark    = "!gone "
	postingMark = "!posting"
	overMark    = "!over" // before anybody saw it
)

// lookBack is how much earlier than the bot's clock the platform's may be.
const lookBack = 5 * time.Minute

// hashOf identifies what a card shows. Cards hold no maps, so their JSON is
// the same every time.
func hashOf(c chat.Card) string {
	b, err := json.Marshal(c)
	if err != nil {
		panic("dispatch: a card that cannot be encoded (this is a bug): " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// first posts the message for the first time, or anew.
func (m message) first(ctx context.Context) outcome {
	to, err := m.People.Recipient(m.Name, m.post.Key.Person)
	switch code := flows.ErrorCode(err); {
	case err == nil:
	case code == flows.CodeNotFound, code == flows.CodeAmbiguous:
		return m.gone(ctx, err)
	default:
		return again(ResultRetry, m.Now().Add(chatBackoff.delay(m.task.Key, m.task.Tries, 0)), err)
	}
	if k, ok := m.Messenger.(Keyed); ok {
		return m.firstKeyed(ctx, k, to)
	}
	turn, cancel := m.inTime(ctx)
	defer cancel()
	ref, err := m.Messenger.Post(turn, to, m.card, priorityOf(m.post.Key))
	return m.posted(ctx, ref, err)
}

// inTime ends when an end has come that the message says is near: where it waits for the
// platform's limits, it waits no longer.
func (m message) inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if m.post.Key.Topic != flows.TopicEndingSoon {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, m.r.EndsAt.Sub(m.Now()))
}

// firstKeyed says on record that it will post before it does. Where that was said
// before, the message may be there: then it is redrawn and not posted again.
func (m message) firstKeyed(ctx context.Context, k Keyed, to chat.Recipient) outcome {
	key, priority := m.post.Key.String(), priorityOf(m.post.Key)
	if m.post.Shows == postingMark {
		ref, found, err := k.FindPost(ctx, to, key, m.post.At.Add(-lookBack), priority)
		switch {
		case found:
			m.post.Platform, m.post.Channel, m.post.Message = ref.Platform, ref.Channel, ref.Message
			m.post.Shows = "" // one that cannot be redrawn is posted anew, and not looked for again
			return m.redraw(ctx)
		case err != nil && chat.KindOf(err) != chat.ErrorRefused: // who may not look posts
			return m.posted(ctx, ref, err)
		case m.r.Overtaken(m.post.Key, m.Now()):
			return m.save(ctx, overMark, done(ResultNothing))
		}
	} else {
		p := m.post
		p.Platform, p.Channel, p.Message, p.Shows, p.At = "", "", "", postingMark, m.Now().UTC()
		if err := m.Posts.SavePost(context.WithoutCancel(ctx), p); err != nil {
			return m.storeFailed(m.task, err)
		}
	}
	turn, cancel := m.inTime(ctx)
	defer cancel()
	ref, err := k.PostKeyed(turn, to, m.card, priority, key)
	return m.posted(ctx, ref, err)
}

// posted records the outcome of a first post.
func (m message) posted(ctx context.Context, ref chat.MessageRef, err error) outcome {
	if err != nil {
		if chat.KindOf(err) == chat.ErrorGone {
			return m.gone(ctx, err)
		}
		return m.notShown(ctx, err)
	}
	m.post.Platform, m.post.Channel, m.post.Message = ref.Platform, ref.Channel, ref.Message
	// Where another task waits for it, that is no first message any more.
	m.looked(flows.Effect{Kind: flows.EffectPost, Post: m.post.Key.On("")}.Key())
	return m.save(ctx, m.hash, done(ResultDone))
}

// again draws the message as the request is at this moment; false if that is what
// it shows.
func (m *message) again() (chat.Card, bool) {
	r, err := m.Posts.Request(m.r.ID)
	if err != nil {
		return m.card, true // what was drawn before was true then, and there is another redraw
	}
	if card, ok := m.Renderer.Card(r, m.post.Key.On(""), m.Now()); ok {
		m.r, m.card, m.hash = r, card, hashOf(card)
	}
	return m.card, m.hash != m.post.Shows
}

func (m message) redraw(ctx context.Context) outcome {
	ref := chat.MessageRef{Platform: m.post.Platform, Channel: m.post.Channel, Message: m.post.Message}
	priority := chat.PriorityRedraw
	if stale(m.post.Offers, m.card) {
		priority = chat.PriorityStale
	}
	var err error
	if late, ok := m.Messenger.(Redrawer); ok {
		err = late.Redraw(ctx, ref, m.again, priority)
	} else {
		err = m.Messenger.Update(ctx, ref, m.card, priority)
	}
	switch {
	case err == nil:
		return m.save(ctx, m.hash, done(ResultDone))
	case chat.KindOf(err) != chat.ErrorGone:
		return m.notShown(ctx, err)
	case m.post.Key.Audience == flows.AudienceApprover && m.r.State == flows.StatePending:
		// Somebody deleted it, and a decision is still wanted: without a card there is none.
		return m.first(ctx)
	}
	// Nobody waits for a message that was deleted.
	return m.save(ctx, m.hash, done(ResultGone))
}

func (m message) save(ctx context.Context, shows string, o outcome) outcome {
	m.post.Shows, m.post.Version, m.post.At = shows, m.r.Version, m.Now().UTC()
	if shows == m.hash {
		m.post.Offers = offersOf(m.card)
	}
	if err := m.Posts.SavePost(context.WithoutCancel(ctx), m.post); err != nil {
		return m.storeFailed(m.task, err)
	}
	return o
}

func (d *chats) storeFailed(t flows.Task, err error) outcome {
	return again(ResultStore, d.Now().Add(chatBackoff.delay(t.Key, t.Tries, 0)), err)
}

func priorityOf(k flows.PostKey) chat.Priority {
	if k.Audience == flows.AudienceApprover {
		return chat.PriorityApprover
	}
	return chat.PriorityRequester
}
