package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/cmd/bot/internal/living"
	"apono/flows"
)

// How the names of holds begin: sync/SOURCE/ANSWER is a sync, automatic/PLAN what a
// changed policy would end.
const (
	holdSync = "sync/"
	holdPlan = "automatic/"
)

// holds is what waits for an admin's word.
type holds struct{ app *App }

// Settle implements bot.Holds.
func (h holds) Settle(ctx context.Context, now time.Time, hold string, by flows.PersonRef, proceed bool) (string, error) {
	if rest, ok := strings.CutPrefix(hold, holdSync); ok {
		if source, answer, ok := strings.Cut(rest, "/"); ok {
			return h.app.settleSync(ctx, now, source, answer, by, proceed)
		}
	}
	if plan, ok := strings.CutPrefix(hold, holdPlan); ok {
		return h.app.settlePlan(ctx, now, plan, by, proceed)
	}
	return "", flows.Errorf(flows.CodeLate, "This button is from another version of the bot, and nothing is held under its name.")
}

// raiseHeld tells the audit channel and every admin of a sync that is held.
func (a *App) raiseHeld(ctx context.Context, h living.Held) {
	a.raiseHold(ctx, flows.Fact{
		Kind: flows.FactOperator, Text: h.Text() + " What it said before stays in force until an admin decides.",
		Reason: "If that many are really gone, press Proceed: those who are missing lose their access. If the integration is at fault, press Discard and repair it; " +
			"a later sync that is whole again is taken over by itself. Without chat: bot sync --proceed " + h.Source + ", or --discard.",
		Hold: holdSync + h.Source + "/" + h.ID,
	})
}

// raiseHold writes a hold into the audit trail, and so into the audit channel, and
// sends it to each admin. The message to an admin is sent once, as well as it can be:
// the trail is what keeps it.
func (a *App) raiseHold(ctx context.Context, f flows.Fact) {
	ctx = context.WithoutCancel(ctx)
	err := a.store.Record(ctx, a.now(), f)
	a.wrote(err)
	if err != nil {
		a.log.ErrorContext(ctx, "could not tell the audit trail", "text", f.Text, "err", err)
	}
	card := cards.Held(f)
	for _, admin := range a.living.World().Admins() {
		a.write(ctx, admin.Email, card)
	}
}

// write sends a message to a person on every platform, once, as well as it can be: the
// audit trail is what keeps what it says.
func (a *App) write(ctx context.Context, email string, card chat.Card) {
	ctx = context.WithoutCancel(ctx)
	for _, platform := range a.platforms() {
		to, err := people{a.living}.Recipient(platform.Name, email)
		if err != nil {
			continue
		}
		a.running.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, stopWithin/2)
			defer cancel()
			if _, err := platform.Messenger.Post(ctx, to, card, chat.PriorityRequester); err != nil {
				a.log.WarnContext(ctx, "could not write to a person; the audit trail says it", "person", email, "platform", platform.Name, "text", card.Fallback, "err", err)
			}
		})
	}
}

// settleSync takes a held sync over, or discards it. An empty answer means whichever
// is held.
func (a *App) settleSync(ctx context.Context, now time.Time, source, answer string, by flows.PersonRef, proceed bool) (string, error) {
	text := by.DisplayName() + " took the held sync of " + source + " over."
	if !proceed {
		text = by.DisplayName() + " discarded the held sync of " + source + "; what it said before stays in force."
	}
	err := a.living.Settle(context.WithoutCancel(ctx), source, answer, proceed, func(h living.Held) (time.Time, flows.Fact) {
		return now, flows.Fact{Kind: flows.FactOperator, Actor: by, Text: text, Reason: h.Text()}
	})
	if flows.ErrorCode(err) == flows.CodeLate {
		return "", err
	}
	a.wrote(err)
	if err != nil {
		return "", fmt.Errorf("keep what was decided about a held sync: %w", err)
	}
	return map[bool]string{
		true:  "Done: what " + source + " says now is in force.",
		false: "Done: what " + source + " said before stays in force, until it answers otherwise.",
	}[proceed], nil
}

// settlePlan lets a changed policy end automatic access, or not.
func (a *App) settlePlan(ctx context.Context, now time.Time, plan string, by flows.PersonRef, proceed bool) (string, error) {
	what := ""
	err := a.follower.Settle(plan, proceed, func(n int) error {
		what = count(n, "automatic access", "automatic accesses")
		text := by.DisplayName() + " let the changed policy end " + what + "."
		if !proceed {
			text = by.DisplayName() + " kept " + what + " that the changed policy would end; they go on until the policy changes again."
		}
		ctx, fact := context.WithoutCancel(ctx), flows.Fact{Kind: flows.FactOperator, Actor: by, Text: text}
		record := func() error { return a.store.Record(ctx, now, fact) }
		if !proceed {
			record = func() error { return a.store.RecordDiscarded(ctx, now, plan, fact) }
		}
		err := record()
		a.wrote(err)
		return err
	})
	switch {
	case flows.ErrorCode(err) == flows.CodeLate:
		return "", err
	case err != nil:
		return "", fmt.Errorf("tell the audit trail: %w", err)
	}
	return map[bool]string{true: "Done: " + what + " end now.", false: "Done: " + what + " go on until the policy changes again."}[proceed], nil
}

// ago is an age in one unit.
func ago(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return count(max(int(d.Seconds()), 0), "second", "seconds")
	case d < 2*time.Hour:
		return count(int(d.Minutes()), "minute", "minutes")
	case d < 48*time.Hour:
		return count(int(d.Hours()), "hour", "hours")
	}
	return count(int(d.Hours()/24), "day", "days")
}
