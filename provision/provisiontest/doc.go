// Package provisiontest holds the suite that every driver passes, and a proxy
// that breaks the way between a driver and its target.
//
// Conform proves what package provision promises: grants and revokes may be
// repeated in any state and from a new process, an end takes away what was
// granted and nothing else, errors have a kind and hold no secret, and names
// are data. The target is always looked at past the driver (Harness.Holds), so a
// driver cannot pass by believing itself.
//
// Only what one target can be made to do is proven. How a driver speaks to its
// target, its limits and its vendor's errors are for the driver's own tests.
package provisiontest
