package cards

import (
	"apono/bot/chat"
	"apono/flows"
)

// explain asks whoever broke the glass to say why; round is that of the reminder.
func explain(r flows.Request, round int) chat.Card {
	c := chat.Card{Title: r.ID + " explain", Tone: chat.ToneWaiting, Fallback: r.ID + ": please explain why you broke the glass"}
	ask := ": nobody was asked."
	if r.Explains() {
		ask += " Please say what happened and what you did; the audit channel reads it."
	}
	c.Body = chat.Text{chat.Plain("You broke the glass for "), chat.Bold(summary(r)), chat.Plain(ask)}
	if !r.Explains() {
		c.Status, c.Tone = chat.T("Explained"), chat.ToneOver
		if r.ExplainedAt.IsZero() {
			c.Status = chat.T("Nothing was granted, so nothing has to be explained")
			return c
		}
		c.Status = append(c.Status, chat.Plain(" by "), actor(r.ExplainedBy), chat.Plain(" "), chat.At(r.ExplainedAt))
		if round == 0 {
			c.Sections = []chat.Section{{Fields: []chat.Field{{Label: "Explanation", Value: said(r.Explanation)}}}}
		}
		return c
	}
	c.Status = chat.Text{chat.Plain("To be explained until "), chat.At(r.ExplainBy)}
	if round > 0 {
		c.Title, c.Tone = r.ID+" not explained", chat.ToneBad
		c.Status = chat.Text{chat.Plain("This was to be explained until "), chat.At(r.ExplainBy)}
	}
	if round == r.Chased {
		c.Actions = []chat.Action{button(r, chat.ActionExplain, "Explain", chat.StylePrimary)}
	}
	return c
}

// Explain is the dialog in which somebody says why they broke the glass.
func Explain(r flows.Request, state string) chat.Form {
	return chat.Form{
		ID: chat.FormReason, Title: "Explain", Submit: "Explain", Close: "Cancel", State: state,
		Parts: []chat.Part{
			{Kind: chat.PartText, Text: chat.Text{chat.Plain("You broke the glass for "), chat.Bold(summary(r)), chat.Plain(".")}},
			{
				Kind: chat.PartInput, Field: FieldReason, Label: "Explanation", Multi: true, Max: flows.MaxReason,
				Placeholder: "What happened, and what did you do?",
			},
		},
	}
}
