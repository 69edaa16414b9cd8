// Package dispatch does what the store says must happen: it makes targets agree
// with access groups, chat messages agree with requests, and the audit channel
// agree with the audit trail.
//
// It promises:
//
//   - Act, then record, then strike the task off. No transaction is open while a
//     target or a chat is asked. A crash anywhere repeats the act, and every act
//     is safe to repeat. A chat message whose first post may have gone through is
//     looked for before it is posted again, where the messenger is Keyed; a
//     message in the audit channel alone may show twice.
//   - Tasks say what to look at, not what to do. What is done follows from the
//     record at the moment of doing, so a task that is late does no harm.
//   - No task runs twice at once, and no two acts for one person in one
//     integration do.
//   - A grant is begun only while its request is approved and GrantDeadline has
//     not passed. A revoke is tried until the target confirms.
//   - One integration that hangs leaves room for the others.
//   - A message that nobody has seen yet never waits behind redraws, nor does one that
//     offers what can only be pressed in vain behind one that only reads old, nor an
//     approver's card behind messages to others. However many wait for one person's chat,
//     those to everybody else do not wait for them. Redraws of one
//     message are a second apart, wait a second for a request that is on its way to
//     another state, and show it as it is when the platform takes them, if the
//     messenger is a Redrawer. What is shown already is not sent.
//   - A message that nobody has seen yet is not sent once it only announces what is over:
//     that an end is near, or that somebody waits.
//
// It must not know policy, stores, drivers or platforms: it sees the interfaces
// it declares, and the contract of provision.
//
// Secret fields of credentials are sealed as one JSON list, in the driver's order:
//
//	[{"name":"password","value":"…"}]
//
// Post.Shows is the hash of the card last shown. "!posting" says that a first post
// was begun, "!over" that what it would have announced was over before; another one that
// begins with "!" says that the message could not be shown, and that the operator was told.
//
// Caveats: a driver or messenger that ignores its context holds its place in the
// worker until it returns. Locks are held in this process only: two processes
// must not run the same lane over the same tasks.
package dispatch
