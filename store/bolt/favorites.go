package bolt

import (
	"context"
	"slices"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
)

func favoriteKey(email, id string) []byte { return append(personPrefix(email), id...) }

// Favorites returns what a person keeps, the newest first.
func (s *Store) Favorites(email string) (out []flows.Favorite, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		out, err = favorites(btx, email)
		return err
	})
	return out, err
}

func favorites(btx *bolt.Tx, email string) (out []flows.Favorite, err error) {
	for k, raw := range scan(btx.Bucket(bucketFavorites), personPrefix(email)) {
		f, err := decode[flows.Favorite]("favorite", k, raw)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b flows.Favorite) int { return b.At.Compare(a.At) })
	return out, nil
}

// AddFavorite keeps a favorite, in place of one with the same id. CodeRefused where
// the person has flows.MaxFavorites already.
func (s *Store) AddFavorite(ctx context.Context, email string, f flows.Favorite) error {
	raw, err := encode(f)
	if err != nil {
		return err
	}
	return s.do(ctx, func(t *tx) error {
		key := favoriteKey(email, f.ID)
		if t.get(bucketFavorites, key) == nil {
			have, err := favorites(t.bolt, email)
			if err != nil {
				return err
			}
			if len(have) >= flows.MaxFavorites {
				return flows.Errorf(flows.CodeRefused, "You have %d favorites; please remove one first.", len(have))
			}
		}
		return t.put(bucketFavorites, key, raw)
	})
}

// RemoveFavorite forgets a favorite. One that is not there is no error.
func (s *Store) RemoveFavorite(ctx context.Context, email, id string) error {
	return s.do(ctx, func(t *tx) error { return t.del(bucketFavorites, favoriteKey(email, id)) })
}
