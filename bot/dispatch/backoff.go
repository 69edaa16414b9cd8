package dispatch

import (
	"hash/fnv"
	"time"
)

// maxRetryAfter bounds how long a target or chat may ask to be left alone: one
// that asks for a day must not keep an access alive for a day.
const maxRetryAfter = 10 * time.Minute

// backoff is a capped exponential series of delays.
type backoff struct{ first, limit time.Duration }

var (
	grantBackoff  = backoff{first: time.Second, limit: 5 * time.Minute}
	revokeBackoff = backoff{first: time.Second, limit: time.Minute} // follows a target that is back within a minute
	chatBackoff   = backoff{first: time.Second, limit: time.Minute}
	auditBackoff  = backoff{first: time.Second, limit: 5 * time.Minute}
)

// delay before the next try, after as many failed ones before this one. Jitter
// takes off up to a quarter; it follows from key and tries, so that tasks which
// failed together do not come back together. A longer asked wins.
func (b backoff) delay(key string, tries int, asked time.Duration) time.Duration {
	d := b.limit
	if tries < 30 {
		d = min(b.limit, b.first<<max(tries, 0))
	}
	h := fnv.New32a()
	h.Write([]byte(key))
	h.Write([]byte{byte(tries), byte(tries >> 8)})
	d -= time.Duration(h.Sum32()%256) * d / 4 / 256
	return max(d, min(asked, maxRetryAfter))
}
