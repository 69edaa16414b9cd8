package postgresql

// KeptName is the name of the keeper of a bot's role.
var KeptName = keptName

// LockKey is the key of the advisory lock of writers.
const LockKey = lockKey
