// Package bot is the service: commands, clicks and forms in, transitions of
// requests out. It judges identity and rights at the moment of each act, on the
// directory and policy of that moment, and changes a request only through the
// store's Apply.
//
// It knows no platform and no driver. It sees the store and the accounts of the
// platforms through the small interfaces in this package. Cards are not sent from
// here: a transition leaves rows in the outbox, and dispatch draws them.
//
// Caveats: a button names a request and nothing else; what was shown to whom
// proves nothing. Whoever lacks a right learns only that, not the state of the
// request.
package bot
