// Package sweep runs what must happen because time passes: requests time out and
// expire, overdue revokes are raised, credentials nobody looked at are erased,
// handled deliveries are forgotten. Rights makes the job that ends the access of
// those who lost the right to it, Delegations the one that follows who stands in for
// whom; other jobs can be added.
//
// It promises:
//
//   - A sweep works from stored times, never from ticks: whatever fell due while
//     the bot was down, or while the clock was wrong, is found by the next look.
//   - RunNow, called before chat is connected, ends what fell due while down.
//   - A job never runs beside itself, and one that panics runs again.
//   - A sweep looks with a read, and writes only what is due. One request that
//     cannot be moved does not hold up the others.
//
// It must not know policy, chat, drivers or stores: what is due, and what that
// means, flows.Next decides, and who has lost a right flows.World.Lost.
//
// Caveat: specs of jobs should be intervals ("@every 1h"). They count on the
// monotonic clock; a spec of wall-clock fields is late after the clock was set
// back, and skips what it was set over.
package sweep
