// Package static is the directory that is written into the configuration file:
// people, their groups and managers, and the shifts they are on.
//
// It promises that what it returns is what the file says, in its order, with
// addresses normalized. It reaches nothing, so it cannot fail after the start.
//
// What could lock people out without being wrong is a warning: a manager who is
// nobody, a shift member who is nobody, two people with one address or one chat
// account. Two people who cannot be told apart are refused by flows.Directory,
// both of them; this package does not choose.
//
// The package must not know chat, policy or the store.
package static
