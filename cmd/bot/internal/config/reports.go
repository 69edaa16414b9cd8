package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"apono/flows"
)

// Schedule is when a report is due.
func (r ScheduledReport) Schedule() (cron.Schedule, error) {
	return cron.ParseStandard("CRON_TZ=" + r.TimeZone + " " + r.Cron)
}

// reportName goes into the name of a file.
var reportName = regexp.MustCompile(`^[\pL\pN][\pL\pN _.-]{0,79}$`)

func (l *loader) reports(s fileShape, c *Config) {
	if !written(s.Reports) {
		return
	}
	var shapes []reportShape
	decoder{p: l.p, secrets: l.secrets, strict: true}.into(s.Reports, &shapes, "reports")
	for i, shape := range shapes {
		c.Reports = append(c.Reports, l.report(shape, itemPath("reports", i), c))
	}
	if len(shapes) > 0 && c.Slack.BotToken == "" && !written(s.Slack) {
		l.p.fail("reports", "no_slack", "reports are delivered in Slack, and there is none", "add a section slack")
	}
}

func (l *loader) report(s reportShape, path string, c *Config) ScheduledReport {
	r := ScheduledReport{
		Name: s.Name, Cron: s.Cron, TimeZone: s.TimeZone, Format: s.Format, Users: s.Filter.Users, Integrations: s.Filter.Integrations,
		Period: or(s.Period, 0), Channel: s.Channel, Person: flows.NormalizeEmail(s.Person),
	}
	if r.Format == "" {
		r.Format = "csv"
	}
	if r.TimeZone == "" {
		r.TimeZone = "UTC"
	}
	bad := func(key, code, message, hint string) { l.p.fail(path+key, code, message, hint) }
	switch {
	case !reportName.MatchString(r.Name):
		bad("", "invalid_name", fmt.Sprintf("%q is no name for a report", r.Name), "at most 80 letters, digits, spaces, '.', '-' and '_'")
	case slices.ContainsFunc(c.Reports, func(o ScheduledReport) bool { return o.Name == r.Name }):
		bad(".name", "duplicate_name", fmt.Sprintf("there are two reports %q", r.Name), "give each a name of its own")
	}
	if issue := choice(r.Format, "format", "csv", "jsonl"); issue != nil {
		bad(".format", issue.Code, issue.Message, issue.Hint)
	}
	if _, err := time.LoadLocation(r.TimeZone); err != nil || r.TimeZone == "Local" {
		bad(".time_zone", "invalid_time_zone", fmt.Sprintf("%q is not a time zone", r.TimeZone), "an IANA name such as Europe/Berlin, or UTC")
	} else if _, err := r.Schedule(); err != nil || strings.ContainsAny(r.Cron, "@=") {
		bad("", "invalid_cron", fmt.Sprintf("%q is not a schedule", r.Cron), `five fields: minute, hour, day, month, weekday, as in "0 8 * * mon"`)
	}
	if (r.Channel == "") == (r.Person == "") {
		bad("", "no_recipient", "a report goes to a channel or to a person", `write channel: "#name" or person: an e-mail address`)
	}
	for i, text := range s.Filter.Statuses {
		kind := flows.FactKind(text)
		if !slices.Contains(flows.FactKinds(), kind) {
			bad(itemPath(".filter.statuses", i), "unknown_value", fmt.Sprintf("unknown status %q", text), "asked, approved, granted, denied, expired, revoked, …")
		}
		r.Statuses = append(r.Statuses, kind)
	}
	return r
}
