package slack

import "apono/bot/chat"

// Slack's limits. Slack counts characters; here they are counted in UTF-16 units,
// the larger count where the two differ (emoji), so that nothing is refused.
//
// https://docs.slack.dev/reference/block-kit/blocks
// https://docs.slack.dev/reference/block-kit/block-elements
// https://docs.slack.dev/reference/views
const (
	maxHeader          = 150
	maxTextObject      = 3000
	maxMessageBlocks   = 50
	maxViewBlocks      = 100
	maxActionsElements = 25
	maxContextElements = 10
	maxButtonText      = 75
	maxButtonValue     = 2000
	maxOverflowOptions = 5
	maxOptionText      = 75
	maxOptionValue     = 150
	maxOptions         = 100 // in a menu, in a group of options, and in an answer to a search
	maxCheckboxes      = 10
	maxPlaceholder     = 150
	maxInputLabel      = 150 // Slack takes 2000; a view has to stay below its size
	maxInputHint       = 300 // likewise
	maxInputLength     = 3000
	maxURL             = 3000
	maxViewTitle       = 24
	maxPrivateMetadata = 3000
	maxConfirmTitle    = 100
	maxConfirmText     = 300
	maxConfirmButton   = 30
	maxIdentifier      = 255 // block_id, action_id, callback_id

	// maxMessageSize is how large the JSON of a message's blocks may grow, in
	// characters. Slack refuses longer messages with msg_blocks_too_long; the
	// limit and what it counts are not documented and differ between block types
	// (about 12,000 to 13,200, containers included), so the smallest is kept.
	maxMessageSize = 12_000
	// maxViewSize is below the documented 250 KB of a view, in bytes.
	maxViewSize = 240_000
	// maxAck is the size at which Slack drops an answer over the socket in silence.
	maxAck = 20 * 1024
)

// marker ends a text that was cut.
const marker = chat.Marker

// length counts as Slack does, never less.
func length(s string) int { return chat.Length(s) }

// cut shortens s to at most n characters, the marker included, between two runes.
func cut(s string, n int) (string, bool) { return chat.Cut(s, n) }

// literal removes from s what would let it act on the text around it. No more comes
// back than Slack would show of it anywhere, and one character.
func literal(s string) string { return chat.Literal(s, maxTextObject) }

// line is literal on one line.
func line(s string) string { return chat.Line(s, maxTextObject) }
