package dispatch

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// TestTakeBack revokes the grant of an access group that is over, and no other.
func TestTakeBack(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		s.targets["db"] = db
		r := s.submit(s, ask(unit("db", "orders")))
		s.start()
		if err := TakeBack(s.Context(), db, s.get(s, r.ID), "db"); err == nil {
			t.Error("a live access was taken back")
		}
		if err := TakeBack(s.Context(), db, s.get(s, r.ID), "elsewhere"); err == nil {
			t.Error("something was taken back where the request has nothing")
		}
		revoke(s, r.ID)
		db.mu.Lock()
		db.held["AR-1/db orders"] = true // the target was restored
		db.mu.Unlock()
		if err := TakeBack(s.Context(), db, s.get(s, r.ID), "db"); err != nil {
			t.Error(err)
		}
		if held := db.holds(); len(held) != 0 {
			t.Errorf("left: %v", held)
		}
		if got := db.last(); got.ID != "AR-1/db" || got.Person != alice || got.Call == "" {
			t.Errorf("revoked %+v", got)
		}
		if diff := cmp.Diff([]string{"grant AR-1/db orders", "revoke AR-1/db orders", "revoke AR-1/db orders"}, db.log()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

// TestSharedAccessIsNotTakenBack: to revoke it for one grant might end it for another.
func TestSharedAccessIsNotTakenBack(t *testing.T) {
	tell(t, func(s *story) {
		group := s.target("group")
		group.shared, group.byUser = true, true
		s.targets["group"] = group
		first := s.submit(s, ask(unit("group", "a")))
		s.start()
		revoke(s, first.ID)
		calls := len(group.log())
		if err := TakeBack(s.Context(), group, s.get(s, first.ID), "group"); err == nil || len(group.log()) != calls {
			t.Errorf("%v after %v", err, group.log())
		}
		if got := s.status(first.ID, "group"); got != flows.GroupRevoked {
			t.Errorf("%s", got)
		}
	})
}
