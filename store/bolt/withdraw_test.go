package bolt_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"apono/flows"
	"apono/store/bolt"
)

// Whoever is told that a press was not stored must be able to rely on it: it must
// not turn up and be acted on after the next start.
func TestReceive_AnErrorMeansThatNothingWasWritten(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	first := true
	s, err := bolt.Open(t.TempDir()+"/bot.db", bolt.Options{NoSync: true, OnCommit: func() {
		if first {
			first = false
			close(begun)
			<-release
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	slow := make(chan error, 1)
	go func() {
		_, err := s.Receive(context.Background(), now, flows.Delivery{Key: "slow", Payload: []byte("{}"), Source: "slack"})
		slow <- err
	}()
	<-begun // the disk is busy
	ctx, cancel := context.WithCancel(context.Background())
	late := make(chan error, 1)
	go func() {
		_, err := s.Receive(ctx, now, flows.Delivery{Key: "late", Payload: []byte("{}"), Source: "slack"})
		late <- err
	}()
	time.AfterFunc(20*time.Millisecond, cancel) // the budget for the acknowledgement ends
	if err := <-late; !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v; want that of the context", err)
	}
	close(release)
	if err := <-slow; err != nil {
		t.Fatal(err)
	}
	undone, err := s.Undone(10)
	if err != nil {
		t.Fatal(err)
	}
	if len(undone) != 1 || undone[0].Key != "slow" {
		t.Errorf("undone = %v; want the slow one alone", undone)
	}
	if fresh, err := s.Receive(context.Background(), now, flows.Delivery{Key: "late", Payload: []byte("{}"), Source: "slack"}); !fresh || err != nil {
		t.Errorf("the press, sent again: fresh %v, %v; want fresh", fresh, err)
	}
}
