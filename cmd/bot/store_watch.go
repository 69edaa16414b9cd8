package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"

	"apono/bot/sweep"
	"apono/flows"
)

const (
	// storeAway is said while the database has no name: writing goes on, so nothing else
	// shows it, and all of it is lost with the process.
	storeAway = "The file of the database was removed or replaced while the bot runs: it is lost when the bot ends."
	storeTodo = "Do not restart the bot. Run bot db backup FILE beside it; then stop the bot, run bot db restore FILE, and start it."
	storeBack = "The file of the database is in its place again."
)

// storeWatch looks whether the file of the database is where the next start will look
// for it.
type storeWatch struct {
	app    *App
	path   string
	opened os.FileInfo
	away   atomic.Bool
}

// newStoreWatch takes the file for the one that was opened just now.
func newStoreWatch(a *App, path string) (*storeWatch, error) {
	opened, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return &storeWatch{app: a, path: path, opened: opened}, nil
}

func (w *storeWatch) job() sweep.Job {
	return sweep.Job{Name: "store", Spec: "@every 1m", Run: w.run}
}

// run tells the admins and the audit channel of a change.
func (w *storeWatch) run(ctx context.Context) error {
	now, err := os.Stat(w.path)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("look for the file of the database: %w", err)
	}
	away := err != nil || !os.SameFile(w.opened, now)
	if w.away.Swap(away) == away {
		return nil
	}
	f := flows.Fact{Kind: flows.FactOperator, Text: storeBack}
	if away {
		w.app.log.ErrorContext(ctx, "the file of the database was removed or replaced, and is lost when the bot ends: run bot db backup, then stop the bot and run bot db restore", "path", w.path)
		f.Text, f.Reason = storeAway, storeTodo
	}
	w.app.raiseHold(ctx, f)
	return nil
}
