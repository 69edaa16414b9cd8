package bolt

import (
	"context"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
)

// Holders says which grants stand behind one unit of a person at the target.
//
// live are the grants that want it: their access group is granting or granted.
// released are grants that are over, but whose unit was left at the target
// because others held it too; whoever revokes the unit for good must revoke it
// for them as well, and name them to ApplyGone. Grants that are being revoked at
// this moment are in neither.
func (s *Store) Holders(person string, u flows.Unit) (live, released []string, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		for _, h := range holdersOf(btx, person, u) {
			switch h.state {
			case holderLive:
				live = append(live, h.grant)
			case holderReleased:
				released = append(released, h.grant)
			}
		}
		return nil
	})
	return live, released, err
}

type holder struct {
	grant string
	state byte
	key   []byte
}

func holdersOf(btx *bolt.Tx, person string, u flows.Unit) []holder {
	var out []holder
	prefix := unitPrefix(person, u)
	for k, v := range scan(btx.Bucket(bucketHolders), prefix) {
		h := holder{grant: string(k[len(prefix):]), key: slices.Clone(k)}
		if len(v) == 1 {
			h.state = v[0]
		}
		out = append(out, h)
	}
	return out
}

// ApplyGone applies EventGone to the access group of an integration.
//
// kept are the units of the group that were left at the target because another
// grant of the grantee holds them; they stay on record as released. released are
// the grant ids, from Holders, for which the other units were revoked along with
// this one; their records of those units go.
//
// store.ErrStale: a unit in kept has no other holder by now, or a unit that is
// not kept has a released grant that is not named and nobody else would revoke.
func (s *Store) ApplyGone(ctx context.Context, now time.Time, id, integration string, kept []flows.Unit, released []string) (flows.Request, error) {
	ev := flows.Event{Kind: flows.EventGone, Integration: integration, Kept: len(kept) > 0}
	return s.apply(ctx, now, id, ev, func(t *tx, st *step) error { return t.part(st, integration, kept, released) })
}

// part has a step do what release says, and nothing that it said before.
func (t *tx) part(st *step, integration string, kept []flows.Unit, released []string) error {
	var err error
	st.kept, st.dropped, err = t.release(&st.to, integration, kept, released)
	return err
}

// applyDeclared applies EventConfirmGone. No target was asked: what another grant
// holds too is on record as left to it, and with the last holder goes what the
// earlier ones left.
func (s *Store) applyDeclared(ctx context.Context, now time.Time, id string, ev flows.Event) (flows.Request, error) {
	return s.apply(ctx, now, id, ev, func(t *tx, st *step) error {
		g, ok := st.to.Group(ev.Integration)
		if !ok {
			return fmt.Errorf("%s has nothing in %s", id, ev.Integration)
		}
		var kept []flows.Unit
		var released []string
		own := st.to.GrantID(ev.Integration)
		for _, it := range g.Items {
			for _, h := range holdersOf(t.bolt, st.to.Grantee.Email, it.Unit) {
				switch {
				case h.grant == own:
				case h.state == holderReleased:
					released = append(released, h.grant)
				default:
					kept = append(kept, it.Unit)
				}
			}
		}
		return t.part(st, ev.Integration, kept, released)
	})
}

// release decides which rows of holders stay as released and which go.
func (t *tx) release(r *flows.Request, integration string, kept []flows.Unit, released []string) (keep, drop []row, err error) {
	g, ok := r.Group(integration)
	if !ok {
		return nil, nil, fmt.Errorf("%s has nothing in %s", r.ID, integration)
	}
	own := r.GrantID(integration)
	known := map[flows.Unit]bool{}
	for _, it := range g.Items {
		if known[it.Unit] {
			continue
		}
		known[it.Unit] = true
		held, leaves := false, slices.Contains(kept, it.Unit)
		var unnamed []string
		for _, h := range holdersOf(t.bolt, r.Grantee.Email, it.Unit) {
			switch {
			case h.grant == own:
			case h.state != holderReleased:
				held = true
			case leaves:
			case slices.Contains(released, h.grant):
				drop = append(drop, row{bucket: bucketHolders, key: h.key})
			default:
				unnamed = append(unnamed, h.grant)
			}
		}
		switch {
		case leaves && !held:
			return nil, nil, fmt.Errorf("%w: nobody else holds %v, which %s leaves at the target", store.ErrStale, it.Unit, own)
		case leaves:
			keep = append(keep, row{bucket: bucketHolders, key: holderKey(r, it.Unit), value: []byte{holderReleased}})
		case !held && len(unnamed) > 0:
			return nil, nil, fmt.Errorf("%w: %v must be revoked for %v too, which left it to %s", store.ErrStale, it.Unit, unnamed, own)
		}
	}
	for _, u := range kept {
		if !known[u] {
			return nil, nil, fmt.Errorf("%s does not hold %v, so it cannot leave it", own, u)
		}
	}
	return keep, drop, nil
}
