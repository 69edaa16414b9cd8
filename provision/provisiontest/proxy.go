package provisiontest

import (
	"net"
	"sync"
	"testing"
)

// Proxy stands on loopback between a driver and a target and breaks the way
// on order. Its methods may be called at any time.
type Proxy struct {
	target   string
	listener net.Listener

	mu      sync.Mutex
	state   proxyState
	reached chan struct{} // closed by the first call that is held; nil unless hanging
	links   map[*link]struct{}
}

type proxyState int

const (
	proxyUp proxyState = iota
	proxyDown
	proxyHanging
)

// link is one connection through the proxy.
type link struct{ client, target net.Conn }

func (l *link) close() {
	if tcp, ok := l.client.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // the client sees a reset, as from a host that died
	}
	_ = l.client.Close()
	if l.target != nil {
		_ = l.target.Close()
	}
}

// NewProxy starts a proxy in front of the TCP address target. It ends with the
// test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{target: target, listener: l, links: map[*link]struct{}{}}
	t.Cleanup(func() {
		_ = l.Close()
		p.set(proxyDown)
	})
	go p.accept()
	return p
}

// Addr is where the driver connects to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Down ends all connections, and new ones as soon as they are made.
// It fits Harness.Down.
func (p *Proxy) Down(*testing.T) (up func()) {
	p.set(proxyDown)
	return p.Up
}

// Hang takes connections and lets nothing through. What arrives is thrown away
// with its connection when the way is free again. It fits Harness.Hang.
func (p *Proxy) Hang(*testing.T) (reached <-chan struct{}, release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state, p.reached = proxyHanging, make(chan struct{})
	return p.reached, p.Up
}

// Up lets everything through again. Connections made while it did not are ended.
func (p *Proxy) Up() { p.set(proxyUp) }

func (p *Proxy) set(s proxyState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == proxyUp && s == proxyUp {
		return
	}
	p.state, p.reached = s, nil
	for l := range p.links {
		l.close()
	}
	clear(p.links)
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(&link{client: client})
	}
}

func (p *Proxy) serve(l *link) {
	target, err := net.Dial("tcp", p.target)
	l.target = target
	if err != nil || !p.add(l) {
		l.close()
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { p.copy(l, l.target, l.client, true) })
	wg.Go(func() { p.copy(l, l.client, l.target, false) })
	wg.Wait()
}

func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == proxyDown {
		return false
	}
	p.links[l] = struct{}{}
	return true
}

// copy ends the whole link when either side does. What arrives while nothing
// may pass is dropped; set closes such a link, so that no stream has a hole.
func (p *Proxy) copy(l *link, to, from net.Conn, fromClient bool) {
	defer func() {
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
		_ = l.client.Close()
		_ = l.target.Close()
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !p.held(fromClient) {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *Proxy) held(fromClient bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != proxyHanging {
		return false
	}
	if fromClient && p.reached != nil {
		close(p.reached)
		p.reached = nil
	}
	return true
}
