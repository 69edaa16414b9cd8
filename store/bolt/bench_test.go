package bolt_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"apono/store"
	"apono/store/bolt"
	"apono/store/storetest"
)

var clickers = []int{1, 64, 1000}

// BenchmarkApply measures clicks on Approve, each on a request of its own, by 1,
// 64 and 1,000 people at once, synced to the disk.
func BenchmarkApply(b *testing.B) {
	for _, n := range clickers {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := openBench(b, pending(b, b.N))
			defer s.Close()
			ids, press := make([]string, b.N), approve("bob")
			for i := range ids {
				ids[i] = store.ID(uint64(i) + 1)
			}
			b.ResetTimer()
			spread(b, n, func(i int) error {
				_, err := s.Apply(b.Context(), after(time.Minute), ids[i], press)
				return err
			})
			stats, err := s.Stats()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(stats.Operations)/float64(stats.Commits), "ops/commit")
		})
	}
}

// BenchmarkRawBatch writes the same bytes with bbolt's own Batch, and does nothing
// else: it decides nothing, reads nothing and encodes nothing. Compare each number
// with that of BenchmarkApply. Where few click, Apply is ahead, as it waits for
// nobody; where 1,000 do at once, both are bounded by what bbolt does.
func BenchmarkRawBatch(b *testing.B) {
	for _, n := range clickers {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			path := pending(b, b.N)
			writes := trace(b, path, b.N)
			db, err := bbolt.Open(path, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, InitialMmapSize: 1 << 30})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			b.ResetTimer()
			spread(b, n, func(i int) error {
				return db.Batch(func(tx *bbolt.Tx) error { return replay(tx, writes[i]) })
			})
		})
	}
}

type write struct {
	put                bool
	bucket, key, value []byte
}

func replay(tx *bbolt.Tx, writes []write) error {
	for _, w := range writes {
		var err error
		if bucket := tx.Bucket(w.bucket); w.put {
			err = bucket.Put(w.key, w.value)
		} else {
			err = bucket.Delete(w.key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pending makes a database with n requests that wait for a decision.
func pending(b *testing.B, n int) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "bot.db")
	s, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	spread(b, 64, func(i int) error {
		_, err := s.Submit(b.Context(), start, fmt.Sprint("k", i), one(draft(fmt.Sprint("p", i), "pg", "orders", "k8s", "prod")))
		return err
	})
	return path
}

// trace runs the clicks on a copy and returns what each of them wrote.
func trace(b *testing.B, path string, n int) [][]write {
	b.Helper()
	s := openBench(b, path)
	clone := filepath.Join(b.TempDir(), "trace.db")
	storetest.Copy(b, s, clone)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	s, err := bolt.Open(clone, bolt.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	out := make([][]write, n)
	at := 0
	s.Trace(func(put bool, bucket, key, value []byte) {
		out[at] = append(out[at], write{put, bytes.Clone(bucket), bytes.Clone(key), bytes.Clone(value)})
	})
	for at = range n {
		if _, err := s.Apply(b.Context(), after(time.Minute), fmt.Sprintf("AR-%d", at+1), approve("bob")); err != nil {
			b.Fatal(err)
		}
	}
	return out
}

func openBench(b *testing.B, path string) *bolt.Store {
	b.Helper()
	s, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// spread calls fn for 0 … b.N-1 from n goroutines.
func spread(b *testing.B, n int, fn func(i int) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, b.N) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				if err := fn(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkReady measures a start: open the database, ask what is due, what waits
// to be done and what is unfinished. The number of past requests must not matter,
// neither to the time nor to the memory that stays in use.
func BenchmarkReady(b *testing.B) {
	for _, past := range []int{1000, 1_000_000} {
		path := pastRequests(b, past)
		b.Run(fmt.Sprint(past), func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for b.Loop() {
				ready(b, path)
			}
			s := openBench(b, path)
			defer s.Close()
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)), "heap-B")
		})
	}
}
