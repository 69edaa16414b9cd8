// Package slack connects the service to a Slack workspace: Socket Mode in, Web
// API out, Block Kit for what people see.
//
// RenderCard, RenderForm and RenderHome are pure. Client sends: it is a chat.Messenger and says who
// an account is. Adapter receives, over two sockets at once, and calls a chat.Handler.
//
// It promises that a press on a card's button, and a command that acts, is committed
// (Inbox) before Slack is told that it arrived, that a repeat of any delivery is dropped,
// and that what was committed is handled after a restart, and later where it cannot be
// done yet; that a dialog is on the screen before its trigger dies, with its content to
// come where that takes longer; that nothing it draws is refused
// for its size or for what a person typed; that Slack's rate limits are kept, with
// presses and approvers served first, and nothing spent on a trigger that is dead; and that every error is a chat.Error with a kind.
//
// It must not know requests, flows, the store or the other platform. It judges no
// rights: a button names a request and the version that was shown, and the
// service decides at the click.
//
// A home is drawn when somebody opens it and, while they may be looking, after Touch;
// homes that nobody waits for go last. Which are open is forgotten at a restart.
//
// Caveats: a post whose answer was lost may be on the screen (chat.ErrorUnknown);
// PostKeyed and FindPost recognise such a post. Message metadata is readable by
// every member of a channel, so it holds ids only. A form that was opened before a
// restart keeps working, one that was being opened does not: its trigger is gone. A
// press that Slack delivers while the process stops is left to the person, who sees
// Slack's warning. Rate limits are kept per process, so several processes rely on
// Slack's 429 between them.
package slack
