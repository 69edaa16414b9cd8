//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreFileLimit makes a write beyond the limit of a file's size an error, as on a
// full disk. The signal would end the program with a dump of its stacks.
func ignoreFileLimit() { signal.Ignore(syscall.SIGXFSZ) }

// keepFilesPrivate leaves what this process makes from now on to its own account, from the
// moment it exists: a socket cannot be made with a mode, only be given one afterwards.
func keepFilesPrivate() { syscall.Umask(0o077) }
