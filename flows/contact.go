package flows

// Contact is where somebody can be written to on a platform that has to be told so
// first.
type Contact struct {
	Platform string `json:"platform"`
	Account  string `json:"account"`         // of the platform
	Email    string `json:"email,omitempty"` // normalized; empty: not known
	Data     []byte `json:"data"`            // for the platform that saved it
}
