// Package flows is the domain: people, inventory, catalog, evaluation of
// policy, and the state machine of a request.
//
// It is pure. It imports the standard library only, does no I/O, starts no
// goroutine, logs nothing and never reads a clock: every decision takes the
// moment it is made at as an argument. What must happen outside is returned as
// data (Effect), to be stored in the transaction that stores the decision.
//
// Words, one per idea:
//
//	person         somebody in the directory; the e-mail address is the key
//	integration    one connected system, a named instance of a driver
//	unit           one (integration, resource type, resource, permission)
//	bundle         a named list of targets, asked for as a whole or in part
//	flow           who, what, how long, and who approves
//	requestor      who asks; grantee: who gets it
//	approver group people of whom one must approve
//	request        one asking under one flow
//	access group   the part of a request that belongs to one integration
//	decision       one person's approve or deny
//	grant, revoke  make the target agree, make it agree no longer
//
// Two functions carry the weight. Evaluate answers what a submission would mean
// under the policy of this moment, with reasons; the form's hint, the submission
// and the click all call it. Next is the only mutator of a Request.
//
// Caveats: values handed to NewDirectory, NewInventory and NewCatalog must not
// be changed afterwards. Durations and times are half-open, [start, end).
package flows
