package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
)

// Check reads the whole database and returns everything in it that must not be:
// damage of the file, records that break a rule, indexes that do not agree with
// the records, work that nobody would do, a broken audit trail. It is nil for a
// sound database. It looks at one moment; the store may be in use, but a file
// that grows meanwhile may have to wait. Whether every page that nothing uses is in the
// list of free ones, and no other is, only the check of a read-only store says: of one
// that is written to, a backup can be checked.
func (s *Store) Check() []error { return s.check(s.opts.ReadOnly) }

// check is Check. alone: nothing writes to the store meanwhile, so that bbolt, which has
// no lock for that, may read its list of free pages.
func (s *Store) check(alone bool) []error {
	if err := s.checkPages(alone); err != nil {
		return []error{err}
	}
	c := &checker{wanted: map[string]int{}}
	if err := s.view(func(btx *bolt.Tx) error { return c.run(btx) }); err != nil {
		c.problems = append(c.problems, err)
	}
	if _, err := s.VerifyAudit(); err != nil {
		c.problems = append(c.problems, err)
	}
	return c.problems
}

// checkPages reads every page with bounds of its own, then every key, and
// only then lets bbolt compare the pages with its list of free ones: bbolt
// does that in a goroutine of its own, where damage would take the process along.
func (s *Store) checkPages(alone bool) error {
	return s.view(func(btx *bolt.Tx) error {
		p := pages{file: s.file, size: uint64(s.db.Info().PageSize)}
		p.high = uint64(btx.Size()) / p.size
		p.seen = make([]bool, p.high)
		if err := p.tree(uint64(btx.Cursor().Bucket().Root())); err != nil {
			return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
		}
		if err := walk(btx); err != nil || !alone {
			return err
		}
		var all []error
		for err := range btx.Check() {
			all = append(all, fmt.Errorf("%w: %w", store.ErrCorrupt, err))
		}
		return errors.Join(all...)
	})
}

// walk reads every key of every bucket.
func walk(btx *bolt.Tx) error {
	return btx.ForEach(func(name []byte, b *bolt.Bucket) error {
		if b == nil {
			return fmt.Errorf("%w: %q is not a bucket", store.ErrCorrupt, name)
		}
		var last []byte
		return b.ForEach(func(k, _ []byte) error {
			if last != nil && bytes.Compare(last, k) >= 0 {
				return fmt.Errorf("%w: %s is out of order at %q", store.ErrCorrupt, name, k)
			}
			last = bytes.Clone(k)
			return nil
		})
	})
}

// checker collects what is wrong. It counts the entries that the records want
// and compares that with how many there are: no memory grows with the database.
type checker struct {
	btx      *bolt.Tx
	wanted   map[string]int // by bucket
	problems []error
}

func (c *checker) bad(format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf(format, args...))
}

func (c *checker) run(btx *bolt.Tx) error {
	c.btx = btx
	for _, step := range []func() error{c.requests, c.holders, c.tasks, c.posts, c.inbox, c.submits, c.audit} {
		if err := step(); err != nil {
			return err
		}
	}
	for _, name := range [][]byte{
		bucketByState, bucketByDue, bucketByPerson, bucketByIntegration, bucketByOpen, bucketByAsked, bucketHolders, bucketTasksDue, bucketSealed,
		bucketInboxUndone, bucketInboxDone, bucketSubmitsAt,
	} {
		if have := c.count(name); have != c.wanted[string(name)] {
			c.bad("%s has %d entries, the records want %d", name, have, c.wanted[string(name)])
		}
	}
	return nil
}

func (c *checker) count(bucket []byte) int {
	n := 0
	for range scan(c.btx.Bucket(bucket), nil) {
		n++
	}
	return n
}

// want notes an entry that must exist, and whether it does.
func (c *checker) want(bucket, key, value []byte, who string) {
	c.wanted[string(bucket)]++
	if v := c.btx.Bucket(bucket).Get(key); v == nil || !bytes.Equal(v, value) {
		c.bad("%s: %s lacks its entry %q", who, bucket, key)
	}
}

func (c *checker) requests() error {
	b := c.btx.Bucket(bucketRequests)
	n, left, pruned := uint64(0), gaps(c.btx), metaNumber(c.btx, metaRequestsPruned)
	for k, v := range scan(b, nil) {
		if len(k) == 8 && pruned > n { // of these some were removed
			n = max(n, min(pruned, binary.BigEndian.Uint64(k)-1))
		}
		n = left.next(n)
		r, err := decode[flows.Request]("request", []byte(store.ID(n)), v)
		if err != nil {
			c.problems = append(c.problems, err)
			continue
		}
		if !bytes.Equal(k, seqKey(n)) || r.Seq != n {
			c.bad("request %s stands where AR-%d should", r.ID, n)
			continue
		}
		c.problems = append(c.problems, store.CheckRequest(&r)...)
		for _, row := range rowsOf(&r) {
			c.want(row.bucket, row.key, row.value, r.ID)
		}
		c.work(&r)
	}
	n = max(n, pruned)
	if have := b.Sequence(); have != n && have+1 != left.next(n) {
		c.bad("the last request has the number %d, but the last number given out is %d", n, have)
	}
	return nil
}

// work finds what nobody would do, and credentials that are kept or missing
// against the record.
func (c *checker) work(r *flows.Request) {
	tasks, posts := c.btx.Bucket(bucketTasks), c.btx.Bucket(bucketPosts)
	for _, integration := range store.Targets(r) {
		e := flows.Effect{Kind: flows.EffectTarget, Request: r.ID, Integration: integration}
		if tasks.Get([]byte(e.Key())) == nil {
			c.bad("%s: the target %s does not agree yet, and no task makes it", r.ID, integration)
		}
	}
	for _, key := range r.Posts() {
		e := flows.Effect{Kind: flows.EffectPost, Request: r.ID, Post: key}
		if tasks.Get([]byte(e.Key())) == nil && posts.Get([]byte(key.String())) == nil {
			c.bad("%s: the message %s neither exists nor waits to be posted", r.ID, key)
		}
	}
	for i := range r.Groups {
		if r.Groups[i].Secret != flows.SecretAvailable {
			continue
		}
		grant := r.GrantID(r.Groups[i].Integration)
		c.wanted[string(bucketSealed)]++
		if c.btx.Bucket(bucketSealed).Get([]byte(grant)) == nil {
			c.bad("%s: the credentials of %s are said to be available, and are not", r.ID, grant)
		}
	}
}

// holders checks the released entries, which no record wants.
func (c *checker) holders() error {
	for k, v := range scan(c.btx.Bucket(bucketHolders), nil) {
		if len(v) == 1 && (v[0] == holderLive || v[0] == holderEnding) {
			continue
		}
		c.wanted[string(bucketHolders)]++
		if !bytes.Equal(v, []byte{holderReleased}) {
			c.bad("holders: %q has the value %q", k, v)
			continue
		}
		if err := c.released(k); err != nil {
			c.bad("holders: %q is released, but %w", k, err)
		}
	}
	return nil
}

func (c *checker) released(key []byte) error {
	r, g, u, err := c.holder(key)
	if err != nil {
		return err
	}
	if g.Status.MayHold() {
		return fmt.Errorf("%s is %s", r.GrantID(g.Integration), g.Status)
	}
	for _, h := range holdersOf(c.btx, r.Grantee.Email, u) {
		if h.state != holderReleased {
			return nil
		}
	}
	return errors.New("nobody holds the unit any more, so nobody would revoke it")
}

// holder finds whose entry it is: the grant id is the end of the key.
func (c *checker) holder(key []byte) (r flows.Request, g *flows.AccessGroup, u flows.Unit, err error) {
	for at := bytes.Index(key, []byte("AR-")); at >= 0 && at < len(key); {
		if id, integration, ok := store.SplitGrantID(string(key[at:])); ok {
			if r, err := getRequest(c.btx, id); err == nil {
				if g, ok := r.Group(integration); ok {
					for _, it := range g.Items {
						if bytes.Equal(holderKey(&r, it.Unit), key) {
							return r, g, it.Unit, nil
						}
					}
				}
			}
		}
		next := bytes.Index(key[at+1:], []byte("AR-"))
		if next < 0 {
			break
		}
		at += next + 1
	}
	return r, nil, u, errors.New("no record has such a unit")
}

func (c *checker) tasks() error {
	b := c.btx.Bucket(bucketTasks)
	for k, v := range scan(b, nil) {
		task, err := decodeTask(k, v)
		if err != nil {
			c.problems = append(c.problems, err)
			continue
		}
		switch id := task.Effect.Request; {
		case task.Rev == 0 || task.Rev > b.Sequence():
			c.bad("task %s has revision %d of %d", k, task.Rev, b.Sequence())
		case task.Effect.Kind != flows.EffectAuditChannel:
			if _, err := recordOf(c.btx, id); err != nil {
				c.bad("task %s: %w", k, err)
			}
		}
		c.want(bucketTasksDue, taskDueKey(task), appendTime(nil, task.Since), "task "+task.Key)
	}
	return nil
}

func (c *checker) posts() error {
	for k, v := range scan(c.btx.Bucket(bucketPosts), nil) {
		post, err := decode[flows.Post]("post", k, v)
		if err != nil {
			c.problems = append(c.problems, err)
			continue
		}
		if post.Key.String() != string(k) {
			c.bad("post %s is kept as %q", post.Key, k)
		}
		if _, err := recordOf(c.btx, post.Key.Request); err != nil {
			c.bad("post %s: %w", k, err)
		}
	}
	return nil
}

func (c *checker) inbox() error {
	for k, v := range scan(c.btx.Bucket(bucketInbox), nil) {
		d, err := decode[delivery]("delivery", k, v)
		if err != nil {
			c.problems = append(c.problems, err)
			continue
		}
		if d.Key != string(k) {
			c.bad("delivery %q is kept as %q", d.Key, k)
		}
		index := bucketInboxUndone
		if d.Finished {
			index = bucketInboxDone
		}
		c.want(index, append(appendTime(nil, d.At), k...), nil, "delivery "+d.Key)
	}
	return nil
}

func (c *checker) submits() error {
	for k, v := range scan(c.btx.Bucket(bucketSubmits), nil) {
		row, err := decode[submitRow]("submission", k, v)
		if err != nil {
			c.problems = append(c.problems, err)
			continue
		}
		for _, id := range row.IDs {
			if _, err := recordOf(c.btx, id); err != nil {
				c.bad("submission %q: %w", k, err)
			}
		}
		c.want(bucketSubmitsAt, append(appendTime(nil, row.At), k...), nil, fmt.Sprintf("submission %q", k))
	}
	return nil
}

// audit checks what the audit channel was told; VerifyAudit checks the chain.
func (c *checker) audit() error {
	last, _, err := lastEvent(c.btx)
	if err != nil {
		return err
	}
	cursor, posting := metaNumber(c.btx, metaAuditCursor), metaNumber(c.btx, metaAuditPosting)
	if cursor > last || posting > last {
		c.bad("the audit channel was told up to event %d (in flight: %d), but the last is %d", cursor, posting, last)
		return nil
	}
	task := flows.Effect{Kind: flows.EffectAuditChannel}
	if c.btx.Bucket(bucketTasks).Get([]byte(task.Key())) != nil {
		return nil
	}
	cur := c.btx.Bucket(bucketAudit).Cursor()
	for k, v := cur.Seek(seqKey(cursor + 1)); k != nil; k, v = cur.Next() {
		ev, err := decode[flows.AuditEvent]("audit event", k, v)
		if err != nil {
			return err
		}
		if ev.Fact.Kind.Told() {
			c.bad("the audit channel was not told of event %d, and no task tells it", ev.Seq)
			return nil
		}
	}
	return nil
}
