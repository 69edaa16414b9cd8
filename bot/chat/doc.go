// Package chat is the neutral vocabulary between the service and the chat
// platforms: cards, forms, clicks, accounts. A platform renders what leaves and
// translates what arrives; neither side knows the other.
//
// It is pure: standard library only, no I/O, no clock. Text is a list of spans,
// so escaping is the renderer's business and cannot be forgotten. Labels in cards
// and forms are fixed by the product and never carry markup.
//
// Caveats: a button proves nothing. An Action names a request and the version
// that was shown, never a command or a right.
package chat
