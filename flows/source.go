package flows

import "time"

// TaggedResource is what somebody beside the integration says of a resource.
type TaggedResource struct {
	Integration  string            `json:"integration"`
	ResourceType string            `json:"resource_type"`
	Resource     string            `json:"resource"` // its id; else its name, of all that have it
	Tags         map[string]string `json:"tags"`
}

// SourceSnapshot is what a source of people or resources said last, as it is kept
// over a restart.
type SourceSnapshot struct {
	Name     string    `json:"name"`     // of the integration
	Settings string    `json:"settings"` // equal for sources that are connected alike
	Synced   time.Time `json:"synced"`   // when it said so last
	Digest   string    `json:"digest"`   // of what it said
	// Discarded is the digest of an answer that much was missing in and of which somebody
	// said that it is wrong.
	Discarded string `json:"discarded,omitempty"`
	// Data is what it said, for whoever saved it; nil when saving: what was saved last
	// is still what it says.
	Data []byte `json:"-"`
}
