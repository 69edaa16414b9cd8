package bolt

import (
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

// rowsOf lists every index entry that the record must have, without repeats. The released rows of
// holders are not derived from the record; ApplyGone keeps them.
func rowsOf(r *flows.Request) []row {
	if r.Version == 0 {
		return nil
	}
	seq := seqKey(r.Seq)
	rows := []row{
		{bucket: bucketByState, key: append(statePrefix(r.State), seq...)},
	}
	people := []string{r.Requestor.Email}
	if !r.Grantee.Is(r.Requestor.Email) {
		people = append(people, r.Grantee.Email)
	}
	for _, email := range people {
		rows = append(rows, row{bucket: bucketByPerson, key: append(personPrefix(email), seq...)})
		if !r.State.Terminal() {
			rows = append(rows, row{bucket: bucketByOpen, key: append(personPrefix(email), seq...)})
		}
	}
	rows = append(rows, integrationRows(r)...)
	if at, ok := r.DueAt(); ok {
		rows = append(rows, row{bucket: bucketByDue, key: append(appendTime(nil, at), r.ID...)})
	}
	if r.State == flows.StatePending {
		for _, a := range r.Asked {
			rows = append(rows, askedRows(a, seq)...)
		}
	}
	if n := r.OpenExtension(); n > 0 {
		for _, a := range r.Extensions[n-1].Asked {
			rows = append(rows, askedRows(a, seq)...)
		}
	}
	for i := range r.Groups {
		rows = append(rows, holderRows(r, &r.Groups[i])...)
	}
	// Somebody may be asked twice, and an item may be in a group twice.
	slices.SortFunc(rows, row.compare)
	return slices.CompactFunc(rows, func(a, b row) bool { return a.compare(b) == 0 })
}

// askedRows finds a request for who was asked, and for those in whose place: they may
// still decide.
func askedRows(a flows.Asked, seq []byte) []row {
	rows := []row{{bucket: bucketByAsked, key: append(personPrefix(a.Email), seq...)}}
	for _, s := range a.For {
		rows = append(rows, row{bucket: bucketByAsked, key: append(personPrefix(s.For.Email), seq...)})
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

func holderKey(r *flows.Request, u flows.Unit) []byte {
	return append(unitPrefix(r.Grantee.Email, u), r.GrantID(u.Integration)...)
}
