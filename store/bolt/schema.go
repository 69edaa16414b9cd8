package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
)

var (
	bucketMeta          = []byte("meta")
	bucketRequests      = []byte("requests")
	bucketByState       = []byte("by_state")
	bucketByDue         = []byte("by_due")
	bucketByPerson      = []byte("by_person")
	bucketByIntegration = []byte("by_integration")
	bucketByAsked       = []byte("by_asked")
	bucketHolders       = []byte("holders")
	bucketTasks         = []byte("tasks")
	bucketTasksDue      = []byte("tasks_due")
	bucketPosts         = []byte("posts")
	bucketSealed        = []byte("sealed")
	bucketInbox         = []byte("inbox")
	bucketInboxUndone   = []byte("inbox_undone")
	bucketInboxDone     = []byte("inbox_done")
	bucketSubmits       = []byte("submits")
	bucketSubmitsAt     = []byte("submits_at")
	bucketAudit         = []byte("audit")
	bucketContacts      = []byte("contacts")
	bucketByOpen        = []byte("by_open")
	bucketFavorites     = []byte("favorites")
	bucketReports       = []byte("reports")
	bucketSources       = []byte("sources")
	bucketDrift         = []byte("drift")
	bucketDelegations   = []byte("delegations") // by the address of who handed over
)

var buckets = [][]byte{
	bucketMeta, bucketRequests, bucketByState, bucketByDue, bucketByPerson, bucketByIntegration, bucketByAsked, bucketHolders,
	bucketTasks, bucketTasksDue, bucketPosts, bucketSealed, bucketInbox, bucketInboxUndone, bucketInboxDone,
	bucketSubmits, bucketSubmitsAt, bucketAudit, bucketContacts, bucketByOpen, bucketFavorites, bucketSources,
	bucketReports, bucketDrift, bucketDelegations,
}

// placeOf is the index in buckets of one of the names above. It goes by address, not by text.
func placeOf(name []byte) uint8 {
	for i := range buckets {
		if &buckets[i][0] == &name[0] {
			return uint8(i)
		}
	}
	panic("no bucket of the schema: " + string(name) + " (this is a bug)")
}

var (
	metaSchema       = []byte("schema")
	metaAuditCursor  = []byte("audit_cursor")
	metaAuditPosting = []byte("audit_posting")
	// When the audit channel was told the head last; see Anchor.
	metaAuditAnchored = []byte("audit_anchored")
	metaGaps          = []byte("gaps")
	metaDiscarded     = []byte("discarded_plan")
	// What retention removed; see Prune.
	metaAuditPruned    = []byte("audit_pruned")
	metaAuditPruning   = []byte("audit_pruning")
	metaRequestsPruned = []byte("requests_pruned")
)

// migrations bring the schema from their index to the next number. One that was
// released is never changed.
var migrations = []func(*bolt.Tx) error{
	createBuckets,
	grantIDsWithStamps,
	createBuckets, // contacts
	countEvents,   // and keeps out programs that miss what retention removed
	indexOpen,     // by_open, favorites
	createBuckets, // sources
	indexIntegrations,
	createBuckets, // reports
	createBuckets, // drift
	createBuckets, // delegations
}

// grantIDsWithStamps keeps older programs out: they would not understand the ids of
// grants that are made from now on. What is there stays as it is.
func grantIDsWithStamps(*bolt.Tx) error { return nil }

// indexOpen fills by_open. What cannot be read is in no index, as everywhere.
func indexOpen(tx *bolt.Tx) error {
	if err := createBuckets(tx); err != nil {
		return err
	}
	open := tx.Bucket(bucketByOpen)
	for _, state := range flows.States() {
		if state.Terminal() {
			continue
		}
		prefix := statePrefix(state)
		for k := range scan(tx.Bucket(bucketByState), prefix) {
			r, err := getRequest(tx, store.ID(binary.BigEndian.Uint64(k[len(prefix):])))
			if err != nil {
				continue
			}
			for _, row := range rowsOf(&r) {
				if !bytes.Equal(row.bucket, bucketByOpen) {
					continue
				}
				if err := open.Put(row.key, row.value); err != nil {
					return fmt.Errorf("index %s: %w", r.ID, err)
				}
			}
		}
	}
	return nil
}

func createBuckets(tx *bolt.Tx) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return fmt.Errorf("create bucket %s: %w", name, err)
		}
	}
	return nil
}

// migrate runs what the schema lacks, each step with its number in a transaction
// of its own, so that a crash leaves a whole schema.
func migrate(db *bolt.DB, path string, readOnly bool, steps []func(*bolt.Tx) error) error {
	have, err := schemaOf(db, path)
	if err != nil {
		return err
	}
	want := uint64(len(steps))
	switch {
	case have > want:
		return &store.OpenError{Path: path, Kind: store.ErrSchemaNewer, Err: fmt.Errorf("schema %d, this version knows %d", have, want)}
	case have < want && readOnly:
		return &store.OpenError{Path: path, Kind: store.ErrSchemaOlder, Err: fmt.Errorf("schema %d, this version needs %d", have, want)}
	}
	for ; have < want; have++ {
		err := guard(func() error {
			return db.Update(func(tx *bolt.Tx) error {
				if err := steps[have](tx); err != nil {
					return err
				}
				meta, err := tx.CreateBucketIfNotExists(bucketMeta)
				if err != nil {
					return err
				}
				return meta.Put(metaSchema, binary.BigEndian.AppendUint64(nil, have+1))
			})
		})
		if err != nil {
			return &store.OpenError{Path: path, Err: fmt.Errorf("migrate it to schema %d: %w", have+1, err)}
		}
	}
	return nil
}

func schemaOf(db *bolt.DB, path string) (version uint64, err error) {
	err = guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			meta := tx.Bucket(bucketMeta)
			if meta == nil {
				if k, _ := tx.Cursor().First(); k != nil {
					return store.ErrForeign
				}
				return nil
			}
			v := meta.Get(metaSchema)
			if len(v) != 8 {
				return store.ErrForeign
			}
			version = binary.BigEndian.Uint64(v)
			for _, name := range buckets {
				if version == uint64(len(migrations)) && tx.Bucket(name) == nil {
					return fmt.Errorf("%w: it lacks %s", store.ErrCorrupt, name)
				}
			}
			return nil
		})
	})
	switch {
	case errors.Is(err, store.ErrForeign):
		return 0, &store.OpenError{Path: path, Kind: store.ErrForeign}
	case err != nil:
		return 0, &store.OpenError{Path: path, Kind: store.ErrCorrupt, Err: err}
	}
	return version, nil
}
