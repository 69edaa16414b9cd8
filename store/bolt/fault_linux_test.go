package bolt_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store"
	"apono/store/bolt"
	"apono/store/storetest"
)

// fill lets no file of this process grow beyond what the database uses now, until
// the returned function is called: a full disk, as the kernel makes it.
func fill(t *testing.T, s *bolt.Store) (free func()) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: uint64(must[int64](t)(s.Size())), Max: was.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	free = func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { free(); signal.Reset(syscall.SIGXFSZ) })
	return free
}

// The limit holds for the whole process, so the test runs in one of its own.
func TestFullDisk(t *testing.T) {
	const inside = "STORE_TEST_FULL_DISK"
	if os.Getenv(inside) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestFullDisk") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	s := open(t)
	free := fill(t, s)
	made := 0
	var err error
	for ; made < 1000; made++ { // pages that are free take the first ones
		if _, err = s.Submit(t.Context(), start, fmt.Sprint("k", made), one(draft(fmt.Sprint("p", made), "pg", "orders"))); err != nil {
			break
		}
	}
	wantIs(t, err, syscall.EFBIG)
	if made == 0 {
		t.Fatal("nothing could be written from the start")
	}
	before := must[[]flows.Request](t)(s.Requests(0, 2000))
	if len(before) != made {
		t.Errorf("%d submissions were acknowledged, %d are there", made, len(before))
	}
	for range 3 {
		_, err := s.Submit(t.Context(), start, "again", one(draft("alice", "pg", "users")))
		wantIs(t, err, syscall.EFBIG)
	}
	if diff := cmp.Diff(before, must[[]flows.Request](t)(s.Requests(0, 2000))); diff != "" {
		t.Errorf("what was not committed shows (-before +after):\n%s", diff)
	}
	if err := s.Err(); err != nil {
		t.Errorf("nothing is left in doubt, yet %v", err)
	}
	if stats := must[store.Stats](t)(s.Stats()); stats.Failed || stats.Commits != uint64(made) {
		t.Errorf("stats: %+v, want %d commits", stats, made)
	}
	free()
	crashed := storetest.Crash(t, s)
	if diff := cmp.Diff(before, must[[]flows.Request](t)(crashed.Requests(0, 2000))); diff != "" {
		t.Errorf("after a crash on the full disk (-before +after):\n%s", diff)
	}
	if got := ids(submit(t, s, start, "again", draft("alice", "pg", "users"))); !cmp.Equal(got, []string{store.ID(uint64(made) + 1)}) {
		t.Errorf("after space was made: %v", got)
	}
}
