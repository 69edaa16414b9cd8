//go:build !unix

package bolt

import "os"

// lockFile locks nothing: where files cannot be locked like this, an open
// database cannot be replaced either.
func lockFile(string) (unlock func() error, err error) { return func() error { return nil }, nil }

func whileUnlocked(_ *os.File, read func() error) error { return read() }
