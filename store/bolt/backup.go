package bolt

import (
	"fmt"
	"io"

	bolt "go.etcd.io/bbolt"
)

// Backup writes a copy of the database as it is at this moment. The store stays
// in use meanwhile.
func (s *Store) Backup(w io.Writer) error {
	return s.view(func(btx *bolt.Tx) error {
		if _, err := btx.WriteTo(w); err != nil {
			return fmt.Errorf("copy the database: %w", err)
		}
		return nil
	})
}
