package ops

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// maxSocketName is how many bytes the name of a socket may have: 107 on Linux, 103 on
// macOS. https://man7.org/linux/man-pages/man7/unix.7.html
const maxSocketName = len(syscall.RawSockaddrUnix{}.Path) - 1

// openFiles is where Linux shows each open file of a process under its number.
// https://man7.org/linux/man-pages/man5/proc_pid_fd.5.html
const openFiles = "/proc/self/fd"

// reachable is a name for a socket that the system takes. Where the path is too long it
// leads through the open directory, and holds until done is called.
func reachable(path string) (name string, done func() error, err error) {
	if len(path) <= maxSocketName {
		return path, func() error { return nil }, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	through := filepath.Join(openFiles, strconv.FormatUint(uint64(dir.Fd()), 10))
	name = filepath.Join(through, filepath.Base(path))
	_, err = os.Stat(through)
	switch {
	case err != nil:
		err = fmt.Errorf("%s is longer than the %d bytes that the name of a socket may have here; choose a shorter store.path", path, maxSocketName)
	case len(name) > maxSocketName:
		err = fmt.Errorf("%s is longer than the name of a socket may be here; give the file of store.path a shorter name", filepath.Base(path))
	default:
		return name, dir.Close, nil
	}
	return "", nil, errors.Join(err, dir.Close())
}

// reached is a listener whose name holds until it is closed.
type reached struct {
	net.Listener
	done func() error
}

func (l reached) Close() error { return errors.Join(l.Listener.Close(), l.done()) }
