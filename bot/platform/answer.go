package platform

import (
	"context"

	"apono/bot/chat"
)

// Sorry is the answer of a handler that panicked.
var Sorry = chat.Say("Something went wrong here. Please try again; if it happens twice, tell an admin.")

// Guarding runs f, which is about what kind says, and survives its panic: Guard with
// what an adapter tells it.
type Guarding func(ctx context.Context, kind string, f func()) (ended bool)

// Answer asks a handler about a command, or about a click where there is none.
func (g Guarding) Answer(ctx context.Context, kind string, h chat.Handler, command *chat.Command, click chat.Click) chat.Answer {
	answer := Sorry
	g(ctx, kind, func() {
		if command != nil {
			answer = h.Command(ctx, *command)
		} else {
			answer = h.Click(ctx, click)
		}
	})
	return answer
}
