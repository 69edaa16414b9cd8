package bot

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// maxFilter bounds the text of a filter: it is carried by a button.
const maxFilter = 500

// activityLine answers "alice@example.com in prod-postgres status active last 7d".
func (s *Service) activityLine(ctx context.Context, w flows.World, p *flows.Person, u chat.User, text string, now time.Time) chat.Answer {
	if !w.IsAdmin(p) {
		return s.refuse(ctx, "activity", flows.Errorf(flows.CodeForbidden,
			"Only admins see what everybody asked for. %s requests lists your own requests.", s.typed(u)))
	}
	a, filter, err := readActivity(w, p, text, now)
	if err != nil {
		return s.refuse(ctx, "activity", err)
	}
	return s.activity(ctx, a, filter, newest, now)
}

// moreActivity turns a page. What the button carries is read like what is typed.
func (s *Service) moreActivity(ctx context.Context, w flows.World, p *flows.Person, c chat.Click, now time.Time) chat.Answer {
	last, err := s.Store.Request(c.Target.Request)
	if flows.ErrorCode(err) == flows.CodeNotFound || !w.IsAdmin(p) {
		return s.activityLine(ctx, w, p, c.User, c.Target.Filter, now)
	}
	if err != nil {
		return s.refuse(ctx, "activity", err)
	}
	a, filter, err := readActivity(w, p, c.Target.Filter, now)
	if err != nil {
		return s.refuse(ctx, "activity", err)
	}
	return s.activity(ctx, a, filter, last.Seq, now)
}

func (s *Service) activity(ctx context.Context, a flows.Activity, filter string, before uint64, now time.Time) chat.Answer {
	some, err := s.Store.Activity(a, before, cards.ListSize+1)
	if err != nil {
		return s.refuse(ctx, "activity", err)
	}
	c := cards.Activity(some[:min(len(some), cards.ListSize)], a, filter, before != newest, len(some) > cards.ListSize, now)
	return chat.Answer{Private: &c}
}

const activityHint = " Please write for example: activity alice@example.com in prod-postgres status active last 7d, or from 2026-01-01 to 2026-01-31."

// activityReader reads a filter, word by word.
type activityReader struct {
	w    flows.World
	zone *time.Location
	now  time.Time
	out  flows.Activity
	said []string // the filter again, in the same form whatever was typed
}

// readActivity reads a filter and returns it in the form in which it is carried on:
// with moments in place of what counts from now.
func readActivity(w flows.World, p *flows.Person, text string, now time.Time) (flows.Activity, string, error) {
	rd := activityReader{w: w, zone: time.UTC, now: now}
	if zone, err := time.LoadLocation(p.TimeZone); err == nil && p.TimeZone != "" {
		rd.zone = zone
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",\"“”„", r) })
	for len(words) > 0 {
		n, err := rd.read(words)
		if err != nil {
			return rd.out, "", err
		}
		words = words[n:]
	}
	if !rd.out.To.IsZero() && !rd.out.From.Before(rd.out.To) {
		return rd.out, "", flows.Errorf(flows.CodeInvalid, "The period ends before it begins.%s", activityHint)
	}
	filter := strings.Join(rd.said, " ")
	if len(filter) > maxFilter {
		return rd.out, "", flows.Errorf(flows.CodeInvalid, "That is too long.%s", activityHint)
	}
	return rd.out, filter, nil
}

// read takes one condition from the beginning of the words, and says how many it is.
func (rd *activityReader) read(words []string) (int, error) {
	word, value := strings.ToLower(words[0]), ""
	if len(words) > 1 {
		value = words[1]
	}
	takes := map[string]func(string) error{
		"person": rd.person, "of": rd.person, "by": rd.person, "for": rd.person, "in": rd.integration, "integration": rd.integration,
		"status": rd.state, "last": rd.last, "from": rd.from, "since": rd.from, "to": rd.to, "until": rd.to,
	}
	if take, ok := takes[word]; ok {
		if value == "" {
			return 0, flows.Errorf(flows.CodeInvalid, "Something is missing after %q.%s", word, activityHint)
		}
		if word == "status" && strings.EqualFold(value, "timed") && len(words) > 2 { // timed out
			return 3, take(value + "_" + words[2])
		}
		if _, err := ParseDuration(value); word == "last" && err == nil && len(words) > 2 { // last 2 weeks
			if _, err := strconv.Atoi(value); err == nil && units[strings.ToLower(words[2])] {
				return 3, take(value + words[2])
			}
		}
		return 2, take(value)
	}
	switch {
	case strings.ContainsAny(word, "@<"):
		return 1, rd.person(words[0])
	case slices.Contains(flows.States(), stateCalled(word)):
		return 1, rd.state(word)
	case rd.known(words[0]) != "":
		return 1, rd.integration(words[0])
	case word == "today":
		return 1, rd.from(word)
	case word == "yesterday":
		return 1, cmp.Or(rd.from(word), rd.to(word))
	case len(peopleCalled(rd.w, words[0])) > 0:
		return 1, rd.person(words[0])
	}
	return 0, flows.Errorf(flows.CodeInvalid, "I did not understand %q.%s", firstRunes(words[0], 80), activityHint)
}

func (rd *activityReader) once(given bool, what string) error {
	if given {
		return flows.Errorf(flows.CodeInvalid, "There are two %s; please name one.", what)
	}
	return nil
}

// mention is how Slack writes @alice where it knows whom that means.
var mention = regexp.MustCompile(`^<@([A-Z0-9]+)(?:\|[^>]*)?>$`)

// person takes an address, also of somebody who has left, a mention, or a name.
func (rd *activityReader) person(text string) error {
	if err := rd.once(rd.out.People != nil, "people"); err != nil {
		return err
	}
	p, err := personCalled(rd.w, text)
	switch {
	case err == nil:
		rd.out.People = append([]string{p.Email}, p.Aliases...)
	case strings.Contains(strings.Trim(text, "@"), "@") && flows.ErrorCode(err) == flows.CodeNotFound:
		rd.out.People = []string{flows.NormalizeEmail(text)}
	default:
		return err
	}
	rd.said = append(rd.said, "person "+rd.out.People[0])
	return nil
}

// personCalled finds somebody by a mention, an address, a name, or a first name.
func personCalled(w flows.World, text string) (*flows.Person, error) {
	if m := mention.FindStringSubmatch(text); m != nil {
		p, err := w.People.BySlackID(m[1])
		if err != nil {
			return nil, flows.Errorf(flows.CodeInvalid, "I cannot tell whose account that is. Please write the e-mail address.")
		}
		return p, nil
	}
	name := strings.TrimPrefix(text, "@")
	if strings.Contains(name, "@") {
		return w.People.ByEmail(name)
	}
	found := peopleCalled(w, name)
	switch {
	case len(found) == 0:
		return nil, flows.Errorf(flows.CodeInvalid, "I know nobody called %q. Please write the e-mail address.", firstRunes(name, 80))
	case len(found) > 1:
		return nil, flows.Errorf(flows.CodeInvalid, "%d people are called %q. Please write the e-mail address.", len(found), firstRunes(name, 80))
	}
	return found[0], nil
}

// peopleCalled are those with a name or with the part of an address before the @ and,
// where there are none, those with a first name.
func peopleCalled(w flows.World, name string) (found []*flows.Person) {
	var first []*flows.Person
	for _, p := range w.People.Everybody() {
		local, _, _ := strings.Cut(p.Email, "@")
		if strings.EqualFold(p.Name, name) || strings.EqualFold(local, name) {
			found = append(found, p)
		}
		if given, _ := firstWord(p.Name); strings.EqualFold(given, name) {
			first = append(first, p)
		}
	}
	if len(found) == 0 {
		return first
	}
	return found
}

// known is the integration with a name, without case, and else empty.
func (rd *activityReader) known(name string) string {
	for _, have := range rd.w.Inventory.Integrations() {
		if strings.EqualFold(have, name) {
			return have
		}
	}
	return ""
}

var integrationName = regexp.MustCompile(`^[\pL\pN_-]+$`)

// integration takes any name: past requests know integrations that are gone.
func (rd *activityReader) integration(name string) error {
	if err := rd.once(rd.out.Integration != "", "integrations"); err != nil {
		return err
	}
	if have := rd.known(name); have != "" {
		name = have
	}
	if !integrationName.MatchString(name) {
		return flows.Errorf(flows.CodeInvalid, "%q is not the name of an integration.%s", firstRunes(name, 80), activityHint)
	}
	rd.out.Integration = name
	rd.said = append(rd.said, "in "+name)
	return nil
}

func stateCalled(text string) flows.State {
	return flows.State(strings.ReplaceAll(strings.ToLower(text), "-", "_"))
}

func (rd *activityReader) state(text string) error {
	if err := rd.once(rd.out.State != "", "statuses"); err != nil {
		return err
	}
	state := stateCalled(text)
	if !slices.Contains(flows.States(), state) {
		var names []string
		for _, s := range flows.States() {
			names = append(names, string(s))
		}
		return flows.Errorf(flows.CodeInvalid, "There is no status %q; there are %s.", firstRunes(text, 80), strings.Join(names, ", "))
	}
	rd.out.State = state
	rd.said = append(rd.said, "status "+string(state))
	return nil
}

// units may stand in a word of their own.
var units = map[string]bool{"hours": true, "hour": true, "days": true, "day": true, "weeks": true, "week": true, "d": true, "h": true, "w": true}

// periods are lengths that are said without a number.
var periods = map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 30 * 24 * time.Hour, "year": 365 * 24 * time.Hour}

func (rd *activityReader) last(text string) error {
	d, known := periods[strings.ToLower(text)]
	if !known {
		var err error
		if d, err = ParseDuration(text); err != nil {
			return err
		}
	}
	if err := rd.once(!rd.out.From.IsZero(), "beginnings"); err != nil {
		return err
	}
	rd.begin(rd.now.Add(-d))
	return nil
}

func (rd *activityReader) begin(at time.Time) {
	rd.out.From = at.Truncate(time.Second)
	rd.said = append(rd.said, "from "+rd.out.From.In(rd.zone).Format(time.RFC3339))
}

func (rd *activityReader) from(text string) error {
	at, _, err := rd.moment(text)
	if err != nil {
		return err
	}
	if err := rd.once(!rd.out.From.IsZero(), "beginnings"); err != nil {
		return err
	}
	rd.begin(at)
	return nil
}

// to takes a moment, or a day, which belongs to the period.
func (rd *activityReader) to(text string) error {
	at, day, err := rd.moment(text)
	if err != nil {
		return err
	}
	if err := rd.once(!rd.out.To.IsZero(), "ends"); err != nil {
		return err
	}
	if day {
		at = at.AddDate(0, 0, 1)
	}
	rd.out.To = at
	rd.said = append(rd.said, "to "+at.In(rd.zone).Format(time.RFC3339))
	return nil
}

func (rd *activityReader) moment(text string) (at time.Time, day bool, err error) {
	y, m, d := rd.now.In(rd.zone).Date()
	switch strings.ToLower(text) {
	case "today":
		return time.Date(y, m, d, 0, 0, 0, 0, rd.zone), true, nil
	case "yesterday":
		return time.Date(y, m, d-1, 0, 0, 0, 0, rd.zone), true, nil
	}
	if at, err := time.ParseInLocation(time.DateOnly, text, rd.zone); err == nil {
		return at, true, nil
	}
	if at, err := time.Parse(time.RFC3339, strings.ToUpper(text)); err == nil {
		return at, false, nil
	}
	return at, false, flows.Errorf(flows.CodeInvalid, "%q is not a day such as 2026-01-31.", firstRunes(text, 80))
}
