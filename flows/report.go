package flows

import "time"

// ReportRun is where the newest occurrence of a scheduled report stands. There is one
// of each report.
type ReportRun struct {
	Report string    `json:"report"`
	At     time.Time `json:"at"`   // the occurrence
	From   time.Time `json:"from"` // the one before; what came between is in the report
	Done   bool      `json:"done,omitempty"`
	// File is the platform's id once the bytes are there.
	File string `json:"file,omitempty"`
	// Sharing: it is about to be shown, and may have been.
	Sharing bool      `json:"sharing,omitempty"`
	Tries   int       `json:"tries,omitempty"`
	Next    time.Time `json:"next,omitzero"` // try, not before
	Problem string    `json:"problem,omitempty"`
	Told    bool      `json:"told,omitempty"` // the admins know of the problem
}
