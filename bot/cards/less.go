package cards

import (
	"strconv"
	"strings"

	"apono/bot/chat"
	"apono/flows"
)

// FieldWithout is the choice of what to leave out; its values are places in
// flows.Request.Items.
const FieldWithout = "without"

// optionRoom is how much of the label of an option every platform shows, in chat.Length.
const optionRoom = 75

// Less is the dialog in which an approver approves a part of what is asked for.
// duration is what was asked for, as people type it; empty: without limit.
func Less(r flows.Request, duration string, required bool, state string) chat.Form {
	without := chat.Part{
		Kind: chat.PartMulti, Field: FieldWithout, Label: "Leave out", Optional: true, Placeholder: "Nothing is left out",
		Hint: "What you choose here is not granted.",
	}
	items := r.Items()
	labels, ids := make([]string, len(items)), make([]string, len(items))
	for i, it := range items {
		labels[i], ids[i] = it.PermissionName+" on "+it.FullName(), it.Resource
	}
	for i, label := range chat.Distinct(labels, optionRoom) {
		without.Options = append(without.Options, chat.Option{Value: strconv.Itoa(i), Label: label, Description: items[i].Integration})
	}
	tellByID(without.Options, ids)
	hint := "At most " + lower(wantedTime(r)) + ", as was asked for."
	if r.Indefinite {
		hint = "Empty: without limit, as was asked for."
	}
	return chat.Form{
		ID: chat.FormLess, Title: "Approve less", Submit: "Approve", Close: "Cancel", State: state,
		Parts: []chat.Part{
			{Kind: chat.PartText, Text: chat.Text{person(r.Requestor)[0], chat.Plain(" asks for "), chat.Bold(summary(r)), chat.Plain(" for " + lower(wantedTime(r)) + ".")}},
			without,
			{Kind: chat.PartInput, Field: FieldDuration, Label: "Duration", Value: duration, Max: 40, Optional: true, Hint: hint},
			{Kind: chat.PartInput, Field: FieldReason, Label: "Reason", Multi: true, Max: flows.MaxReason, Optional: !required, Placeholder: "The requester will read this."},
		},
	}
}

// tellByID adds the id to the description of options that are called the same altogether.
func tellByID(options []chat.Option, ids []string) {
	alike := map[string]int{}
	for _, o := range options {
		alike[o.Label+"\n"+o.Description]++
	}
	for i, o := range options {
		if alike[o.Label+"\n"+o.Description] > 1 {
			options[i].Description = strings.Trim(chat.Middle(o.Description+" · "+ids[i], optionRoom), " ·")
		}
	}
}

func wantedTime(r flows.Request) string { return duration(r.Duration, r.Indefinite) }

// lessNote says that what is approved is not what was asked for.
func lessNote(r flows.Request) []chat.Text {
	if out := r.LeftOut(); out != "" {
		return []chat.Text{{chat.Bold("Less than asked: "), chat.Plain(out)}}
	}
	return nil
}
