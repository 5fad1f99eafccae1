// SPDX-License-Identifier: Apache-2.0

package syslog_test

import (
	"crypto/tls"
	"net"
	"sync"
	"testing"
	"time"

	parse "github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/octetcounting"
	"github.com/leodido/go-syslog/v4/rfc5424"
)

// receiver takes syslog and reads it with another's parser.
type receiver struct {
	addr string
	got  chan *rfc5424.SyslogMessage
	bad  chan error
	stop func()
}

func newReceiver() *receiver {
	return &receiver{got: make(chan *rfc5424.SyslogMessage, 100), bad: make(chan error, 100)}
}

// stream listens on TCP, or TLS when it has a configuration. An address with port 0
// takes a free one.
func stream(t *testing.T, addr string, secure *tls.Config) *receiver {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	r := newReceiver()
	r.addr = l.Addr().String()
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	var mu sync.Mutex
	var conns []net.Conn
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			wg.Go(func() {
				octetcounting.NewParser(parse.WithMaxMessageLength(64_000), parse.WithListener(func(res *parse.Result) { r.take(res.Message, res.Error) })).Parse(conn)
			})
		}
	})
	r.stop = sync.OnceFunc(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	t.Cleanup(r.stop)
	return r
}

func (r *receiver) take(m parse.Message, err error) {
	if msg, ok := m.(*rfc5424.SyslogMessage); ok && err == nil {
		r.got <- msg
		return
	}
	r.bad <- err
}

func datagrams(t *testing.T, addr string) *receiver {
	t.Helper()
	c, err := net.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	r := newReceiver()
	r.addr, r.stop = c.LocalAddr().String(), func() { _ = c.Close() }
	t.Cleanup(r.stop)
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, _, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			r.take(rfc5424.NewParser().Parse(append([]byte(nil), buf[:n]...)))
		}
	}()
	return r
}

func (r *receiver) next(t *testing.T) *rfc5424.SyslogMessage {
	t.Helper()
	select {
	case m := <-r.got:
		return m
	case err := <-r.bad:
		t.Fatalf("the receiver cannot read it: %v", err)
	case <-time.After(5 * time.Second):
		t.Fatal("nothing arrived")
	}
	return nil
}
