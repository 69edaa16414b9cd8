// Package bolt keeps the durable state in one bbolt file. It is the engine for
// one process; the file is locked while it is open.
//
// It promises what package store promises. All writes go through one goroutine
// that commits the operations that wait at a moment together: an idle store
// answers after one sync of the disk, a busy one shares each sync. Every
// operation decides before it writes, so that its error or panic is its own; if
// the commit fails, all operations in it get the error and none took effect. What
// Apply decides is decided and encoded beside that goroutine, by deciders, of which there
// are as many as processors, and kept without pointers until it is written.
//
// It must not know chat, drivers, configuration or policy.
//
// Buckets (all numbers big-endian, "str" is a length followed by bytes):
//
//	meta          schema, audit_cursor, audit_posting, gaps, discarded_plan, audit_pruned, audit_pruning, requests_pruned
//	requests      seq -> JSON of the record; the bucket's sequence is the last seq
//	by_state      state 0 seq
//	by_due        nanoseconds id
//	by_person     str(e-mail) seq, for requestor and grantee
//	by_open       str(e-mail) seq, the same while the request is not over
//	by_integration  str(name) seq
//	by_asked      str(e-mail) seq, while the request is pending
//	holders       str(person) str(unit…) grant id -> L, E or R; see Holders
//	tasks         effect key -> task, see tasks.go; the bucket's sequence is the last rev
//	tasks_due     lane 0 priority nanoseconds key -> nanoseconds since
//	posts         post key -> JSON
//	sealed        grant id -> sealed credentials
//	inbox         delivery key -> JSON; inbox_undone, inbox_done: nanoseconds key
//	favorites     str(e-mail) id -> JSON
//	submits       submit key -> JSON of ids; submits_at: nanoseconds key
//	sources       head/name -> JSON of when a source said what; data/name -> what it said
//	reports       name -> JSON of flows.ReportRun
//	drift         integration -> JSON of flows.Drift
//	audit         seq -> the canonical encoding of store.Chain; the bucket's sequence is the last seq
//
// meta's gaps are pairs of numbers: after request number a, the next was b. Restore
// leaves them, so that a number that chat remembers is not given out again where
// that can be known.
//
// meta's audit_pruned is number and hash of the last audit event that Prune removed,
// audit_pruning how far it has said in the trail that it will go, requests_pruned the
// highest number of a request that it removed.
//
// Opening reads no record, whatever their number. Past requests cost disk only.
//
// Caveats:
//
//   - A context that ends while an operation waits takes it back: an error means
//     that nothing was written. One that a commit has begun with is waited for.
//   - Never call the store from within Options.OnCommit other than to read.
//   - Erased credentials leave the live pages with the commit that erases them.
//     The page they were on is free from then on, and its bytes stay on the disk
//     and in backups until it is used again. What is kept is encrypted, and the
//     key is not in the file.
//   - A long read (Backup, Check) keeps pages from being used again, so the file
//     grows while it lasts.
//   - The file never shrinks by itself: what Prune frees is used again. Compact
//     writes it anew.
//   - Times before 1970 and after 2262 are ordered as those years.
package bolt
