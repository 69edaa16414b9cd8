package postgresql

import (
	"apono/flows"
	"apono/provision"
)

// KeptName is the name of the keeper of a bot's role.
var KeptName = keptName

const (
	LockKey  = lockKey  // of the advisory lock of writers
	MaxCalls = maxCalls // at once
)

// CredentialsOf are what a person gets who has been given databases.
func CredentialsOf(c provision.Connection, role string, password flows.Secret, databases []string) provision.Credentials {
	return c.(*connection).credentials(role, password, databases)
}
