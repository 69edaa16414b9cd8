// Package living keeps the context in which decisions are made: people and
// inventory, read from the integrations on a schedule, as immutable snapshots
// that are swapped as a whole.
//
// A source that fails keeps what it said last; its age and its error can be
// asked for. A source that never answered offers nothing, and the others go on. What
// sources said outlives a restart, so that none of them is needed at the start.
// An answer that knows much less than the one before is held until somebody says
// what it is; see Held. What several sources say of one person is made one; see the
// rules at flows.MergePeople.
// Policy and sources change together, from one moment to the next; a connection
// that is replaced is retired when the last who uses it is done.
// It knows no request and no chat.
package living
