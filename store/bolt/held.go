package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
)

// Held lists, each once, the units that live grants of the person in the
// integration want: those whose access group is granting or granted.
func (s *Store) Held(person, integration string) (units []flows.Unit, err error) {
	prefix := appendString(personPrefix(person), integration)
	err = s.view(func(btx *bolt.Tx) error {
		for k, v := range scan(btx.Bucket(bucketHolders), prefix) {
			if len(v) != 1 || v[0] != holderLive {
				continue
			}
			u, ok := cutUnit(k[len(prefix):])
			if !ok {
				return fmt.Errorf("%w: holder key %q", store.ErrCorrupt, bytes.Clone(k))
			}
			u.Integration = integration
			if n := len(units); n == 0 || units[n-1] != u {
				units = append(units, u)
			}
		}
		return nil
	})
	return units, err
}

// cutUnit reads resource type, resource and permission of a holder key.
func cutUnit(rest []byte) (u flows.Unit, ok bool) {
	for _, part := range []*string{&u.ResourceType, &u.Resource, &u.Permission} {
		if *part, rest, ok = cutString(rest); !ok {
			return flows.Unit{}, false
		}
	}
	return u, true
}

// cutString reads what appendString wrote.
func cutString(b []byte) (s string, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return "", nil, false
	}
	end := size + int(n)
	return string(b[size:end]), b[end:], true
}
