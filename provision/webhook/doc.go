// Package webhook connects any system that speaks the custom integration
// protocol: signed JSON over HTTPS, one URL, seven event types.
//
// # Order
//
// A grant calls create-credentials once per resource type, then grant-access
// once per type and permission. The end calls revoke-access once per type and
// permission, then delete-credentials once per type. A step that fails ends the
// act, and the repeat starts again at the first step; but a refused revoke-access
// does not keep the others from being tried, and credentials are deleted only
// where nothing was left.
//
// # Identity of a call
//
// A receiver throws repeats away by webhook-id, so an id must never cover two
// acts. Grant id, event and units do not tell acts apart: one grant may give,
// take, and give the same unit again, and a receiver that took the second
// revoke-access for a repeat of the first would leave the access in place for
// ever. So the id is drawn from provision.Grant.Call and the body where the
// service says which act this is, and then a repeat after a crash carries the id
// that the first try had. Where Call is empty each call has a new random id,
// which the protocol makes safe: granting what is granted and revoking what is
// gone answer ok. Within one call every try has the same id, and a timestamp and
// signature of its own.
//
// # Shared
//
// The system at the far end knows people and not grants, so grants are Shared:
// the service passes in Grant.Items only what nobody else holds on to. One
// resource may have two permissions that end at different times; its credentials
// are deleted with the last one, for which the service says in Grant.Held what
// lives on.
//
// # Identity of the system
//
// The protocol has no word for which system answers, so it is named by the URL
// without its query, or by `identity` where that is set. When a system moves, its
// old URL goes there: else what was granted under the old one is not revoked, but
// refused and raised, since another system's word means nothing.
//
// # Outcomes
//
// Tried again within a call, at most three times: 408, 429, 5xx, and connections
// that fail, break off or time out. A wait that a Retry-After asks for and that
// is longer than a few seconds is left to the caller. An error is refused only
// where the system understood the call and said no: {"status": "error"} without
// retry, or another status from 300 on. What cannot be understood is unknown.
//
// Redirects are followed within scheme and host, where the method stays (307,
// 308). The answer is read to 1 MiB.
//
// # Credentials
//
// All fields are secret but those that name an account or a place: username,
// user, login, host, hostname, port, database. Instructions that hold a secret
// are handed over as a secret field.
//
// The package must not know requests, policy or chat. custom_parameters go to
// the receiver as they are, and are no place for secrets.
package webhook
