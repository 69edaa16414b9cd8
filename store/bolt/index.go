package bolt

import (
	"bytes"
	"slices"

	"apono/flows"
)

// row is one entry of an index.
type row struct {
	bucket []byte
	key    []byte
	value  []byte
}

// States of a holder's row.
const (
	holderLive     = 'L' // the access group is granting or granted
	holderEnding   = 'E' // it is revoking or undoing: the target may still hold
	holderReleased = 'R' // it is over, and the target keeps what others hold too
)

var valueLive, valueEnding = []byte{holderLive}, []byte{holderEnding}

// rowList gathers rows. Their keys lie one behind the other in one buffer: a
// transition makes some twenty of them, twice.
type rowList struct {
	rows []row
	keys []byte
}

// key is an empty one to append to, and then to add.
func (l *rowList) key() []byte { return l.keys[len(l.keys):] }

func (l *rowList) add(bucket, key, value []byte) {
	if end := len(l.keys) + len(key); end <= cap(l.keys) {
		l.keys = l.keys[:end] // it fitted; if not, append has moved it to memory of its own
	}
	l.rows = append(l.rows, row{bucket: bucket, key: slices.Clip(key), value: value})
}

// rowsOf lists every index entry that the record must have, without repeats. The released rows of
// holders are not derived from the record; ApplyGone keeps them.
func rowsOf(r *flows.Request) []row { return new(rowList).of(r) }

// of is rowsOf in the list's own memory: the next call changes what this one gave.
func (l *rowList) of(r *flows.Request) []row {
	if r.Version == 0 {
		return nil
	}
	if l.rows == nil {
		l.rows, l.keys = make([]row, 0, 16), make([]byte, 0, 1024)
	}
	l.rows, l.keys = l.rows[:0], l.keys[:0]
	// In the order of the buckets' names, so that there is little to sort.
	if r.State == flows.StatePending {
		l.asked(r, r.Asked)
	}
	if n := r.OpenExtension(); n > 0 {
		l.asked(r, r.Extensions[n-1].Asked)
	}
	if at, ok := r.DueAt(); ok {
		l.add(bucketByDue, append(appendTime(l.key(), at), r.ID...), nil)
	}
	for i := range r.Groups {
		l.add(bucketByIntegration, integrationKey(l.key(), r, i), nil)
	}
	if !r.State.Terminal() {
		l.people(r, bucketByOpen)
	}
	l.people(r, bucketByPerson)
	l.add(bucketByState, appendSeq(appendState(l.key(), r.State), r.Seq), nil)
	for i := range r.Groups {
		l.holders(r, &r.Groups[i])
	}
	// Somebody may be asked twice, and an item may be in a group twice.
	slices.SortFunc(l.rows, func(a, b row) int { return a.compare(&b) })
	l.rows = slices.CompactFunc(l.rows, func(a, b row) bool { return a.compare(&b) == 0 })
	return l.rows
}

// compare orders rows by where they go: the bucket, and the key in it.
func (r *row) compare(o *row) int {
	if &r.bucket[0] != &o.bucket[0] {
		if c := bytes.Compare(r.bucket, o.bucket); c != 0 {
			return c
		}
	}
	return bytes.Compare(r.key, o.key)
}

func (l *rowList) people(r *flows.Request, bucket []byte) {
	l.add(bucket, appendSeq(appendPerson(l.key(), r.Requestor.Email), r.Seq), nil)
	if !r.Grantee.Is(r.Requestor.Email) {
		l.add(bucket, appendSeq(appendPerson(l.key(), r.Grantee.Email), r.Seq), nil)
	}
}

// asked finds a request for who was asked, and for those in whose place: they may
// still decide.
func (l *rowList) asked(r *flows.Request, asked []flows.Asked) {
	for i := range asked {
		l.add(bucketByAsked, appendSeq(appendPerson(l.key(), asked[i].Email), r.Seq), nil)
		for _, s := range asked[i].For {
			l.add(bucketByAsked, appendSeq(appendPerson(l.key(), s.For.Email), r.Seq), nil)
		}
	}
}

func (l *rowList) holders(r *flows.Request, g *flows.AccessGroup) {
	if !g.Status.MayHold() {
		return
	}
	value := valueEnding
	if g.Status == flows.GroupGranting || g.Status == flows.GroupGranted {
		value = valueLive
	}
	for i := range g.Items {
		l.add(bucketHolders, appendHolder(l.key(), r, g.Items[i].Unit), value)
	}
}

func holderKey(r *flows.Request, u flows.Unit) []byte { return appendHolder(nil, r, u) }

func appendHolder(b []byte, r *flows.Request, u flows.Unit) []byte {
	return append(appendUnit(appendPerson(b, r.Grantee.Email), u), r.GrantID(u.Integration)...)
}
