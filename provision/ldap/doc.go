// Package ldap is a directory of people and groups in an LDAP server, such as
// OpenLDAP, 389 Directory Server or Active Directory.
//
// It promises that an answer is whole or an error: one that the server cuts off, at
// a limit or because it goes away between two pages, is an error, so that nobody is
// taken for gone who was on a later page. The values that Active Directory answers in
// ranges are read to the last; where they move meanwhile, that is an error as well.
//
// # People and groups
//
// People are the entries below people.base that meet people.filter and have an
// e-mail address; of several addresses the first is the key and the others are
// aliases. The manager is found by the DN that the manager attribute holds. Whoever
// meets people.disabled, which the server judges, is disabled.
//
// Membership is read from the groups: by DN (member, uniqueMember) or by user name
// (memberUid). groups.nested counts the members of groups in groups as well, each
// once, whatever loops there are. Every group that is found is known, also one
// without a member among the people. Two groups of one name are one.
//
// # Connection
//
// The password is sent over TLS only: ldaps, or ldap with start_tls. Plain ldap is
// for loopback, in tests and beside a TLS tunnel. Filters are the operator's; no text
// of a person becomes part of a filter. Referrals are not followed. Results come in
// pages (RFC 2696), and a server that does not page is asked in one. OpenLDAP counts
// all pages against the limit of the account: size.prtotal of olcLimits lifts it
// (https://www.openldap.org/doc/admin26/limits.html).
//
// The package must not know chat, policy or the store.
package ldap
