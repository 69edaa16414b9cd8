package sweep_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/sweep"
	"apono/flows"
)

// TestRaise: each admin is told once of each overdue revoke, whenever they become one.
func TestRaise(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *company) {
		eve, frank := flows.PersonRef{Email: "eve@example.com"}, flows.PersonRef{Email: "frank@example.com"}
		var admins []flows.PersonRef
		asked := 0
		job := sweep.Raise(c, func() []flows.PersonRef { asked++; return admins }, nil)
		run := func() {
			t.Helper()
			if err := job.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		told := func(id string) (out []string) {
			r, err := c.Request(id)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range r.Posts() {
				if k.Audience == flows.AudienceAdmin {
					out = append(out, k.Person+" "+string(k.Topic))
				}
			}
			return out
		}
		apply := func(id string, kind flows.EventKind) {
			if _, err := c.Apply(t.Context(), time.Now(), id, flows.Event{Kind: kind, By: flows.TheOperator, Integration: "db"}); err != nil {
				t.Fatal(err)
			}
		}
		apply("AR-1", flows.EventRevoke)
		time.Sleep(time.Minute)
		apply("AR-2", flows.EventRevoke)
		run()
		if asked != 0 {
			t.Error("admins are looked for, and nothing is overdue")
		}
		time.Sleep(flows.OverdueAfter - time.Minute)
		apply("AR-1", flows.EventDue)
		run() // nobody is an admin yet: the directory may not have answered
		admins = []flows.PersonRef{eve}
		run()
		run()
		admins = append(admins, frank)
		run()
		if diff := cmp.Diff([]string{"eve@example.com overdue", "frank@example.com overdue"}, told("AR-1")); diff != "" || told("AR-2") != nil {
			t.Errorf("AR-2: %v, AR-1 (-want +got):\n%s", told("AR-2"), diff)
		}
		apply("AR-1", flows.EventGone)
		run()
		want := []string{"eve@example.com overdue", "eve@example.com overdue_over", "frank@example.com overdue", "frank@example.com overdue_over"}
		if diff := cmp.Diff(want, told("AR-1")); diff != "" {
			t.Errorf("over (-want +got):\n%s", diff)
		}
		time.Sleep(time.Minute)
		apply("AR-2", flows.EventDue)
		c.broken["AR-2"] = errors.New("the disk is full")
		if err := job.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "AR-2: the disk is full") {
			t.Errorf("error %v", err)
		}
	})
}
