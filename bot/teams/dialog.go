package teams

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"

	"apono/bot/chat"
	"apono/bot/platform"
)

// taskMessage closes a dialog, or opens none, with a sentence.
// https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/task-modules/task-modules-bots
func taskMessage(sentence string) response {
	return answerWith(obj{"task": obj{"type": "message", "value": sentence}})
}

// taskClose closes a dialog.
func taskClose() response { return response{status: http.StatusOK} }

// taskData is what task/fetch and task/submit bring.
func taskData(got received) (wire, map[string]json.RawMessage, error) {
	var value struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(got.Value, &value); err != nil {
		return wire{}, nil, errUnreadable
	}
	return readWire(value.Data)
}

func (a *Adapter) show(ctx context.Context, d dialog) response {
	task, err := d.task()
	if err != nil {
		a.meter.Count(CountDropped, "form")
		a.log.ErrorContext(ctx, "teams dialog could not be drawn", "form", string(d.form.ID), "error", err)
		return taskMessage("This could not be shown. Please tell an admin.")
	}
	return answerWith(task)
}

// fetched opens a dialog.
func (a *Adapter) fetched(ctx context.Context, got received) response {
	w, _, err := taskData(got)
	if err != nil {
		return response{status: http.StatusBadRequest}
	}
	switch w.Do {
	case doCommand:
		answer := a.commanded(ctx, got, w.Text)
		out := a.opened(ctx, got, answer)
		out.late = func(ctx context.Context) {
			a.told(ctx, spot{got.Conversation.ID, got.ServiceURL, got.From.ID}, w, answer)
		}
		return out
	case doClick:
		p, answer, err := a.committed(ctx, got, w)
		if errors.Is(err, errUnreadable) {
			return taskMessage(chat.OtherVersion)
		}
		if err != nil {
			return response{status: http.StatusInternalServerError, err: err}
		}
		if answer.Open != nil && answer.Then != nil {
			return a.revealed(ctx, p, answer)
		}
		return a.orWritten(p, answer, a.opened(ctx, got, answer))
	}
	return response{status: http.StatusBadRequest}
}

// opened shows an answer as a dialog.
func (a *Adapter) opened(ctx context.Context, got received, answer chat.Answer) response {
	switch {
	case answer.Open != nil:
		form := a.listed(ctx, user(got.Activity), *answer.Open)
		// What is sent under one key is sent once, so no two forms have the same.
		draw := func() response { return a.show(ctx, dialog{form: form, key: rand.Text()}) }
		out := draw()
		out.again = draw
		return out
	case answer.Private != nil:
		return taskMessage(sentence(*answer.Private))
	}
	return taskMessage(done)
}

// listed adds to fields with a search what an empty search finds, so that there is
// something to choose from before anybody types.
func (a *Adapter) listed(ctx context.Context, u chat.User, form chat.Form) chat.Form {
	parts := make([]chat.Part, len(form.Parts))
	for i, p := range form.Parts {
		if p.Search {
			a.guard(ctx, "search", func() {
				p.Options = a.handler.Search(ctx, chat.Search{User: u, Form: form.ID, State: form.State, Field: p.Field})
			})
			p.Options = p.Options[:min(len(p.Options), listedFirst)]
		}
		parts[i] = p
	}
	form.Parts = parts
	return form
}

// listedFirst is how many results of an empty search are listed.
const listedFirst = 25

// submitted takes a button of a dialog.
func (a *Adapter) submitted(ctx context.Context, got received) response {
	w, raw, err := taskData(got)
	if err != nil {
		return response{status: http.StatusBadRequest}
	}
	next, sound := a.filled(ctx, user(got.Activity), w, raw)
	if !sound {
		return response{status: http.StatusBadRequest}
	}
	out := taskClose()
	if next != nil {
		out = a.show(ctx, *next)
		same := out
		out.again = func() response { return same }
	}
	out.late = func(ctx context.Context) {
		p, _ := pressOf(got)
		a.outcome(ctx, p, func(context.Context) *dialog { return next }).Begin()
	}
	return out
}

// filled takes a form that somebody filled in. next is what they see now; nil:
// nothing, it is done. A button that is not sound is none of ours.
func (a *Adapter) filled(ctx context.Context, u chat.User, w wire, raw map[string]json.RawMessage) (next *dialog, sound bool) {
	if w.Do != doForm || w.Form == nil || len(w.Form.State) > 4*maxState || len(w.Form.Key) > maxID {
		return nil, false
	}
	e := chat.FormEvent{
		User: u, Form: w.Form.ID, State: w.Form.State, Values: w.Form.values(raw), Action: chat.ActionID(w.Action),
		Key: "teams/" + u.ID + "/" + w.Form.Key,
	}
	form := a.changed(ctx, e)
	switch {
	case form != nil && w.Action != "":
		return &dialog{form: *form, key: w.Form.Key}, true
	case w.Action != "":
		return nil, false
	case form != nil && w.Form.asksMore(*form, e.Values):
		return &dialog{form: w.Form.keep(*form, e.Values), key: w.Form.Key, notice: lookAgain}, true
	}
	out := chat.Submitted{Show: notice("Not sent", sentence(*platform.Sorry.Private))}
	a.guard(ctx, "submission", func() { out = a.handler.Submit(ctx, e) })
	switch {
	case len(out.Errors) > 0:
		if form == nil {
			form = w.Form.Form
		}
		if form == nil {
			form = notice("Not possible", "")
		}
		return &dialog{form: w.Form.keep(*form, e.Values), key: w.Form.Key, errors: out.Errors}, true
	case out.Show != nil:
		return &dialog{form: *out.Show, key: w.Form.Key}, true
	}
	return nil, true
}

const lookAgain = "Nothing is sent yet. Please look at what is new, and press Submit again."

func notice(title, sentence string) *chat.Form {
	f := &chat.Form{ID: chat.FormNotice, Title: title, Close: "Close"}
	if sentence != "" {
		f.Parts = []chat.Part{{Kind: chat.PartText, Text: chat.T(sentence)}}
	}
	return f
}

// changed is the form as it is after what was chosen; nil where it has nothing that
// changes.
func (a *Adapter) changed(ctx context.Context, e chat.FormEvent) *chat.Form {
	var form *chat.Form
	a.guard(ctx, "change", func() { form = a.handler.Change(ctx, e) })
	if form == nil {
		return nil
	}
	listed := a.listed(ctx, e.User, *form)
	return &listed
}

// keep puts what was typed into a form, where the field is still the same one.
func (d *drawn) keep(form chat.Form, typed chat.Values) chat.Form {
	parts := make([]chat.Part, len(form.Parts))
	for i, p := range form.Parts {
		if old, ok := d.Fields[p.Field]; ok && p.Field != "" && old.Generation == p.Generation && old.Kind == p.Kind {
			if p.Kind == chat.PartInput {
				p.Value = typed.First(p.Field)
			} else {
				p.Selected = chosen(p, typed[p.Field])
			}
		}
		parts[i] = p
	}
	form.Parts = parts
	return form
}

func chosen(p chat.Part, values []string) []chat.Option {
	labels := map[string]chat.Option{}
	for _, o := range append(append([]chat.Option(nil), p.Options...), p.Selected...) {
		labels[o.Value] = o
	}
	var out []chat.Option
	for _, v := range values {
		o := labels[v]
		o.Value, o.Label = v, cmp.Or(o.Label, v)
		out = append(out, o)
	}
	return out
}

// revealed shows what is shown once. A repeat of the invoke gets the same answer, see
// repeats.
func (a *Adapter) revealed(ctx context.Context, p press, answer chat.Answer) response {
	var form *chat.Form
	a.guard(ctx, "then", func() { form = answer.Then(ctx) })
	out := taskMessage(sentence(*platform.Sorry.Private))
	if form != nil {
		out = a.show(ctx, dialog{form: *form})
	}
	// Teams never confirms a display; the repeats of one that was in time get the same
	// answer, and those of a late one nothing that is shown once.
	out.shown = func(ctx context.Context, inTime bool) {
		if answer.Shown != nil {
			answer.Shown(ctx, inTime && form != nil)
		}
	}
	const unseen = "That took longer than Teams waits. It was not shown, and is not used up: please press the button again."
	out.lateBody = taskMessage(unseen).body
	out.late = func(ctx context.Context) { a.write(ctx, p, chat.Say(unseen)) }
	return out
}

// searched answers what a person types into a field with typeahead.
// https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/dynamic-search
func (a *Adapter) searched(ctx context.Context, got received) response {
	var value struct {
		Query   string          `json:"queryText"`
		Dataset string          `json:"dataset"`
		Options json.RawMessage `json:"queryOptions"`
	}
	var s searched
	if json.Unmarshal(got.Value, &value) != nil || json.Unmarshal([]byte(value.Dataset), &s) != nil || len(value.Query) > maxText {
		return response{status: http.StatusBadRequest}
	}
	var options []chat.Option
	a.guard(ctx, "search", func() {
		options = a.handler.Search(ctx, chat.Search{User: user(got.Activity), Form: s.Form, State: s.State, Field: s.Field, Query: value.Query})
	})
	var page struct{ Skip, Top int }
	if json.Unmarshal(value.Options, &page) != nil || page.Skip < 0 || page.Top <= 0 || page.Top > maxResults {
		page.Skip, page.Top = max(0, page.Skip), maxResults
	}
	options = options[min(page.Skip, len(options)):]
	return results(options[:min(page.Top, len(options))])
}

// maxResults is how many results Teams shows.
const maxResults = 15

func results(options []chat.Option) response {
	return answerWith(obj{
		"statusCode": http.StatusOK, "type": "application/vnd.microsoft.search.searchResponse", "value": obj{"results": drawChoices(options)},
	})
}
