package main

import (
	"strings"
	"testing"
)

func init() { processStories["read now, and a sync that shrinks"] = processSync }

// processSync reads integrations by hand, and decides on a held sync from the command
// line, where nobody can be had in chat.
func processSync(t *testing.T, w *town) {
	says := func(status int, want string, args ...string) {
		t.Helper()
		if out := w.bot(status, append([]string{"sync"}, args...)...); !strings.Contains(out, want) {
			t.Errorf("sync %q says %q, not %q", args, out, want)
		}
	}
	says(exitProblems, "there is nothing to sync")
	p := w.start().ready()
	says(exitOK, "support-desk")
	offer := demoOffer()
	offer.Resources = nil
	w.target.Offers(offer)
	const held = "The sync of support-desk is held"
	says(exitProblems, held, "support-desk")
	w.soon("the audit channel knows", func() bool { return w.said(held) == 1 })
	says(exitOK, "what support-desk said before stays in force", "--discard", "support-desk")
	says(exitProblems, "is not held any more", "--proceed", "support-desk")
	w.target.Offers(demoOffer())
	says(exitOK, "support-desk")
	w.target.Offers(offer)
	says(exitProblems, held)
	says(exitOK, "what support-desk says now is in force", "--proceed", "support-desk")
	says(exitOK, "support-desk", "support-desk")
	says(exitProblems, `there is no integration "no-such"`, "no-such")
	says(exitUsage, "used alone", "--proceed", "support-desk", "people")
	w.soon("who decided is told", func() bool { return w.said("the operator (") >= 2 })
	p.terminate()
	w.peace()
}
