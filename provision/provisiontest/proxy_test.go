package provisiontest_test

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"

	"apono/provision/provisiontest"
)

// echo answers every line with itself.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

func say(c net.Conn, line string) (string, error) {
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	return bufio.NewReader(c).ReadString('\n')
}

func wantEcho(t *testing.T, c net.Conn, line string) {
	t.Helper()
	if got, err := say(c, line); err != nil || got != line+"\n" {
		t.Errorf("answer %q, %v; want %q", got, err, line)
	}
}

func TestProxyPassesAndGoesDown(t *testing.T) {
	p := provisiontest.NewProxy(t, echo(t))
	before := dial(t, p.Addr())
	wantEcho(t, before, "one")
	wantEcho(t, before, "two")

	up := p.Down(t)
	if got, err := say(before, "three"); err == nil {
		t.Errorf("a connection from before still answers %q", got)
	}
	if c, err := net.Dial("tcp", p.Addr()); err == nil {
		if got, err := say(c, "four"); err == nil {
			t.Errorf("a new connection answers %q", got)
		}
		_ = c.Close()
	}
	up()
	wantEcho(t, dial(t, p.Addr()), "five")
}

func TestProxyHangs(t *testing.T) {
	p := provisiontest.NewProxy(t, echo(t))
	for name, early := range map[string]bool{"a connection from before": true, "a new connection": false} {
		var c net.Conn
		if early {
			c = dial(t, p.Addr())
			wantEcho(t, c, "one")
		}
		reached, release := p.Hang(t)
		if !early {
			c = dial(t, p.Addr())
		}
		select {
		case <-reached:
			t.Fatalf("%s: nothing was sent yet", name)
		default:
		}
		answer := make(chan error, 1)
		go func() { _, err := say(c, "two"); answer <- err }()
		<-reached
		release()
		if err := <-answer; err == nil { // what was held is not let through late
			t.Errorf("%s: a held call was answered", name)
		}
	}
	wantEcho(t, dial(t, p.Addr()), "three")
}

func TestProxyWithoutTarget(t *testing.T) {
	c, err := net.Dial("tcp", provisiontest.NewProxy(t, "127.0.0.1:1").Addr())
	if err != nil { // ended as soon as it was made
		return
	}
	defer c.Close()
	if got, err := say(c, "one"); err == nil {
		t.Errorf("a target that is not there answers %q", got)
	}
}
