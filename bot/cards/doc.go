// Package cards draws requests: a record and a moment in, a neutral card or form
// out. It is pure and knows no platform.
//
// Every message of a request is a function of the record as it is now, so that a
// redraw after any change, restart or failed edit always shows the truth. Times
// are spans, drawn in the reader's zone by the platform.
//
// Caveats: text that people typed only ever enters a card as a span or a field
// value, never as part of a format string. Labels are fixed.
package cards
