// Package provision is the contract between the service and the systems in
// which access is granted, and the registry of the drivers that fulfil it.
//
// A driver promises that Grant and Revoke are idempotent: each may be repeated
// after a crash, a time-out or an unknown outcome, with the same Grant, and ends
// in the same state. Revoking what is not there is success. A driver removes
// nothing that it did not grant.
//
// A driver must not know requests, policy, chat or the store. It sees a Grant,
// and says what became of it: nil, or an *Error with a kind that tells the caller
// whether to try again. Secrets never appear in errors.
//
// Extra powers are extra interfaces, found by type assertion. provisiontest
// holds the suite that every driver passes.
package provision
