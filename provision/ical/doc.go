// Package ical is a source of on-call shifts: iCalendar files (RFC 5545) behind an
// https URL or on disk, as on-call tools publish them.
//
// It promises that who is on a shift is who the calendar names for this moment:
// events that begin at or before it and end after it, recurring ones too, by the
// clock of the event's own time zone. An overridden instance counts instead of the
// one that it replaces; what is cancelled counts for nothing. Attendees are found by
// their mailto address, and names in a summary by the configuration. An event that
// names nobody puts nobody on the shift; the shift is known all the same.
//
// An answer is whole or an error: a calendar that cannot be read, or an event of it
// whose times cannot be understood, is an error of the source, which keeps what it
// said before. A calendar that the server says is unchanged (ETag) is not sent again.
//
// Shifts are read at the sync, so a sync_interval of a minute follows the calendar
// to the minute. The package must not know chat, policy or the store.
package ical
