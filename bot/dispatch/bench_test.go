package dispatch_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"apono/bot/dispatch"
	"apono/flows"
	"apono/store/bolt"
)

// BenchmarkTargets is what the outbox costs on a real disk: one grant of a target
// that answers at once, from the task to the record.
func BenchmarkTargets(b *testing.B) {
	s, err := bolt.Open(filepath.Join(b.TempDir(), "bot.db"), bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var drafts []flows.Request
	for i := range b.N {
		d := draft(time.Hour, "a")
		d.Need, d.Asked = flows.Need{Automatic: true}, nil
		d.Grantee = flows.PersonRef{Email: fmt.Sprintf("p%d@example.com", i)}
		d.Groups[0].Integration = fmt.Sprintf("group%d", i%8)
		d.Groups[0].Items[0].Integration = d.Groups[0].Integration
		drafts = append(drafts, d)
	}
	for i := 0; i < len(drafts); i += 500 {
		if _, err := s.Submit(b.Context(), time.Now(), fmt.Sprint(i), drafts[i:min(i+500, len(drafts))]); err != nil {
			b.Fatal(err)
		}
	}
	w := newWorld()
	w.quick = true
	ctx, cancel := context.WithCancel(b.Context())
	left := b.N
	worker := dispatch.NewTargets(dispatch.TargetOptions{
		Queue: s, Requests: s, Integrations: w, Sealer: w, CallTimeout: time.Second,
		Hooks: dispatch.Hooks{Running: func(_ flows.Lane, n int) {
			if n == 0 {
				left, _, _ = s.Backlog(flows.LaneTarget)
				if left == 0 {
					cancel()
				}
			}
		}},
	})
	b.ResetTimer()
	if err := worker.Run(ctx); err != nil {
		b.Fatal(err)
	}
	if left != 0 {
		b.Errorf("%d tasks left", left)
	}
}
