package bot_test

import (
	"strings"
	"testing"
	"time"
)

// TestFormSaysWhatIsSlow: whoever asks learns before how long it will take, of what was
// chosen and of nothing else.
func TestFormSaysWhatIsSlow(t *testing.T) {
	o := newOffice(t)
	slow := map[string]time.Duration{"pg": 4 * time.Minute, "eks": time.Hour}
	o.Slow = func() map[string]time.Duration { return slow }
	s := o.open("").choose("type", "database").choose("resources", "db-1").choose("permissions", "read")
	s.wantHint("pg usually takes about 4 minutes.")
	if got := hints(s.form); strings.Contains(got, "eks") || strings.Count(got, "usually takes") != 1 {
		t.Errorf("the form says:\n%s", got)
	}
	slow = nil
	if got := hints(s.choose("resources", "db-2").form); strings.Contains(got, "usually takes") {
		t.Errorf("the form says:\n%s", got)
	}
}
