package platform

import (
	"context"
	"testing"
	"testing/synctest"
)

// TestUntil: whichever ends first ends it.
func TestUntil(t *testing.T) {
	for name, end := range map[string]func(outer, inner context.CancelFunc, over chan struct{}){
		"what it is until": func(_, _ context.CancelFunc, over chan struct{}) { close(over) },
		"its parent":       func(outer, _ context.CancelFunc, _ chan struct{}) { outer() },
		"whoever waited":   func(_, inner context.CancelFunc, _ chan struct{}) { inner() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, outer := context.WithCancel(t.Context())
				defer outer()
				over := make(chan struct{})
				ctx, inner := Until(parent, over)
				defer inner()
				if synctest.Wait(); ctx.Err() != nil {
					t.Fatal("it is over before anything ended")
				}
				end(outer, inner, over)
				if synctest.Wait(); ctx.Err() == nil {
					t.Error("it goes on")
				}
			})
		})
	}
}
