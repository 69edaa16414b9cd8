package bolt_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"apono/flows"
	"apono/store"
	"apono/store/bolt"
	"apono/store/storetest"
)

// A defect of the state machine is no damage: the person reads that nothing was
// changed, which is true, and the operator gets what is needed to find it.
func TestAPanicOfADecisionIsADefectOfTheBot(t *testing.T) {
	var log bytes.Buffer // written to before the call returns
	s := storetest.OpenAt(t, filepath.Join(t.TempDir(), "bot.db"), bolt.Options{NoSync: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
	submit(t, s, start, "k", draft("alice", "pg", "orders"))
	submit(t, s, start, "l", draft("alice", "pg", "invoices"))
	s.SetNext(poisonedMachine)

	_, err := s.Apply(t.Context(), after(time.Minute), "AR-1", approve("bob"))
	wantDefect(t, "a press", err, "AR-1", log.String())
	log.Reset()
	_, err = s.Submit(t.Context(), after(time.Minute), "m", []flows.Request{draft("mallory", "pg", "orders")})
	wantDefect(t, "a submission", err, "AR-3", log.String())

	if r := must[flows.Request](t)(s.Request("AR-1")); r.State != flows.StatePending || r.Version != 1 {
		t.Errorf("AR-1 is %s in version %d; want it as it was", r.State, r.Version)
	}
	if _, err := s.Request("AR-3"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the submission left something: %v", err)
	}
	if n := must[store.Stats](t)(s.Stats()).Panics; n != 2 {
		t.Errorf("%d panics are counted; want 2", n)
	}
	if r := apply(t, s, after(time.Minute), "AR-2", approve("bob")); r.State != flows.StateApproved {
		t.Errorf("AR-2 is %s; want the others decided as ever", r.State)
	}
}

// The record changes between the look and the write, so the one that panics is the
// decision within the transaction.
func TestAPanicOfADecisionWithinTheTransaction(t *testing.T) {
	var log bytes.Buffer
	s := storetest.OpenAt(t, filepath.Join(t.TempDir(), "bot.db"), bolt.Options{NoSync: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
	d := draft("alice", "pg", "orders")
	d.Need.Mode, d.Need.Groups = flows.ModeAllOf, []string{"leads", "owners"}
	submit(t, s, start, "k", d)
	both, decided := make(chan struct{}), atomic.Int32{}
	s.SetNext(func(r flows.Request, ev flows.Event, now time.Time) (flows.Request, []flows.Effect, error) {
		switch decided.Add(1) {
		case 1:
			<-both
		case 2:
			close(both) // two looks at the same version
		default:
			return poisonedMachine(r, ev, now)
		}
		return flows.Next(r, ev, now)
	})
	errs := make(chan error, 2)
	for _, who := range []string{"bob", "carol"} {
		go func() {
			_, err := s.Apply(t.Context(), after(time.Minute), "AR-1", approve(who))
			errs <- err
		}()
	}
	err := errors.Join(<-errs, <-errs)
	wantDefect(t, "the slower press", err, "AR-1", log.String())
	if r := must[flows.Request](t)(s.Request("AR-1")); len(r.Decisions) != 1 {
		t.Errorf("%d decisions are kept; want that of the faster press alone", len(r.Decisions))
	}
}

func poisonedMachine(r flows.Request, ev flows.Event, now time.Time) (flows.Request, []flows.Effect, error) {
	if r.ID != "AR-2" {
		panic(fmt.Sprint("index out of range by ", ev.Kind))
	}
	return flows.Next(r, ev, now)
}

func wantDefect(t *testing.T, what string, err error, id, log string) {
	t.Helper()
	if !errors.Is(err, store.ErrDefect) || errors.Is(err, store.ErrCorrupt) {
		t.Errorf("%s: %v; want a defect of the bot, and no damage of the database", what, err)
	}
	if code := flows.ErrorCode(err); code != flows.CodeInternal {
		t.Errorf("%s: code %s; want one that the operator looks at", what, code)
	}
	if says := flows.ErrorMessage(err); !strings.Contains(says, "Something went wrong in the bot") || !strings.Contains(says, "nothing was changed") {
		t.Errorf("%s: the person reads %q", what, says)
	}
	for _, part := range []string{"level=ERROR", "request=" + id, "index out of range", "poisonedMachine"} { // the last is of the stack
		if !strings.Contains(log, part) {
			t.Errorf("%s: the log lacks %s:\n%s", what, part, log)
		}
	}
}
