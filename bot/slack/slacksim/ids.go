package slacksim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// idSource makes ids in Slack's shapes. They are unique in a workspace and the same in every run.
type idSource struct {
	n    uint64
	last int64 // microseconds of the last message timestamp
	now  func() time.Time
}

// next returns a prefix and ten characters, as in C012AB3CD4E.
func (s *idSource) next(prefix string) string {
	s.n++
	n := strings.ToUpper(strconv.FormatUint(s.n, 36))
	return prefix + "0" + strings.Repeat("0", max(0, 9-len(n))) + n
}

// ts returns a message timestamp: seconds, a dot, six digits; later than all before it.
func (s *idSource) ts() string {
	now := max(s.now().UnixMicro(), s.last+1)
	s.last = now
	return fmt.Sprintf("%d.%06d", now/1e6, now%1e6)
}

// hex returns n hexadecimal digits that look random.
func (s *idSource) hex(n int) string {
	s.n++
	sum := sha256.Sum256([]byte("slacksim" + strconv.FormatUint(s.n, 10)))
	return hex.EncodeToString(sum[:])[:n]
}

func (s *idSource) uuid() string {
	h := s.hex(32)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

// short returns a block or action id as Slack makes them where the app gave none.
func (s *idSource) short() string { return s.hex(5) }

func (s *idSource) trigger() string {
	s.n++
	return fmt.Sprintf("%d.%d.%s", 8_000_000_000_000+s.n, 1_000_000_000+s.n, s.hex(32))
}
