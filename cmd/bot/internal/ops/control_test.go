package ops

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// reach listens on a socket and calls it.
func reach(t *testing.T, path string) error {
	t.Helper()
	l, err := ListenControl(t.Context(), path)
	if err != nil {
		return err
	}
	s := NewServer(ControlHandler(Commands{"greet": func(w io.Writer, r *http.Request) error {
		_, err := io.WriteString(w, "hello "+r.URL.RawQuery)
		return err
	}}))
	done := make(chan struct{})
	go func() { _ = s.Serve(l); close(done) }()
	var out bytes.Buffer
	if err := Call(t.Context(), path, "greet", "bob", &out); err != nil || out.String() != "hello bob" {
		t.Errorf("%d bytes: error %v, %q", len(path), err, out.String())
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&os.ModeSocket == 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("%d bytes: there is %v, %v", len(path), info, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-done
	if err := Call(t.Context(), path, "greet", "bob", io.Discard); !errors.Is(err, ErrNotRunning) {
		t.Errorf("%d bytes, after the end: %v", len(path), err)
	}
	return nil
}

// TestTheControlSocketIsReached wherever the database is, also where its path is longer
// than that of a socket may be, and where a dead process left one.
func TestTheControlSocketIsReached(t *testing.T) {
	base := t.TempDir()
	for _, length := range []int{10, 100, 103, 104, 107, 108, 109, 150, 400} {
		dir := base
		for left := length - len(base) - len("/bot.db.sock"); left > 1; left = length - len(dir) - len("/bot.db.sock") {
			dir = filepath.Join(dir, strings.Repeat("d", min(left-1, 200)))
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "bot.db.sock")
		for range 2 {
			if err := reach(t, path); err != nil {
				t.Errorf("%d bytes: %v", len(path), err)
			}
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// brokenWriter takes nothing.
type brokenWriter struct{}

var errFull = errors.New("no room")

func (brokenWriter) Write([]byte) (int, error) { return 0, errFull }

// TestWhereTheOutputGoes is what an error is about that comes from there.
func TestWhereTheOutputGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db.sock")
	l, err := ListenControl(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(ControlHandler(Commands{"greet": func(w io.Writer, _ *http.Request) error {
		_, err := io.WriteString(w, "hello")
		return err
	}}))
	done := make(chan struct{})
	go func() { _ = s.Serve(l); close(done) }()
	if err := Call(t.Context(), path, "greet", "", brokenWriter{}); !errors.Is(err, errFull) || err.Error() != errFull.Error() {
		t.Errorf("error %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-done
}

// TestANameThatIsTooLongIsSaid: the name of the file alone can be too long.
func TestANameThatIsTooLongIsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("n", 200)+".sock")
	_, err := ListenControl(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), "is longer than the name of a socket may be here; give the file of store.path a shorter name") {
		t.Errorf("error %v", err)
	}
	if err := Call(t.Context(), path, "greet", "", io.Discard); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a call: %v", err)
	}
}

// TestNothingStaysOpen of what leads to a socket.
func TestNothingStaysOpen(t *testing.T) {
	const fds = "/proc/self/fd"
	if _, err := os.Stat(fds); err != nil {
		return // elsewhere the short way is not there
	}
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	held := func() (n int) {
		all, err := os.ReadDir(fds)
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range all {
			if to, err := os.Readlink(filepath.Join(fds, fd.Name())); err == nil && to == dir {
				n++
			}
		}
		return n
	}
	var l net.Listener
	if err := reach(t, filepath.Join(dir, "bot.db.sock")); err != nil || held() != 0 {
		t.Errorf("error %v, %d open", err, held())
	}
	l, err := ListenControl(t.Context(), filepath.Join(dir, "bot.db.sock"))
	if err != nil || held() != 1 {
		t.Fatalf("error %v, %d open while it listens", err, held())
	}
	if err := errors.Join(l.Close(), nil); err != nil || held() != 0 {
		t.Errorf("error %v, %d open at the end", err, held())
	}
}
