package bolt

import (
	"context"
	"errors"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
)

// ReportRun finds where a report stands; ok is false for one that was never due.
func (s *Store) ReportRun(name string) (run flows.ReportRun, ok bool, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		raw := btx.Bucket(bucketReports).Get([]byte(name))
		if raw == nil {
			return nil
		}
		run, err = decode[flows.ReportRun]("report", []byte(name), raw)
		ok = err == nil
		return err
	})
	return run, ok, err
}

// SaveReportRun keeps where a report stands.
func (s *Store) SaveReportRun(ctx context.Context, run flows.ReportRun) error {
	if run.Report == "" {
		return errors.New("a report needs a name")
	}
	raw, err := encode(run)
	if err != nil {
		return err
	}
	return s.do(ctx, func(t *tx) error { return t.put(bucketReports, []byte(run.Report), raw) })
}
