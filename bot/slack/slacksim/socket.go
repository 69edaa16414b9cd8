package slacksim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Socket Mode limits: https://docs.slack.dev/apis/events-api/using-socket-mode
const (
	maxAck     = 20480 // bytes; an ack as long or longer is dropped
	maxSockets = 10
	ticketLife = 30 * time.Second
)

type socketState struct {
	open     []*conn
	turn     int
	tickets  map[string]time.Time
	waiting  map[string]*envelope
	seq      int
	opened   bool // a socket was open once
	disabled bool
}

func (s *socketState) init() {
	s.tickets = map[string]time.Time{}
	s.waiting = map[string]*envelope{}
}

// conn is one Socket Mode connection.
type conn struct {
	ws    *websocket.Conn
	id    string
	seq   int
	host  string
	queue [][]byte // guarded by Workspace.mu
	wake  chan struct{}
	done  chan struct{}
	once  sync.Once
	// ending is set once a disconnect was announced that ends the socket; no new envelope goes out on it.
	ending bool
}

func (c *conn) shut() {
	c.once.Do(func() {
		close(c.done)
		_ = c.ws.NetConn().Close()
	})
}

func (c *conn) gone() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// put queues a frame; the writer sends it. The workspace is locked.
func (c *conn) put(v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		return
	}
	c.queue = append(c.queue, raw)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *call) openConnection() (obj, error) {
	if c.sockets.disabled {
		return nil, fail("internal_error")
	}
	ticket := c.ids.uuid()
	c.sockets.tickets[ticket] = time.Now()
	u := url.URL{Scheme: "ws", Host: c.host, Path: "/link/", RawQuery: url.Values{"ticket": {ticket}, "app_id": {c.opts.AppID}}.Encode()}
	return obj{"url": u.String()}, nil
}

var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }, WriteBufferSize: 64 << 10}

func (w *Workspace) serveSocket(rw http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	w.mu.Lock()
	issued, ok := w.sockets.tickets[ticket]
	delete(w.sockets.tickets, ticket)
	refused := time.Now().Before(w.faults.noSockets) || w.closed
	w.unlock()
	switch {
	case refused:
		hangUp(rw)
		return
	case !ok || time.Since(issued) > ticketLife:
		http.Error(rw, "invalid ticket", http.StatusForbidden)
		return
	}
	ws, err := upgrader.Upgrade(rw, r, nil)
	if err != nil {
		return
	}
	c := &conn{ws: ws, host: r.Host, wake: make(chan struct{}, 1), done: make(chan struct{})}
	if !w.join(c) {
		c.shut()
		return
	}
	w.read(c)
	w.leave(c)
}

// join greets a connection. One too many is told so and closed.
func (w *Workspace) join(c *conn) bool {
	w.mu.Lock()
	defer w.unlock()
	if w.closed {
		return false
	}
	w.sockets.seq++
	c.seq, c.id = w.sockets.seq, "socket-"+itoa(w.sockets.seq)
	w.running.Go(func() { w.write(c) })
	if len(w.sockets.open) >= maxSockets {
		w.disconnect(c, "too_many_websockets")
		return true
	}
	w.sockets.open = append(w.sockets.open, c)
	w.sockets.opened = true
	c.put(obj{
		"type": "hello", "num_connections": len(w.sockets.open), "connection_info": obj{"app_id": w.opts.AppID},
		"debug_info": obj{"host": "applink-" + itoa(c.seq), "build_number": 1, "approximate_connection_time": 3600},
	})
	w.log(Entry{Kind: "socket", Method: "hello", ID: c.id})
	w.changed(Change{Kind: "socket"})
	w.refreshLater(c)
	return true
}

// refreshLater ends the connection after its lifetime, as Slack does about every hour. Sockets that were opened
// together are not refreshed together.
func (w *Workspace) refreshLater(c *conn) {
	life := w.opts.ConnectionLifetime
	if life < 0 {
		return
	}
	life -= time.Duration(c.seq%maxSockets) * life / 40
	w.after(max(life-10*time.Second, 0), func() {
		w.mu.Lock()
		defer w.unlock()
		if !c.gone() {
			w.disconnect(c, "warning")
		}
	})
	w.after(life, func() {
		w.mu.Lock()
		defer w.unlock()
		if !c.gone() {
			w.disconnect(c, "refresh_requested")
		}
	})
}

// disconnect announces the end of a connection; all reasons but warning also bring it about.
func (w *Workspace) disconnect(c *conn, reason string) {
	c.put(obj{"type": "disconnect", "reason": reason, "debug_info": obj{"host": "applink-" + itoa(c.seq)}})
	w.log(Entry{Kind: "socket", Method: "disconnect", ID: c.id, Args: obj{"reason": reason}})
	if reason == "warning" {
		return
	}
	c.ending = true
	w.after(time.Second, c.shut)
}

func (w *Workspace) leave(c *conn) {
	c.shut()
	w.mu.Lock()
	defer w.unlock()
	w.sockets.open = slices.DeleteFunc(slices.Clone(w.sockets.open), func(x *conn) bool { return x == c })
	w.log(Entry{Kind: "socket", Method: "closed", ID: c.id})
	w.changed(Change{Kind: "socket"})
}

// write sends what is queued, and pings.
func (w *Workspace) write(c *conn) {
	defer c.shut()
	tick := time.NewTicker(w.opts.PingInterval)
	defer tick.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-tick.C:
			if c.ws.WriteControl(websocket.PingMessage, []byte("Ping from applink-"+itoa(c.seq)), time.Now().Add(10*time.Second)) != nil {
				return
			}
		case <-c.wake:
			w.mu.Lock()
			out := c.queue
			c.queue = nil
			w.unlock()
			for _, raw := range out {
				_ = c.ws.SetWriteDeadline(time.Now().Add(10 * time.Second))
				if c.ws.WriteMessage(websocket.TextMessage, raw) != nil {
					return
				}
			}
		}
	}
}

// read takes acks until the connection ends.
func (w *Workspace) read(c *conn) {
	for {
		_, raw, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		if len(raw) >= maxAck {
			w.oversize(c, raw)
			return
		}
		w.mu.Lock()
		delay := w.faults.ackDelay
		if delay > 0 {
			w.after(delay, func() { w.acked(raw) })
		}
		w.unlock()
		if delay == 0 {
			w.acked(raw)
		}
	}
}

// oversize notes an ack that is too long and closes the socket as Slack does.
func (w *Workspace) oversize(c *conn, raw []byte) {
	var frame struct {
		EnvelopeID string `json:"envelope_id"`
	}
	_ = json.Unmarshal(raw, &frame)
	w.mu.Lock()
	w.violate(OversizeAck, frame.EnvelopeID, "ack of "+itoa(len(raw))+" bytes was dropped")
	w.unlock()
	msg := websocket.FormatCloseMessage(websocket.CloseMessageTooBig, "Max frame length of 20480 has been exceeded.")
	_ = c.ws.WriteControl(websocket.CloseMessage, msg, time.Now().Add(time.Second))
}

// pick returns the connection that gets the next envelope, nil if there is none.
func (w *Workspace) pick() *conn {
	var open []*conn
	for _, c := range w.sockets.open {
		if !c.ending && !c.gone() {
			open = append(open, c)
		}
	}
	if len(open) == 0 {
		return nil
	}
	w.sockets.turn++
	return open[w.sockets.turn%len(open)]
}

// Sockets returns how many Socket Mode connections are open.
func (w *Workspace) Sockets() int {
	w.mu.Lock()
	defer w.unlock()
	return len(w.sockets.open)
}
