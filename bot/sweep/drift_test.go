package sweep_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/sweep"
	"apono/flows"
	"apono/store/bolt"
)

var _ sweep.DriftRecords = (*bolt.Store)(nil)

// TestWhatAgreesIsNotTold: live grants are held, ended ones are not, for a week.
func TestWhatAgreesIsNotTold(t *testing.T) {
	o := newOutpost(t)
	o.grant()
	gone, _ := o.grant()
	o.revoke(gone)
	o.after(7 * 24 * time.Hour)
	o.want()
	if o.lists != 7 {
		t.Errorf("%d looks in a week", o.lists)
	}
}

// TestOrphanIsToldOnce: what nobody granted is told when two looks have found it, not
// again the next day nor after a restart, is left alone, and that it is gone is told.
func TestOrphanIsToldOnce(t *testing.T) {
	o := newOutpost(t)
	o.grant()
	o.held["AR-99.other/pg"] = true
	o.after(time.Minute)
	o.want()
	o.after(time.Minute)
	orphan := "pg holds access that no live request explains: AR-99.other/pg.|no record of it|docs/operations.md"
	o.want(orphan)
	o.after(3 * 24 * time.Hour)
	o.restart()
	o.after(3 * 24 * time.Hour)
	o.want(orphan)
	if diff := cmp.Diff([]string{"AR-99.other/pg"}, o.drift().Orphans); diff != "" || len(o.taken) != 0 {
		t.Errorf("kept (-want +got):\n%s\ntaken back: %v", diff, o.taken)
	}
	o.held["AR-100.other/pg"] = true
	o.after(25 * time.Hour)
	o.want(orphan, "explains: AR-100.other/pg.")
	clear(o.held)
	o.after(25 * time.Hour)
	o.want(orphan, "explains: AR-100.other/pg.", "does not hold access that is live: AR-1.", "agree again about AR-100.other/pg, AR-99.other/pg")
}

// TestEndedAccessIsTakenBack: a system that was restored from its own backup holds again
// what had ended. The bot's record proves that, so it is told and taken back.
func TestEndedAccessIsTakenBack(t *testing.T) {
	o := newOutpost(t)
	r, id := o.grant()
	o.revoke(r)
	o.held[id] = true
	o.after(2 * time.Minute)
	told := "explains: " + id + "|the access of Alice is over; the bot takes it back now"
	o.want(told)
	if diff := cmp.Diff([]string{id}, o.taken); diff != "" {
		t.Error(diff)
	}
	o.after(2 * time.Minute)
	o.want(told, "agree again about "+id)
	if d := o.drift(); len(d.Orphans) != 0 {
		t.Errorf("%+v", d)
	}
	o.held[id] = true // and restored once more
	o.after(25 * time.Hour)
	o.want(told, "agree again about "+id, told, "agree again about "+id)
}

// TestWhatIsNotProvenIsLeftAlone: a record that does not say that this very grant is
// over is no reason to end what somebody may need.
func TestWhatIsNotProvenIsLeftAlone(t *testing.T) {
	o := newOutpost(t)
	ended, id := o.grant()
	o.revoke(ended)
	o.held[strings.Replace(id, ended.Stamp, "another", 1)] = true // of the same number, from before a restore
	o.held[ended.ID+"/pg"] = true                                 // of a version without stamps
	o.held["made by hand <!channel>"+strings.Repeat("x", 500)] = true
	o.after(48 * time.Hour)
	if len(o.taken) != 0 {
		t.Errorf("taken back: %v", o.taken)
	}
	o.want("holds access that no live request explains")
	if told := o.told()[0]; len([]rune(told)) > 2000 {
		t.Errorf("told at length: %d", len(told))
	}
}

// TestGrantWithoutStampIsLeftAlone: versions before stamps gave such ids, and a database
// that was restored then gave them twice.
func TestGrantWithoutStampIsLeftAlone(t *testing.T) {
	o := newOutpost(t)
	r, id := o.grant()
	o.revoke(r)
	o.job = sweep.Drift(sweep.DriftOptions{
		Records: unstamped{o.Store}, Targets: o, Every: func() time.Duration { return o.every }, Now: func() time.Time { return o.now },
	})
	id = strings.Replace(id, "."+r.Stamp, "", 1)
	o.held[id] = true
	o.after(48 * time.Hour)
	o.want("explains: " + id)
	if len(o.taken) != 0 {
		t.Errorf("taken back: %v", o.taken)
	}
}

type unstamped struct{ *bolt.Store }

func (u unstamped) Request(id string) (flows.Request, error) {
	r, err := u.Store.Request(id)
	r.Stamp = ""
	return r, err
}

// TestWhatStaysThoughTakenBack: a role that somebody gave the comment of an ended grant
// is none of the bot's. The bot asks once, says that it stays, and leaves it alone.
func TestWhatStaysThoughTakenBack(t *testing.T) {
	o := newOutpost(t)
	r, id := o.grant()
	o.revoke(r)
	o.held[id] = true
	o.onTake = func(string) error { return nil } // the driver finds no role of its own
	o.after(24 * time.Hour)
	o.restart()
	o.after(72 * time.Hour)
	o.want("explains: "+id, "said that it took back "+id)
	if len(o.taken) != 1 {
		t.Errorf("taken back %d times", len(o.taken))
	}
	if diff := cmp.Diff([]string{id}, o.drift().Stuck); diff != "" {
		t.Error(diff)
	}
}

// TestTakingBackIsTriedAgain: a system that cannot be asked costs nothing but time.
func TestTakingBackIsTriedAgain(t *testing.T) {
	o := newOutpost(t)
	r, id := o.grant()
	o.revoke(r)
	o.held[id] = true
	up := o.now.Add(time.Hour)
	o.onTake = func(id string) error {
		if o.now.Before(up) {
			return errors.New("connection refused")
		}
		delete(o.held, id)
		return nil
	}
	o.after(2 * time.Hour)
	o.want("explains: "+id, "agree again about "+id)
	if n := len(o.taken); n < 3 || n > 6 {
		t.Errorf("tried %d times in an hour", n)
	}
}

// TestMissing: a live access that somebody removed at the system is told once, with
// whose it is; what the bot revokes itself is not.
func TestMissing(t *testing.T) {
	o := newOutpost(t)
	r, id := o.grant()
	other, _ := o.grant()
	delete(o.held, id)
	o.after(2 * time.Minute)
	o.revoke(other)
	o.after(26 * time.Hour)
	missing := "pg does not hold access that is live: " + id + "|Alice should have it until 2026-03-05 12:00 UTC"
	o.want(missing)
	if got, want := o.times(), []time.Time{time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)}; !slices.EqualFunc(got, want, time.Time.Equal) {
		t.Errorf("the moments that are named are %v, want %v", got, want)
	}
	o.revoke(r)
	o.after(26 * time.Hour)
	o.want(missing, "agree again about "+id)
}
