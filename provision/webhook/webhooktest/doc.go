// Package webhooktest is a system at the far end of the custom integration
// protocol: it holds in memory who has what until it is revoked, hands out
// tokens, and answers GET /whoami to whoever shows one.
//
// It is strict. It verifies every signature, refuses what the protocol does not
// know, answers a repeated webhook-id with its first answer, and keeps a list of
// the rules that a caller broke (Violations), so that a test can want it empty.
// It also breaks on order: it fails, hangs or goes away.
//
// It serves over any net.Listener and needs no testing.T, so that a
// demonstration can run it. It is not fit to guard anything real.
package webhooktest
