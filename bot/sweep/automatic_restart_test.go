package sweep_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestARestartEndsNothing: that a plan waits is forgotten at a restart. Then it is asked
// about again, and nothing ends without an admin's word.
func TestARestartEndsNothing(t *testing.T) {
	shopping(t, 8, func(t *testing.T, s *shop) {
		f := s.follower()
		s.run(f)
		all := s.live()
		s.flow.Requestors.Conditions[0].Values = []string{"nobody"}
		s.change()
		s.run(f)
		for range 2 {
			f = s.follower() // a restart
			s.run(f)
			s.run(f)
			if diff := cmp.Diff(all, s.live()); diff != "" {
				t.Errorf("after a restart (-want +got):\n%s", diff)
			}
		}
		if len(s.raised) != 3 || s.names[2] != s.names[0] || !strings.Contains(s.raised[2], "would end 8 of 8") {
			t.Errorf("raised: %q", s.raised)
		}
		if n, err := settle(f, s.names[2], true); n != 8 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		s.run(f)
		if got := s.live(); got != nil {
			t.Errorf("after Proceed: %v", got)
		}
	})
}

// TestADiscardedPlanIsNotAskedAboutAgain: over restarts too, until people or policy have
// changed, also where they change back.
func TestADiscardedPlanIsNotAskedAboutAgain(t *testing.T) {
	shopping(t, 8, func(t *testing.T, s *shop) {
		f := s.follower()
		s.run(f)
		all := s.live()
		group := func(name string) {
			s.flow.Requestors.Conditions[0].Values = []string{name}
			s.change()
			s.run(f)
		}
		asked := func(n int, when string) {
			t.Helper()
			for range 2 {
				s.run(f)
				f = s.follower() // a restart
				s.run(f)
			}
			if len(s.raised) != n {
				t.Fatalf("%s: raised %d times: %q", when, len(s.raised), s.raised)
			}
			if diff := cmp.Diff(all, s.live()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		group("nobody")
		s.discard(f, s.names[0])
		asked(1, "discarded")
		// Another policy that would end the same is another plan.
		group("nobody else")
		if len(s.raised) != 2 || s.names[1] == s.names[0] {
			t.Fatalf("another policy: %q", s.names)
		}
		s.discard(f, s.names[1])
		asked(2, "another one, discarded")
		// The policy is as it was, and then like that again.
		group("duty")
		asked(2, "as it was")
		group("nobody else")
		if len(s.raised) != 3 {
			t.Fatalf("again: raised %q", s.raised)
		}
	})
}
