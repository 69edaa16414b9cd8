// Package ops is what an operator sees: health, metrics, and the control socket
// through which commands such as `bot db backup` reach a bot that runs, because
// the database file belongs to one process.
//
// It knows the store and the workers only through small interfaces and counts.
package ops
