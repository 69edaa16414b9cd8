package bolt

import "log/slog"

// maxUnreadable bounds how many rows are remembered. Where there are more, the
// file is beyond passing over single rows.
const maxUnreadable = 10_000

type rowName struct{ bucket, key string }

// passOver notes a row that cannot be read, so that it is logged once, counted in
// Stats, and keeps nobody from reading the others. Check names it.
func (s *Store) passOver(bucket []byte, key string, err error) {
	name := rowName{string(bucket), key}
	s.mu.Lock()
	known := s.unreadable[name] || len(s.unreadable) >= maxUnreadable
	if !known {
		s.unreadable[name] = true
	}
	s.mu.Unlock()
	if known {
		return
	}
	s.lost(slog.String("bucket", name.bucket), slog.String("key", key), slog.Any("error", err))
}

func (s *Store) passedOver(bucket []byte, key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.unreadable) > 0 && s.unreadable[rowName{string(bucket), key}]
}
