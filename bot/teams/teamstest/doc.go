// Package teamstest is a Microsoft Teams tenant in memory: the token service, the
// signing keys and the Bot Connector that a bot talks to, and the people who talk
// to the bot.
//
// It promises to be at least as strict as Teams where Teams is documented: tokens
// are checked, cards are validated, sizes and rates are counted, messages go only
// to people who have the app and channels that have it, invokes have five seconds,
// and a dialog exists only after an answer that opens one. What the bot does wrong is
// collected (Violations) even where Teams would only shrug. People see what Teams
// would show them: their own chats, dialogs and toasts.
//
// It knows nothing of this project but HTTP. It runs inside testing/synctest
// bubbles: it listens on an in-memory pipe, and the bot is called as an http.Handler.
//
// Caveats: one connector, one region. Rendering is text; what a card looks like is
// not judged here.
package teamstest
