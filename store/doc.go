// Package store is the contract of durable state: what every engine promises,
// the errors they share, and the parts that must not differ between engines
// (ids, the chain of the audit trail, the invariants of a record).
//
// An engine promises:
//
//   - Apply and Submit are the only writers of requests. One transaction reads
//     the record, asks flows.Next, and writes record, indexes, audit events,
//     sealed secrets and tasks. An error writes nothing.
//   - What was acknowledged survives a crash, and what was not may or may not
//     have happened: every call is safe to repeat.
//   - A task is kept until it was done in the revision that was read. Whoever
//     does tasks holds no transaction meanwhile.
//   - The audit trail is appended to and never changed. Events are numbered
//     1, 2, 3, … without gaps, and each holds the hash of the one before.
//
// The callers declare the small interfaces they need; their signatures hold
// types of package flows and built-in ones only, so that nobody but the wiring
// imports this package.
//
// The package must not know chat, drivers, configuration or policy.
//
// Caveat: the chain shows that an event in the middle was changed, removed or
// added. Somebody who can write the file can recompute all hashes from there to
// the end; only a copy elsewhere (the audit channel, an export) shows that.
package store
