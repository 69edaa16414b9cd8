package bolt

import (
	"bytes"
	"context"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
)

// Post finds what is known of a message; ok is false for one never posted, and for
// one that cannot be read: whoever posts it anew mends it.
func (s *Store) Post(key flows.PostKey) (post flows.Post, ok bool, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		k := []byte(key.String())
		raw := btx.Bucket(bucketPosts).Get(k)
		if raw == nil {
			return nil
		}
		post, ok = s.readablePost(k, raw)
		return nil
	})
	return post, ok, err
}

// SavePost keeps where a message is and what it shows. CodeNotFound if there is
// no such request.
func (s *Store) SavePost(ctx context.Context, post flows.Post) error {
	raw, err := encode(post)
	if err != nil {
		return err
	}
	return s.do(ctx, func(t *tx) error {
		if _, err := recordOf(t.bolt, post.Key.Request); err != nil {
			return err
		}
		return t.put(bucketPosts, []byte(post.Key.String()), raw)
	})
}

// Posts returns all messages of a request that were ever posted, by key, but for
// those that cannot be read.
func (s *Store) Posts(id string) ([]flows.Post, error) {
	var out []flows.Post
	err := s.view(func(btx *bolt.Tx) error {
		for k, v := range scan(btx.Bucket(bucketPosts), []byte(id+"/")) {
			if post, ok := s.readablePost(k, v); ok {
				out = append(out, post)
			}
		}
		return nil
	})
	return out, err
}

func (s *Store) readablePost(key, raw []byte) (flows.Post, bool) {
	post, err := decode[flows.Post]("post", key, raw)
	if err != nil {
		s.passOver(bucketPosts, string(key), err)
		return flows.Post{}, false
	}
	return post, true
}

// Sealed returns the sealed credentials of an access group; ok is false where
// there are none or they were erased. CodeNotFound if there is no such request.
func (s *Store) Sealed(id, integration string) (sealed []byte, ok bool, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		r, err := getRequest(btx, id)
		if err != nil {
			return err
		}
		v := btx.Bucket(bucketSealed).Get([]byte(r.GrantID(integration)))
		sealed, ok = bytes.Clone(v), v != nil
		return nil
	})
	return sealed, ok, err
}
