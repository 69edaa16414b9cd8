// Package slack is a source of people: the members and user groups of a Slack
// workspace, with their time zones. It grants nothing and sends no message.
//
// It promises that an answer is whole or an error: all pages of users.list and
// usergroups.list, however long Slack makes the bot wait between them (429), within
// Patience. People are known by the address of their profile, and only where Slack
// has confirmed it. A deactivated account is a disabled person; a guest is a person
// whose attribute slack_account says so; bots, apps, and people of other workspaces
// in shared channels are nobody.
//
// It binds no chat account to a person: who presses a button is judged by the
// confirmed address of that moment. Nothing that people write about themselves, such
// as their title, becomes an attribute. User groups are named with an @ in front, so
// that whoever may edit them makes nobody a member of a group of another source; see
// group_prefix in docs/sources.md.
//
// The package must not know chat, policy or the store. Package bot/slack is the bot's
// own way to Slack, and has nothing to do with this one.
package slack
