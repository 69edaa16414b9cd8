package bolt

import (
	"bytes"
	"slices"

	"apono/flows"
)

// row is one entry of an index.
type row struct {
	bucket []byte
	key    string
	value  []byte
}

// States of a holder's row.
const (
	holderLive     = 'L' // the access group is granting or granted
	holderEnding   = 'E' // it is revoking or undoing: the target may still hold
	holderReleased = 'R' // it is over, and the target keeps what others hold too
)

// rowsOf lists every index entry that the record must have. The released rows of
// holders are not derived from the record; ApplyGone keeps them.
func rowsOf(r *flows.Request) []row {
	if r.Version == 0 {
		return nil
	}
	seq := seqKey(r.Seq)
	rows := []row{
		{bucket: bucketByState, key: string(append(statePrefix(r.State), seq...))},
		{bucket: bucketByPerson, key: string(append(personPrefix(r.Requestor.Email), seq...))},
	}
	if !r.Grantee.Is(r.Requestor.Email) {
		rows = append(rows, row{bucket: bucketByPerson, key: string(append(personPrefix(r.Grantee.Email), seq...))})
	}
	if at, ok := r.DueAt(); ok {
		rows = append(rows, row{bucket: bucketByDue, key: string(append(appendTime(nil, at), r.ID...))})
	}
	if r.State == flows.StatePending {
		for _, a := range r.Asked {
			rows = append(rows, row{bucket: bucketByAsked, key: string(append(personPrefix(a.Email), seq...))})
		}
	}
	for i := range r.Groups {
		rows = append(rows, holderRows(r, &r.Groups[i])...)
	}
	return rows
}

func holderRows(r *flows.Request, g *flows.AccessGroup) []row {
	if !g.Status.MayHold() {
		return nil
	}
	value := []byte{holderEnding}
	if g.Status == flows.GroupGranting || g.Status == flows.GroupGranted {
		value = []byte{holderLive}
	}
	rows := make([]row, len(g.Items))
	for i, it := range g.Items {
		rows[i] = row{bucket: bucketHolders, key: holderKey(r, it.Unit), value: value}
	}
	return rows
}

func holderKey(r *flows.Request, u flows.Unit) string {
	return string(append(unitPrefix(r.Grantee.Email, u), r.GrantID(u.Integration)...))
}

// reindex replaces the entries of the old record by those of the new one.
func (t *tx) reindex(from, to *flows.Request) error {
	type name struct{ bucket, key string }
	was := map[name][]byte{}
	for _, r := range rowsOf(from) {
		was[name{string(r.bucket), r.key}] = r.value
	}
	for _, r := range rowsOf(to) {
		n := name{string(r.bucket), r.key}
		old, had := was[n]
		delete(was, n)
		if had && bytes.Equal(old, r.value) {
			continue
		}
		if err := t.put(r.bucket, []byte(r.key), r.value); err != nil {
			return err
		}
	}
	gone := make([]name, 0, len(was))
	for n := range was {
		gone = append(gone, n)
	}
	slices.SortFunc(gone, func(a, b name) int {
		return bytes.Compare([]byte(a.bucket+a.key), []byte(b.bucket+b.key))
	})
	for _, n := range gone {
		if err := t.del([]byte(n.bucket), []byte(n.key)); err != nil {
			return err
		}
	}
	return nil
}
