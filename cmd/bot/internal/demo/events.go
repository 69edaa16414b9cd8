package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	settle    = 25 * time.Millisecond // changes that come together go out together
	heartbeat = 20 * time.Second
)

// serveEvents sends the regions of an address as they change, all of them at first.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	// A server's time-outs are for requests; this answer goes on for as long as the page is open.
	_ = errors.Join(out.SetReadDeadline(time.Time{}), out.SetWriteDeadline(time.Time{})) // not every writer has them
	wake, leave := s.hub.join()
	defer leave()
	st := stream{server: s, query: r.URL.Query(), sent: map[string]string{}, fresh: map[string]string{}}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		data, err := st.news()
		if err != nil {
			s.Log.ErrorContext(r.Context(), "the page could not be drawn", "err", err)
			return
		}
		if data != nil {
			_, err = fmt.Fprintf(w, "event: regions\ndata: %s\n\n", data)
		}
		if err != nil || out.Flush() != nil {
			return // the page is gone
		}
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			if _, err := fmt.Fprint(w, ": still here\n\n"); err != nil {
				return
			}
		case <-wake:
			time.Sleep(settle)
		}
	}
}

// stream is one open page.
type stream struct {
	server *Server
	query  map[string][]string
	sent   map[string]string // by region
	fresh  map[string]string // by conversation: how far was read when it was opened
}

// news is the JSON of the regions that changed, nil if none did.
func (st *stream) news() ([]byte, error) {
	changed := map[string]string{}
	for _, r := range st.server.page(st.server.places(st.query), st.fresh).regions() {
		html, err := r.HTML()
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", r.ID, err)
		}
		if before, ok := st.sent[r.ID]; !ok || before != string(html) {
			st.sent[r.ID], changed[r.ID] = string(html), string(html)
		}
	}
	if len(changed) == 0 {
		return nil, nil
	}
	return json.Marshal(changed)
}
