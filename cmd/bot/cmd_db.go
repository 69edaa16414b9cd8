package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"apono/cmd/bot/internal/ops"
	"apono/flows"
	"apono/store"
	"apono/store/bolt"
)

func dbCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "db", Short: "Check, back up, restore or compact the database", Args: cobra.NoArgs, RunE: helpAlone}
	cmd.AddCommand(dbCheckCommand(), dbBackupCommand(), dbRestoreCommand(), dbCompactCommand())
	return cmd
}

// controls are what a running bot offers on its control socket. A stopped bot's
// store answers the same functions directly.
func controls(s *bolt.Store) ops.Commands {
	return ops.Commands{
		"backup": func(w io.Writer, _ *http.Request) error { return s.Backup(w) },
		"check":  func(w io.Writer, _ *http.Request) error { return writeCheck(w, s) },
		"audit/verify": func(w io.Writer, r *http.Request) error {
			heads, err := parseHeads(r.URL.Query()["head"])
			if err != nil {
				return err
			}
			return writeVerify(w, s, heads)
		},
		"audit/export": func(w io.Writer, r *http.Request) error {
			q, err := parseExport(r.URL.Query())
			if err != nil {
				return err
			}
			return writeExport(w, s, q)
		},
	}
}

// onStore runs a command on the store of a configuration: in the bot that runs
// on it, or else on the file itself, which stays byte-identical.
func onStore(cmd *cobra.Command, configPath, command, query string, w io.Writer) error {
	return onStoreOr(cmd, configPath, command, query, w, bolt.Options{ReadOnly: true}, func(s *bolt.Store) error {
		r, err := http.NewRequestWithContext(cmd.Context(), http.MethodPost, "http://bot/"+command+"?"+query, nil)
		if err != nil {
			return err
		}
		return controls(s)[command](w, r)
	})
}

// onStoreOr is onStore with another way where no bot runs.
func onStoreOr(cmd *cobra.Command, configPath, command, query string, w io.Writer, o bolt.Options, alone func(*bolt.Store) error) error {
	cfg, err := loadForStore(cmd, configPath)
	if err != nil {
		return err
	}
	defer func() { _ = cfg.Close() }() // nothing was granted through it
	call := func() error { return ops.Call(cmd.Context(), ops.SocketPath(cfg.Store.Path), command, query, w) }
	// The bot first: a file that it holds is waited for in vain.
	if err := call(); !errors.Is(err, ops.ErrNotRunning) {
		return err
	}
	if _, err := os.Stat(cfg.Store.Path); err != nil {
		o.ReadOnly = true // says what is wrong, and makes no new one
	}
	s, err := bolt.Open(cfg.Store.Path, o)
	if errors.Is(err, store.ErrLocked) { // it may have started meanwhile
		if err = call(); errors.Is(err, ops.ErrNotRunning) {
			return fmt.Errorf("the database %s is in use by another process, and no bot answers on its control socket", cfg.Store.Path)
		}
		return err
	}
	if err != nil {
		return err
	}
	return errors.Join(alone(s), s.Close())
}

func writeCheck(w io.Writer, s *bolt.Store) error {
	problems := s.Check()
	for _, p := range problems {
		if _, err := fmt.Fprintln(w, p); err != nil {
			return err
		}
	}
	if len(problems) > 0 {
		return errors.New(count(len(problems), "problem", "problems") + " found")
	}
	_, err := fmt.Fprintln(w, "ok")
	return err
}

func dbCheckCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "check", Short: "Check every invariant of the database, also while the bot runs", Args: cobra.NoArgs}
	path := configFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return found(cmd, onStore(cmd, *path, "check", "", cmd.OutOrStdout()))
	}
	return cmd
}

// found turns what a check found into exit status 1.
func found(cmd *cobra.Command, err error) error {
	if err == nil || cmd.Context().Err() != nil {
		return err
	}
	if _, ok := errors.AsType[*store.OpenError](err); ok {
		return err
	}
	if _, ok := errors.AsType[*problemsError](err); ok {
		return err
	}
	if _, ok := errors.AsType[*unreadError](err); ok {
		return err
	}
	return &problemsError{err.Error()}
}

func dbBackupCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "backup FILE|-", Short: "Write a consistent copy of the database to a file or standard output, also while the bot runs", Args: oneArg("FILE, or - for standard output")}
	path := configFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if args[0] == "-" {
			return onStore(cmd, *path, "backup", "", cmd.OutOrStdout())
		}
		if err := notOwn(cmd, *path, args[0]); err != nil {
			return err
		}
		n, err := writeFile(args[0], func(w io.Writer) error { return onStore(cmd, *path, "backup", "", w) })
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s written, %d bytes\n", args[0], n)
		return err
	}
	return cmd
}

// notOwn refuses to put a file in the place of one that the bot needs: it would go on
// with the one that is nowhere then, until it ends.
func notOwn(cmd *cobra.Command, configPath, file string) error {
	cfg, err := loadForStore(cmd, configPath)
	if err != nil {
		return err
	}
	defer func() { _ = cfg.Close() }() // nothing was granted through it
	target, err := os.Stat(file)
	if err != nil {
		return nil // there is none to take the place of
	}
	for _, own := range []string{cfg.Store.Path, cfg.KeyPath()} {
		if info, err := os.Stat(own); err == nil && os.SameFile(info, target) {
			return fmt.Errorf("%s is the bot's own: name another file for the backup", file)
		}
	}
	return nil
}

// writeFile writes a file that is whole or not there, mode 0600.
func writeFile(path string, write func(io.Writer) error) (n int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".apono-*")
	if err != nil {
		return 0, unwritten(path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := write(output{f, path}); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, unwritten(path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, unwritten(path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return 0, unwritten(path, err)
	}
	return info.Size(), nil
}

// output is a file under another name than it will have.
type output struct {
	io.Writer
	path string
}

func (o output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil {
		err = unwritten(o.path, err)
	}
	return n, err
}

func unwritten(path string, err error) error {
	// Its paths are those that nobody knows.
	if p, ok := errors.AsType[*os.PathError](err); ok {
		err = p.Err
	} else if l, ok := errors.AsType[*os.LinkError](err); ok {
		err = l.Err
	}
	return fmt.Errorf("%s is not written: %w", path, err)
}

func dbRestoreCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "restore FILE|-", Short: "Put a backup, a file or standard input, in the place of the database; the bot must not run", Args: oneArg("FILE, or - for standard input")}
	path := configFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := loadForStore(cmd, *path)
		if err != nil {
			return err
		}
		defer func() { _ = cfg.Close() }() // nothing was granted through it
		backup := args[0]
		if backup == "-" {
			if backup, err = spool(cmd.InOrStdin(), filepath.Dir(cfg.Store.Path)); err != nil {
				return err
			}
			defer func() { _ = os.Remove(backup) }()
		}
		done, err := bolt.Restore(cmd.Context(), time.Now(), backup, cfg.Store.Path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s restored to %s\n%s", args[0], cfg.Store.Path, aboutRestored(done))
		return err
	}
	return cmd
}

func dbCompactCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "compact", Args: cobra.NoArgs, Short: "Write the database anew without its free space; the bot must not run",
		Long: "The file of the database never shrinks by itself: what retention removes is used again. This writes it anew, checks the\n" +
			"copy and puts it in the place of the old one. It needs room for both. The bot must not run.",
	}
	path := configFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := loadForStore(cmd, *path)
		if err != nil {
			return err
		}
		defer func() { _ = cfg.Close() }() // nothing was granted through it
		before, after, err := bolt.Compact(cmd.Context(), cfg.Store.Path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s compacted: %d bytes, was %d\n", cfg.Store.Path, after, before)
		return err
	}
	return cmd
}

// spool writes what is read to a file in dir, mode 0600. The caller removes it.
func spool(r io.Reader, dir string) (path string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, ".apono-*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// aboutRestored says what the bot does not know any more.
func aboutRestored(r bolt.Restored) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if r.Replaced != "" {
		say("the database that was there is kept as %s", r.Replaced)
	}
	since := "the beginning"
	if r.Events > 0 {
		since = fmt.Sprintf("%s (audit event %d)", r.Last.Format(time.RFC3339), r.Events)
	}
	say("The bot knows nothing of what happened after %s:", since)
	say("- Accesses granted since are still there, and the bot will not end them. Find them in the audit channel and end them at the")
	say("  target systems. PostgreSQL logins with an end stop working by themselves; nothing else does.")
	say("- Decisions made since do not count: what was approved, denied or withdrawn waits for a decision again. An access that ended")
	say("  since is shown as live until its time is up, and is ended once more; that does no harm.")
	say("- Requests made since are gone. Their buttons answer that they are from before the restore.")
	switch {
	case !r.Read:
		say("The old database could not be read, so neither can these accesses be named, nor their request ids be kept from being given out again.")
	case len(r.Unknown) == 0:
		say("The old database could be read: no access was granted since that may still be there.")
	default:
		say("The old database could be read. It says that these accesses, unknown to the bot now, may still be there:")
	}
	for i := range r.Unknown {
		q := &r.Unknown[i]
		until := "without limit"
		if !q.EndsAt.IsZero() {
			until = "until " + q.EndsAt.Format(time.RFC3339)
		} else if !q.Indefinite {
			until = "for " + flows.FormatDuration(q.Duration)
		}
		for _, g := range q.Groups {
			if g.Status.MayHold() {
				say("  %s  %s  %s  %s", q.GrantID(g.Integration), q.Grantee.Email, g.Status, until)
			}
		}
	}
	say("The next request is %s.", r.Next)
	return b.String()
}

// listenControl serves the control socket until the app stops.
func (a *App) listenControl(ctx context.Context) error {
	l, err := ops.ListenControl(ctx, ops.SocketPath(a.cfg.Store.Path))
	if err != nil {
		return err
	}
	a.serve(ctx, "control", ops.NewServer(ops.ControlHandler(a.controls())), l)
	return nil
}
