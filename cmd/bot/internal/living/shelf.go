package living

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"apono/flows"
)

// Shelf keeps what sources said over a restart.
type Shelf interface {
	SaveSource(ctx context.Context, s flows.SourceSnapshot) error
	// SaveSourceTold writes a fact into the audit trail in the same transaction.
	SaveSourceTold(ctx context.Context, now time.Time, s flows.SourceSnapshot, fact flows.Fact) error
	ForgetSource(ctx context.Context, name string) error
	Sources() ([]flows.SourceSnapshot, error)
}

// Answer is what a source said, as it is kept.
type Answer struct {
	People   []flows.Person         `json:"people,omitempty"`
	Shifts   []flows.Shift          `json:"shifts,omitempty"`
	Groups   []string               `json:"groups,omitempty"`
	Holdings *flows.Holdings        `json:"holdings,omitempty"`
	Tags     []flows.TaggedResource `json:"tags,omitempty"` // of TagsSource alone
}

// Kept reads what a shelf keeps of a source.
func Kept(s flows.SourceSnapshot) (Answer, error) { return unpack(s.Data) }

// encoded is what a source said, and a digest that is equal where it is the same.
func (s said) encoded() (raw []byte, digest string) {
	raw, err := json.Marshal(s.Answer)
	if err != nil {
		panic("living: what a source said cannot be encoded (this is a bug): " + err.Error())
	}
	sum := sha256.Sum256(raw)
	return raw, hex.EncodeToString(sum[:8])
}

// maxKept bounds what is unpacked: 100,000 resources take some 30 MB.
const maxKept = 1 << 30

func pack(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		_, err = z.Write(raw)
	}
	if err == nil {
		err = z.Close()
	}
	return b.Bytes(), err
}

func unpack(data []byte) (k Answer, err error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return k, err
	}
	raw, err := io.ReadAll(io.LimitReader(z, maxKept))
	if err != nil {
		return k, err
	}
	return k, json.Unmarshal(raw, &k)
}

// Remember takes over what sources said before a restart, with when they said it,
// and keeps what they say from now on. Call it once, before the first sync. What
// cannot be read is left out: the source is asked again anyhow.
func (c *Context) Remember(ctx context.Context, shelf Shelf) error {
	all, err := shelf.Sources()
	if err != nil {
		return fmt.Errorf("read what integrations said last: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shelf = shelf
	for _, snap := range all {
		source, ok := c.sources[snap.Name]
		if !ok && snap.Name != TagsSource {
			continue
		}
		k, err := unpack(snap.Data)
		if err != nil {
			c.log.WarnContext(ctx, "what an integration said last cannot be read; it is asked again", "integration", snap.Name, "err", err)
			continue
		}
		s := said{Answer: k, settings: snap.Settings, sum: snap.Digest, saved: snap.Digest, discarded: snap.Discarded}
		s.health = Health{Name: snap.Name, Synced: snap.Synced, People: len(k.People)}
		s.health.Old = ok && snap.Settings != source.Settings
		s.health.Items = len(k.Tags)
		if k.Holdings != nil {
			s.health.Items = len(k.Holdings.Resources)
		}
		c.said[snap.Name] = s
	}
	c.rebuild()
	return nil
}

// keep is save where the source is asked again anyhow.
func (c *Context) keep(ctx context.Context, name string) {
	if err := c.save(ctx, name, func(shelf Shelf, s flows.SourceSnapshot) error { return shelf.SaveSource(ctx, s) }); err != nil {
		c.log.WarnContext(ctx, "could not keep what an integration said; after a restart it is asked before anything else is known of it", "integration", name, "err", err)
	}
}

// save has what a source said written. What is the same as before costs a short row.
func (c *Context) save(ctx context.Context, name string, write func(Shelf, flows.SourceSnapshot) error) error {
	c.mu.Lock()
	s, known := c.said[name]
	shelf := c.shelf
	c.mu.Unlock()
	if shelf == nil {
		return nil
	}
	if !known {
		return shelf.ForgetSource(ctx, name)
	}
	snap := flows.SourceSnapshot{Name: name, Settings: s.settings, Synced: s.health.Synced, Digest: s.sum, Discarded: s.discarded}
	var err error
	if s.sum != s.saved {
		raw, _ := s.encoded()
		snap.Data, err = pack(raw)
	}
	if err == nil {
		err = write(shelf, snap)
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now, ok := c.said[name]; ok && now.health.Synced.Equal(s.health.Synced) {
		now.saved = s.sum
		c.said[name] = now
	}
	return nil
}
