package bolt

import (
	"bytes"
	"context"
	"errors"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
)

// Keys of contacts: by account, and an index by address that names the account.
func contactKey(platform, account string) []byte {
	return []byte("account/" + platform + "/" + account)
}

func contactEmailKey(platform, email string) []byte {
	return []byte("email/" + platform + "/" + flows.NormalizeEmail(email))
}

// SaveContact keeps a contact, in place of what was known of its account. An address
// leads to the account that was saved with it last.
func (s *Store) SaveContact(ctx context.Context, c flows.Contact) error {
	if c.Platform == "" || c.Account == "" {
		return errors.New("a contact needs a platform and an account")
	}
	raw, err := encode(c)
	if err != nil {
		return err
	}
	return s.do(ctx, func(t *tx) error {
		if err := t.forgetContact(c.Platform, c.Account); err != nil {
			return err
		}
		if c.Email != "" {
			if err := t.put(bucketContacts, contactEmailKey(c.Platform, c.Email), []byte(c.Account)); err != nil {
				return err
			}
		}
		return t.put(bucketContacts, contactKey(c.Platform, c.Account), raw)
	})
}

// RemoveContact forgets a contact. One that is not known is no error.
func (s *Store) RemoveContact(ctx context.Context, platform, account string) error {
	return s.do(ctx, func(t *tx) error { return t.forgetContact(platform, account) })
}

func (t *tx) forgetContact(platform, account string) error {
	old, ok, err := contact(t.bolt, platform, account)
	if err != nil || !ok {
		return err
	}
	if key := contactEmailKey(platform, old.Email); old.Email != "" && string(t.get(bucketContacts, key)) == account {
		if err := t.del(bucketContacts, key); err != nil {
			return err
		}
	}
	return t.del(bucketContacts, contactKey(platform, account))
}

// Contact finds the contact of an account.
func (s *Store) Contact(platform, account string) (c flows.Contact, ok bool, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		c, ok, err = contact(btx, platform, account)
		return err
	})
	return c, ok, err
}

// ContactByEmail finds the contact that was saved last with an address.
func (s *Store) ContactByEmail(platform, email string) (c flows.Contact, ok bool, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		account := btx.Bucket(bucketContacts).Get(contactEmailKey(platform, email))
		if account == nil {
			return nil
		}
		c, ok, err = contact(btx, platform, string(account))
		return err
	})
	return c, ok, err
}

// Contacts are all of a platform, by account.
func (s *Store) Contacts(platform string) (all []flows.Contact, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		prefix := contactKey(platform, "")
		c := btx.Bucket(bucketContacts).Cursor()
		for key, raw := c.Seek(prefix); bytes.HasPrefix(key, prefix); key, raw = c.Next() {
			one, err := decode[flows.Contact]("contact", key, raw)
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		return nil
	})
	return all, err
}

func contact(btx *bolt.Tx, platform, account string) (flows.Contact, bool, error) {
	key := contactKey(platform, account)
	raw := btx.Bucket(bucketContacts).Get(key)
	if raw == nil {
		return flows.Contact{}, false, nil
	}
	c, err := decode[flows.Contact]("contact", key, raw)
	return c, err == nil, err
}
