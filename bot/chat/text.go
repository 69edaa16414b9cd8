package chat

import "time"

// SpanKind says how a span is drawn.
type SpanKind string

// Span kinds.
const (
	SpanText   SpanKind = "text"   // plain; user text is always this or SpanCode
	SpanBold   SpanKind = "bold"   // plain text, drawn bold
	SpanCode   SpanKind = "code"   // literal, monospaced, one line
	SpanPerson SpanKind = "person" // Text is the name, Email the address; drawn as "Name (address)", never as a mention that notifies
	SpanTime   SpanKind = "time"   // At, drawn in the reader's time zone
	SpanLink   SpanKind = "link"   // Text leading to URL, which the service made, not a user
)

// Span is a run of text of one kind.
type Span struct {
	Kind  SpanKind  `json:"kind"`
	Text  string    `json:"text,omitempty"`
	Email string    `json:"email,omitempty"`
	At    time.Time `json:"at,omitzero"`
	URL   string    `json:"url,omitempty"`
}

// Text is what a person reads. A line break is a "\n" in a SpanText.
type Text []Span

// T makes plain text.
func T(s string) Text { return Text{{Kind: SpanText, Text: s}} }

// Plain makes one plain span.
func Plain(s string) Span { return Span{Kind: SpanText, Text: s} }

// Bold makes one bold span.
func Bold(s string) Span { return Span{Kind: SpanBold, Text: s} }

// Code makes one literal span.
func Code(s string) Span { return Span{Kind: SpanCode, Text: s} }

// Person makes a span that names a person.
func Person(name, email string) Span { return Span{Kind: SpanPerson, Text: name, Email: email} }

// At makes a span that shows a moment in the reader's time zone.
func At(t time.Time) Span { return Span{Kind: SpanTime, At: t} }
