// Package teams connects the service to one Microsoft Teams tenant: the Bot
// Framework in and out, Adaptive Cards for what people see.
//
// RenderCard and RenderForm are pure. Client sends: it is a chat.Messenger and says
// who an account is. Adapter is an http.Handler for /api/messages and calls a
// chat.Handler.
//
// It promises that nothing of a request is looked at before its token is found
// good (issuer, audience, time, signature by a key endorsed for Teams, service URL,
// tenant); that a press on a card's button is committed (Inbox) before it is
// answered, that a repeat gets the same answer and changes nothing, and that what
// was committed is handled after a restart; that tokens of the bot go to the hosts
// on a list alone; that nothing it draws is refused for its size or for what a
// person typed; that Teams' rate limits are kept, with
// approvers served first; and that every error is a
// chat.Error with a kind. Nothing of a request's content reaches the log.
//
// It must not know requests, flows, the store or the other platform. It judges no
// rights: a button names a request and the version that was shown, and the service
// decides at the click. What a card was drawn for whom proves nothing.
//
// Of github.com/infracloudio/msbotbuilder-go it uses the schema and
// core.BotFrameworkAdapter with its own validator and client put in, never the
// constructors: the validator of that library accepts tokens without an expiry and
// ignores endorsements, and its client knows no tenants, no time-outs and no ids.
//
// Caveats: people can be written to once they, or an admin for them, have installed
// the app. A dialog has no live changes in Teams: the form is drawn anew when Submit
// is pressed on choices that bring further fields. A post whose answer was lost may
// be on the screen (chat.ErrorUnknown) and cannot be found again. Rate limits are
// kept per process.
package teams
