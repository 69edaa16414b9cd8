//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreFileLimit makes a write beyond the limit of a file's size an error, as on a
// full disk. The signal would end the program with a dump of its stacks.
func ignoreFileLimit() { signal.Ignore(syscall.SIGXFSZ) }
