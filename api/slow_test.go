// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener of connections in memory, on which time is the test's.
type pipes struct {
	waiting chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.waiting:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

// pipe is one end, of somebody who is here; it tells when the server lets go of it.
type pipe struct {
	net.Conn

	gone chan struct{}
	once sync.Once
}

func (p *pipe) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000} }

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.gone) })
	return p.Conn.Close()
}

// drip sends a byte a second until nobody takes it.
func drip(c net.Conn, text string) {
	for i := range len(text) {
		if _, err := io.WriteString(c, text[i:i+1]); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// TestSlowClients: whoever sends or takes too slowly is let go of after a fixed time,
// however they space their bytes, and their place is another's then.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	const (
		post  = "POST /api/v1/incidents/inc-a/comment HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer " + token + "\r\n"
		large = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
	)
	for name, tc := range map[string]struct {
		at   string // sent at once
		slow string // and then byte by byte
		read bool   // what is answered is taken
		says string
		most time.Duration
	}{
		"says nothing":                {"", "", true, "", headerTimeout},
		"half a line":                 {"GET /heal", "", true, "", headerTimeout},
		"a header byte by byte":       {"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", strings.Repeat("x", 3600), true, "", headerTimeout},
		"headers that go on":          {"GET / HTTP/1.1\r\nHost: localhost\r\n", strings.Repeat("X: 1\r\n", 600), true, "", headerTimeout},
		"a body that never comes":     {post + "Content-Length: 1000\r\n\r\n", "", true, " 408 ", readTimeout},
		"a body byte by byte":         {post + "Content-Length: 1000\r\n\r\n", `{"note":"` + strings.Repeat("x", 3600), true, " 408 ", readTimeout},
		"chunks that go on":           {post + "Transfer-Encoding: chunked\r\n\r\n", strings.Repeat("1\r\nx\r\n", 600), true, " 408 ", readTimeout},
		"a body that nobody asks for": {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", strings.Repeat("x", 1000), true, " 200 ", readTimeout},
		"a body of a stranger":        {strings.Replace(post, token, "x"+token, 1) + "Content-Length: 1000\r\n\r\n", strings.Repeat("x", 1000), true, " 401 ", readTimeout},
		"takes nothing":               {large, "", false, "", writeTimeout},
		"takes nothing, asks on":      {strings.Repeat(large, 3), "", false, "", writeTimeout},
		"does nothing more":           {"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "", true, " 200 ", idleTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := server(t, nil)
				in := &pipes{waiting: make(chan net.Conn), closed: make(chan struct{})}
				s.listener = limitConns(in, 1)
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- s.Run(ctx) }()

				theirs, client := net.Pipe()
				held := &pipe{Conn: theirs, gone: make(chan struct{})}
				in.waiting <- held
				begun := time.Now()
				answer := make(chan string, 1)
				if tc.read {
					go func() {
						text, _ := io.ReadAll(client)
						answer <- string(text)
					}()
				}
				var sending sync.WaitGroup
				sending.Go(func() {
					_, _ = io.WriteString(client, tc.at) // the server may be gone before it took all
					drip(client, tc.slow)
				})
				<-held.gone
				if took := time.Since(begun); took > tc.most+time.Second {
					t.Errorf("let go of after %v, want %v at most", took, tc.most)
				}
				_ = client.Close()
				sending.Wait()
				if tc.read {
					if got, _, _ := strings.Cut(<-answer, "\r\n"); !strings.Contains(got, tc.says) || tc.says == "" && strings.Contains(got, " 200 ") {
						t.Errorf("answered %q, want %q", got, tc.says)
					}
				}
				theirs, client = net.Pipe()
				held = &pipe{Conn: theirs, gone: make(chan struct{})}
				in.waiting <- held // the only place is free again
				_ = client.Close()
				<-held.gone
				stop()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
