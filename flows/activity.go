package flows

import "time"

// Activity says which requests are looked for. What is empty or zero is no condition.
type Activity struct {
	// People are the addresses of one person: requests that the person made or got.
	People      []string
	Integration string
	State       State
	From, To    time.Time // when it was made: at From or later, before To
}

// Takes reports whether a request meets all conditions.
func (a Activity) Takes(r *Request) bool {
	if a.Integration != "" {
		if _, ok := r.Group(a.Integration); !ok {
			return false
		}
	}
	if (a.State != "" && r.State != a.State) || r.CreatedAt.Before(a.From) || (!a.To.IsZero() && !r.CreatedAt.Before(a.To)) {
		return false
	}
	for _, email := range a.People {
		if r.Requestor.Is(email) || r.Grantee.Is(email) {
			return true
		}
	}
	return len(a.People) == 0
}
