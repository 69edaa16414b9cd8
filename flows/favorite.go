package flows

import "time"

// MaxFavorites is how many favorites one person may keep.
const MaxFavorites = 20

// Favorite is something that a person asks for often.
type Favorite struct {
	ID   string    `json:"id"`   // equal for equal choices
	Name string    `json:"name"` // what it is, in a few words
	At   time.Time `json:"at"`   // when it was added
	// Choice fills in the request form. Only the service reads it.
	Choice []byte `json:"choice"`
}
