// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"tidewatch/account"
	"tidewatch/incident"
)

// streaming is a server with a hub that so many may watch.
func streaming(t *testing.T, most int) (*Server, *Hub) {
	t.Helper()
	hub, err := NewHub(most, nil)
	if err != nil {
		t.Fatal(err)
	}
	return server(t, func(c *Config, d *Deps) { c.Listen, d.Hub, d.Version = "127.0.0.1:0", hub, "7.0" }), hub
}

// watching opens the stream of a running server and returns its lines.
func watching(t *testing.T, addr, query string) *bufio.Reader {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/api/v1/stream"+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("%d %s", res.StatusCode, got)
	}
	return bufio.NewReader(res.Body)
}

// event reads one event: its name and its data.
func event(t *testing.T, from *bufio.Reader) string {
	t.Helper()
	var lines []string
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ended: %v", err)
		}
		if line == "\n" {
			return strings.Join(lines, " ")
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
}

// TestStream: who watches is told of what happens, of the topics asked for alone, and the
// server stops although streams are open.
func TestStream(t *testing.T) {
	t.Parallel()
	s, hub := streaming(t, 2)
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	all, some := watching(t, s.Addr(), ""), watching(t, s.Addr(), "?topics=incident,mitigation")
	for _, r := range []*bufio.Reader{all, some} {
		if got := event(t, r); got != `event: hello data: {"version":"7.0"}` {
			t.Fatal(got)
		}
	}
	// A third finds no place, and is told to come back.
	res, err := http.Get("http://" + s.Addr() + "/api/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d", res.StatusCode)
	}
	hub.Publish(TrafficTopic, &TrafficEvent{At: noon(), In: 8})
	hub.Publish(IncidentTopic, &IncidentEvent{Type: incident.Opened, Incident: &incident.Incident{ID: "inc-a"}})
	if got := event(t, all); !strings.HasPrefix(got, `event: traffic data: {"at":"2026-03-02T12:00:00Z","in_bits_per_second":8,"out_bits_per_second":0,`) {
		t.Error(got)
	}
	for _, r := range []*bufio.Reader{all, some} {
		if got := event(t, r); !strings.HasPrefix(got, `event: incident data: {"type":"opened","incident":{"id":"inc-a"`) {
			t.Error(got)
		}
	}
	begun := time.Now()
	stop()
	if err := <-done; err != nil || time.Since(begun) > drainTimeout/2 {
		t.Errorf("stopping took %v: %v", time.Since(begun), err)
	}
	if _, err := io.ReadAll(all); err != nil {
		t.Errorf("the stream was cut instead of ended: %v", err)
	}
	if got := testutil.ToFloat64(hub.streams); got != 0 {
		t.Errorf("%v streams are open after the end", got)
	}
}

// TestStreamSlow: a client that does not read is dropped and counted, and the others and
// the publisher are not held up.
func TestStreamSlow(t *testing.T) {
	t.Parallel()
	_, hub := streaming(t, 2)
	slow, ok := hub.watch(nil)
	if !ok {
		t.Fatal("no place")
	}
	quick, ok := hub.watch([]Topic{IncidentTopic})
	if !ok {
		t.Fatal("no place")
	}
	for range queued + 1 {
		hub.Publish(TrafficTopic, &TrafficEvent{})
	}
	hub.Publish(IncidentTopic, &IncidentEvent{})
	if got := testutil.ToFloat64(hub.lost.WithLabelValues(lostSlow)); got != 1 {
		t.Errorf("%v are lost", got)
	}
	n := 0
	for range slow.queue {
		n++
	}
	if n != queued {
		t.Errorf("%d messages waited for the slow one", n)
	}
	if len(quick.queue) != 1 {
		t.Error("the quick one was not told")
	}
	hub.leave(slow) // what its handler does, long after
	hub.leave(quick)
	if _, ok := hub.watch(nil); !ok {
		t.Error("places were not given back")
	}
}

// TestStreamStuck: a client that takes no byte is cut after a while, not at the 30 seconds
// of an ordinary answer, and counts as slow. One that reads lives on past those.
func TestStreamStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, hub := streaming(t, 3)
		run := func(read bool) (lived time.Duration) {
			w, _ := hub.watch(nil)
			begun := time.Now()
			server, client := net.Pipe()
			defer func() { _ = client.Close() }()
			if read {
				go func() { _, _ = io.Copy(io.Discard, client) }()
			}
			out := &pipeWriter{Conn: server}
			s := sender{out, http.NewResponseController(out)}
			err := s.all(t.Context(), w, newMessage("hello", Hello{}), nil)
			hub.leave(w)
			_ = server.Close()
			if read == (err != nil) {
				t.Errorf("reading %v: %v", read, err)
			}
			return time.Since(begun)
		}
		if got := run(false); got != takeWithin {
			t.Errorf("the stuck one was cut after %v", got)
		}
		if got := run(true); got != streamFor {
			t.Errorf("the one that reads lived for %v", got)
		}
	})
}

// TestStreamOfNobody: a stream ends at the next ping when whoever watches may not read any
// more.
func TestStreamOfNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, hub := streaming(t, 1)
		w, _ := hub.watch(nil)
		defer hub.leave(w)
		out := &limitedRecorder{ResponseRecorder: httptest.NewRecorder()}
		s := sender{out, http.NewResponseController(out)}
		begun, asked := time.Now(), 0
		err := s.all(t.Context(), w, newMessage("hello", Hello{}), func(context.Context) bool {
			asked++
			return asked < 3
		})
		if got := time.Since(begun); err != nil || got != 3*pingEvery {
			t.Errorf("it ended after %v: %v", got, err)
		}
		if got := time.Until(out.limit); got != takeWithin {
			t.Errorf("its end may be written for %v", got)
		}
	})
}

// limitedRecorder knows until when may be written.
type limitedRecorder struct {
	*httptest.ResponseRecorder

	limit time.Time
}

func (l *limitedRecorder) SetWriteDeadline(at time.Time) error {
	l.limit = at
	return nil
}

// TestStill: who was let in is out when the session or the token ends, the account is
// disabled, or a user exists since.
func TestStill(t *testing.T) {
	t.Parallel()
	k, _ := keeper(t, time.Now)
	_, fresh, key := invited(t, time.Now)
	let := func(k *account.Keeper, header, value string) *caller {
		a := newAuthenticator(&Config{Token: token}, &Deps{Accounts: k, Clock: time.Now}, nil)
		mux := http.NewServeMux()
		mux.Handle("GET /api/v1/stream", http.NotFoundHandler())
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/stream", http.NoBody)
		r.RemoteAddr = "127.0.0.1:1"
		r.Header.Set(header, value)
		var who *caller
		a.check(mux, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { who = callerOf(r.Context()) })).ServeHTTP(httptest.NewRecorder(), r)
		if who == nil || !who.still(t.Context()) {
			t.Fatalf("%s is not let in", value)
		}
		return who
	}
	signed := func(name string) *caller {
		e, err := k.Login(t.Context(), name, passphrase, "", netip.MustParsePrefix("127.0.0.1/32"))
		if err != nil {
			t.Fatal(err)
		}
		return let(k, "Cookie", cookieName+"="+e.Secret)
	}
	secret, made, err := k.AddToken(t.Context(), "test", &account.Wish{Name: "x", Scope: account.ScopeRead, Level: account.Administer})
	if err != nil {
		t.Fatal(err)
	}
	disabled := true
	ada := signed("ada")
	master := let(k, "Authorization", "Bearer "+token)
	for name, tc := range map[string]struct {
		who *caller
		end func() error
	}{
		"signed out": {ada, func() error { return k.Logout(t.Context(), ada.session) }},
		"disabled": {signed("otto"), func() error {
			_, err := k.ChangeUser(t.Context(), "t", "otto", &account.Edit{Disabled: &disabled})
			return err
		}},
		"removed":      {signed("vera"), func() error { return k.RemoveUser(t.Context(), "t", "vera") }},
		"a token":      {let(k, "Authorization", "Bearer "+secret), func() error { return k.RemoveToken(t.Context(), "t", "", made.ID) }},
		"a user since": {let(fresh, "X-None", "x"), func() error { _, err := fresh.Setup(t.Context(), key, "eve", passphrase, netip.Prefix{}); return err }},
	} {
		if err := tc.end(); err != nil {
			t.Fatal(name, err)
		}
		if tc.who.still(t.Context()) {
			t.Errorf("%s, and still in", name)
		}
		if !master.still(t.Context()) {
			t.Error("the administrator's token ended")
		}
	}
}

// pipeWriter is an answer that goes into a pipe.
type pipeWriter struct {
	net.Conn

	header http.Header
}

func (p *pipeWriter) Header() http.Header { return p.header }
func (p *pipeWriter) WriteHeader(int)     {}
func (p *pipeWriter) Flush()              {}

// BenchmarkPublish is what a change costs whoever causes it, with 64 watchers.
func BenchmarkPublish(b *testing.B) {
	for _, watchers := range []int{0, 64} {
		b.Run(fmt.Sprintf("%d watchers", watchers), func(b *testing.B) {
			hub, err := NewHub(64, nil)
			if err != nil {
				b.Fatal(err)
			}
			for range watchers {
				w, _ := hub.watch(nil)
				go func() {
					for range w.queue {
					}
				}()
			}
			b.ReportAllocs()
			for b.Loop() {
				hub.Publish(TrafficTopic, &TrafficEvent{})
			}
			hub.close()
		})
	}
}
