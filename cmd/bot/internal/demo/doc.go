// Package demo shows a simulated Slack workspace in a browser as Slack shows it, and beside it what really happens: the
// target, the requests as the bot has them, the audit channel, and what Slack refused.
//
// # What it promises
//
// What is clicked and typed goes through slacksim.Person, which lets people do what Slack's clients let them do, and
// nothing else. Nothing on the page is made up: messages and dialogs are the JSON that the bot sent, drawn here; the panel
// asks the target and the store; a step of the guide is ticked off when what it asks for has happened.
//
// The page needs nothing from outside this machine. Whatever people and the bot write is data: it is escaped by
// html/template, links open only over http, https and mailto, and pictures are not loaded. The server answers requests to
// loopback names only, against pages that rebind their DNS name, and takes orders from its own page only.
//
// # What it must not know
//
// The bot, its store and its policy: the caller hands in a workspace and a few functions.
//
// # How it works
//
// The address holds who is looked at, and where: /?who=U0ALICE001&at=C0GENERAL1. The server renders the regions of the
// page for such an address; an event stream sends those again that changed, and the script puts them into the page
// without touching what is being typed. Orders are posted to /act and /time.
package demo
