package sweep_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestARestartEndsNothing: that a plan waits, or was discarded, is forgotten at a
// restart. Then it is asked about again, and nothing ends without an admin's word.
func TestARestartEndsNothing(t *testing.T) {
	shopping(t, 8, func(t *testing.T, s *shop) {
		f := s.follower()
		s.run(f)
		all := s.live()
		s.flow.Requestors.Conditions[0].Values = []string{"nobody"}
		s.change()
		s.run(f)
		if n, err := settle(f, s.names[0], false); n != 8 || err != nil {
			t.Fatal(n, err)
		}
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
