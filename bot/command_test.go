package bot_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"apono/bot"
	"apono/bot/cards"
	"apono/flows"
)

func TestCommand(t *testing.T) {
	o := newOffice(t)
	for _, tt := range []struct {
		text                                    string
		bundle, duration, justification, answer string // no answer: the form
	}{
		{"", "", "", "", ""},
		{"  request  ", "", "", "", ""},
		{"REQUEST", "", "", "", ""},
		{"request prod-incident", "prod-incident", "8h", "", ""},
		{"request Prod-Incident for 2h", "prod-incident", "2h", "", ""},
		{"request\tprod-incident\nfor 90m", "prod-incident", "90m", "", ""},
		{"request prod-incident for 2 hours because INC-12 is burning", "prod-incident", "2 hours", "INC-12 is burning", ""},
		{"request prod-incident BECAUSE it is İstanbul, because\nof 100% *fire* <!channel>", "prod-incident", "8h", "it is İstanbul, because\nof 100% *fire* <!channel>", ""},
		{"request “prod-incident” for 2h", "prod-incident", "2h", "", ""},
		{"request tools for ops", "Tools for Ops", "1h", "", ""},
		{"request tools for ops for 30m", "Tools for Ops", "30m", "", ""},
		{"request for 2h because of it", "", "2h", "of it", ""},
		{"request because of it", "", "", "of it", ""},
		{"request prod-incident because " + strings.Repeat("x", 3000), "prod-incident", "8h", strings.Repeat("x", flows.MaxReason-1) + "…", ""},
		{"request prod-incident for " + strings.Repeat("0", 100) + "2h", "prod-incident", "2h", "", ""},
		{"request prod-incident for ever", "", "", "", `"ever" is not a duration. Please write for example 30m, 2h or 1d.`},
		{"request prod-incident for -2h", "", "", "", `"-2h" is not a duration. Please write for example 30m, 2h or 1d.`},
		{"request prod-incidnet for 2h", "", "", "", "There is no bundle prod-incidnet that you may ask for. Did you mean prod-incident?"},
		{"request everything", "", "", "", "There is no bundle everything that you may ask for. You may ask for: prod-incident, Tools for Ops."},
		{"request prod-incident for an hour because of it", "prod-incident", "an hour", "of it", ""},
		{"request prod-incident for 2h because: INC-12", "prod-incident", "2h", "INC-12", ""},
		{"request prod-incident for 2h INC-12 is burning", "", "", "", `"2h INC-12 is burning" is not a duration. Did you mean: /apono request prod-incident for 2h because INC-12 is burning`},
		{"request prod-incident for half an hour please", "", "", "", `"half an hour please" is not a duration. Did you mean: /apono request prod-incident for half an hour because please`},
		{"request for 2h INC-12", "", "", "", `"2h INC-12" is not a duration. Did you mean: /apono request for 2h because INC-12`},
		{"request PROD-incident INC-12 is burning", "", "", "", "There is no bundle PROD-incident INC-12 is burning that you may ask for. Did you mean: /apono request prod-incident because INC-12 is burning"},
		{"request prod-incident INC-12 for the win", "", "", "", `"the win" is not a duration. Did you mean: /apono request prod-incident because INC-12 for the win`},
		{"request prod-incident 2h because INC-12", "", "", "", "There is no bundle prod-incident 2h that you may ask for. Did you mean: /apono request prod-incident for 2h because INC-12"},
		{"request prod-incident 2h INC-12", "", "", "", "There is no bundle prod-incident 2h INC-12 that you may ask for. Did you mean: /apono request prod-incident for 2h because INC-12"},
		{"request prod-incident until friday because INC-12", "", "", "", "There is no bundle prod-incident until friday that you may ask for. Please say for how long, not until when: /apono request prod-incident for 2h because INC-12"},
		{"request prod-incident INC-12 because it burns", "", "", "", "There is no bundle prod-incident INC-12 that you may ask for. Did you mean: /apono request prod-incident because INC-12 it burns"},
		{"revoke", "", "", "", "Please name the request, for example: /apono revoke AR-12"},
		{"revoke everything", "", "", "", "Please name the request, for example: /apono revoke AR-12"},
		{"revoke AR-0", "", "", "", "Please name the request, for example: /apono revoke AR-12"},
		{"revoke ar-99", "", "", "", "You may not end AR-99; its grantee, requestor, approvers and the admins may."},
		{"%s%d <!channel>", "", "", "", "I did not understand %s%d <!channel>."},
		{"help", "", "", "", "What you can type"},
	} {
		a := o.command("alice", tt.text)
		if tt.answer != "" {
			if got := said(a); got != tt.answer && (a.Private == nil || a.Private.Title != tt.answer) || a.Open != nil {
				t.Errorf("%q: %q, want %q", tt.text, got, tt.answer)
			}
			continue
		}
		if a.Private != nil || a.Open == nil {
			t.Errorf("%q: %q, want the form", tt.text, said(a))
			continue
		}
		bundle := ""
		if c := chosen(part(t, a.Open, cards.FieldBundle)); len(c) == 1 {
			bundle = c[0]
		}
		duration, justification := part(t, a.Open, cards.FieldDuration).Value, part(t, a.Open, cards.FieldJustification).Value
		if bundle != tt.bundle || duration != tt.duration || justification != tt.justification {
			t.Errorf("%q: bundle %q, duration %q, justification %q; want %q, %q, %q", tt.text, bundle, duration, justification, tt.bundle, tt.duration, tt.justification)
		}
	}
}

func TestNothingToAskFor(t *testing.T) {
	o := newOffice(t)
	a := o.command("bob", "")
	if a.Open == nil || a.Open.Submit != "" || !strings.HasPrefix(plain(a.Open.Parts[0].Text), "There is nothing you may ask for") {
		t.Errorf("%+v", a.Open)
	}
	if got := said(o.command("bob", "request prod-incident")); got != "There is no bundle prod-incident that you may ask for. At the moment there is none; use the form to choose resources." {
		t.Errorf("%q", got)
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30m": 30 * time.Minute, "2h": 2 * time.Hour, "1h30m": 90 * time.Minute, "1d": 24 * time.Hour, "2w": 14 * 24 * time.Hour, " 2 Hours ": 2 * time.Hour,
		"1 hour 30 minutes": 90 * time.Minute, "1.5": 90 * time.Minute, "3": 3 * time.Hour, "90 mins": 90 * time.Minute, "1hr": time.Hour, "1 week": 7 * 24 * time.Hour,
		"45 secs": 45 * time.Second, "an hour": time.Hour, "A day": 24 * time.Hour, "one week": 7 * 24 * time.Hour, "half an hour": 30 * time.Minute,
		"1,5h": 90 * time.Minute, "1,5": 90 * time.Minute, "half a day": 12 * time.Hour, "1,500h": 0, "half": 0, "an": 0, "a 2 hours": 0, "1 2h": 0, "1 . 5h": 0, "1,5,5h": 0, "2\u00a0days": 48 * time.Hour,
		"": 0, "0": 0, "0h": 0, "-1h": 0, "h": 0, "ever": 0, "1e3": 0, "inf": 0, "NaN": 0, "0x10": 0, "1_0": 0, "5 months": 0, "1ns": 0, "999ms": 0, "2 hours and 3 minutes": 0,
		"99999999999999999999h": 0, "300000w": 0, "%d": 0,
	} {
		got, err := bot.ParseDuration(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
		if err != nil && flows.ErrorCode(err) != flows.CodeInvalid {
			t.Errorf("%q: %v is not for the person", text, err)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"1h30m", "2 weeks", "1.5", "ſ5ß", "\x00", "9999999h", "1h-1m", "day5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := bot.ParseDuration(s)
		if (err == nil) != (d >= time.Second) {
			t.Errorf("%q: %s, %v", s, d, err)
		}
		if err != nil && utf8.RuneCountInString(flows.ErrorMessage(err)) > 300 {
			t.Errorf("%q: a sentence of %d runes", s, utf8.RuneCountInString(flows.ErrorMessage(err)))
		}
	})
}

// FuzzCommand: whatever is typed is answered, and never ends or makes anything.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{"", "request because", "request for for 2h because because", "revoke AR-1", "request \x00\xff for 1h", "request İ because", "requests", "\u202e<!channel>%s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o := newOffice(t)
		a := o.command("alice", text)
		if (a.Private == nil) == (a.Open == nil) {
			t.Errorf("%q: %+v", text, a)
		}
		if a.Open != nil && len(a.Open.State) > 2800 {
			t.Errorf("%q: a state of %d bytes", text, len(a.Open.State))
		}
		if rs := o.requests(); len(rs) != 0 {
			t.Errorf("%q made %d requests", text, len(rs))
		}
	})
}

// TestGreet: who may use the bot is told how, and nobody else.
func TestGreet(t *testing.T) {
	o := newOffice(t)
	card, ok := o.Greet(t.Context(), user("alice"))
	if text := plain(card.Body); !ok || !strings.Contains(text, "Write /apono to ask for something, /apono requests to see what you asked for") {
		t.Errorf("%v, %q", ok, text)
	}
	if _, ok := o.Greet(t.Context(), user("stranger")); ok {
		t.Error("a stranger is greeted")
	}
}
