package ops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// SocketPath is where a running bot listens for commands: beside its database.
func SocketPath(storePath string) string { return storePath + ".sock" }

// Commands are what the control socket offers, by name. Each writes its output;
// an error is the last thing that is written.
type Commands map[string]func(w io.Writer, r *http.Request) error

// trailer carries the error of a command that had already begun to write.
const trailer = "X-Apono-Error"

// ListenControl opens the control socket, mode 0600. A socket left behind by a
// dead process is replaced: the database lock, which the caller holds, says that
// nobody else serves this store.
func ListenControl(ctx context.Context, path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	name, done, err := reachable(path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", name)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", errors.Join(err, done()))
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, fmt.Errorf("control socket: %w", errors.Join(err, reached{l, done}.Close()))
	}
	return reached{l, done}, nil
}

// ControlHandler serves commands.
func ControlHandler(cmds Commands) http.Handler {
	mux := http.NewServeMux()
	for name, run := range cmds {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", trailer)
			w.Header().Set("Content-Type", "application/octet-stream")
			if err := run(w, r); err != nil {
				w.Header().Set(trailer, strings.ReplaceAll(err.Error(), "\n", "; "))
				return
			}
			w.Header().Set(trailer, "")
		})
	}
	return mux
}

// ErrNotRunning is returned where no bot listens on the socket.
var ErrNotRunning = errors.New("no bot is running on this store")

// CommandError is what a command of the running bot said was wrong: it was asked, and
// this is its answer.
type CommandError struct{ Sentence string }

func (e *CommandError) Error() string { return e.Sentence }

// output keeps why nothing more could be written.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(p []byte) (n int, err error) {
	n, o.err = o.Writer.Write(p)
	return n, o.err
}

// Call runs a command of a running bot and copies its output to w. Errors are
// ErrNotRunning, a *CommandError, that of w, or of the connection.
func Call(ctx context.Context, socket, command, query string, w io.Writer) error {
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			name, done, err := reachable(socket)
			if err != nil {
				return nil, &net.OpError{Op: "dial", Net: "unix", Err: err}
			}
			defer func() { _ = done() }() // the connection is there, or it is not
			return (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "unix", name)
		},
		DisableKeepAlives: true,
	}}
	url := "http://bot/" + command
	if query != "" {
		url += "?" + query
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		if opErr, ok := errors.AsType[*net.OpError](err); ok && opErr.Op == "dial" {
			return ErrNotRunning
		}
		return fmt.Errorf("control socket: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the running bot does not know the command %q (another version?)", command)
	}
	out := output{Writer: w}
	if _, err := io.Copy(&out, resp.Body); out.err != nil {
		return out.err
	} else if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	problem, complete := resp.Trailer[trailer]
	switch {
	case !complete || len(problem) == 0:
		return errors.New("the running bot stopped before the command was done")
	case problem[0] != "":
		return &CommandError{Sentence: problem[0]}
	}
	return nil
}
