package bolt_test

import (
	"context"
	"errors"
	"sync/atomic"
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

// A context that ends just as a decision is handed from its decider to the committer
// takes it back too: nobody waits for a busy disk in vain.
func TestApply_TheContextEndsBetweenTheDecisionAndTheWait(t *testing.T) {
	s := open(t)
	submit(t, s, start, "k", draft("alice", "pg", "orders"))
	begun, release := make(chan struct{}), make(chan struct{})
	busy := make(chan error, 1)
	go func() {
		busy <- s.Op(context.Background(), func(bolt.Raw) error { close(begun); <-release; return nil })
	}()
	<-begun
	inner, cancel := context.WithCancel(context.Background())
	defer cancel()
	late := make(chan error, 1)
	go func() {
		_, err := s.Apply(&endsAfterALook{Context: inner, end: cancel}, start, "AR-1", approve("bob"))
		late <- err
	}()
	select {
	case err := <-late:
		wantIs(t, err, context.Canceled)
	case <-time.After(30 * time.Second):
		t.Error("the press waits for the disk, and its context has ended")
	}
	close(release)
	if err := <-busy; err != nil {
		t.Error(err)
	}
	if r := must[flows.Request](t)(s.Request("AR-1")); r.State != flows.StatePending {
		t.Errorf("AR-1 is %s; want it as it was", r.State)
	}
}

// endsAfterALook ends right after the decider has looked at it, and has whoever waits
// for that run first.
type endsAfterALook struct {
	context.Context
	end   context.CancelFunc
	looks atomic.Int32
}

func (c *endsAfterALook) Err() error {
	was := c.Context.Err()
	if c.looks.Add(1) == 2 { // the first is before there is anything to decide
		c.end()
		time.Sleep(50 * time.Millisecond)
	}
	return was
}
