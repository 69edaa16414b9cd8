package bolttest_test

import (
	"path/filepath"
	"testing"
	"time"

	"apono/flows"
	"apono/store/bolt"
	"apono/store/bolt/bolttest"
	"apono/store/storetest"
)

func TestPastRequests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	began := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	bolttest.Past(t, path, 1234, began)
	s := storetest.OpenAt(t, path, bolt.Options{NoSync: true}) // and is checked
	if n, err := s.Count(flows.StateExpired); err != nil || n != 1234 {
		t.Errorf("%d requests expired, %v", n, err)
	}
	r, err := s.Request("AR-777")
	if err != nil || r.Seq != 777 || r.State != flows.StateExpired || r.Requestor.Email != "alice777@example.com" {
		t.Errorf("AR-777 is %+v, %v", r, err)
	}
	if mine, err := s.ByPerson("alice234@example.com", 0, 9); err != nil || len(mine) != 2 || mine[0].ID != "AR-1234" || mine[1].ID != "AR-234" {
		t.Errorf("requests of a person: %v, %v", mine, err)
	}
	if posts, err := s.Posts("AR-777"); err != nil || len(posts) != 6 {
		t.Errorf("messages of AR-777: %v, %v", posts, err)
	}
	if due, err := s.Due(began.AddDate(9, 0, 0), 9); err != nil || due != nil {
		t.Errorf("due: %v, %v", due, err)
	}
	r.Seq, r.ID = 0, ""
	made, err := s.Submit(t.Context(), began, "k", []flows.Request{r})
	if err != nil || made[0].ID != "AR-1235" {
		t.Errorf("the next request is %v, %v", made, err)
	}
}
