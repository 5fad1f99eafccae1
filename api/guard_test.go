// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestHost: a page whose name was rebound to our address sends its own name.
func TestHost(t *testing.T) {
	s := server(t, func(c *Config, _ *Deps) { c.Hosts = []string{"tidewatch.example"} })
	for host, want := range map[string]int{
		"localhost":                200,
		"LOCALHOST:8080":           200,
		"127.0.0.1:8080":           200,
		"127.0.0.53":               200,
		"[::1]:8080":               200,
		"[::1]":                    200,
		"tidewatch.example":        200,
		"Tidewatch.Example:443":    200,
		"192.0.2.80:8080":          200, // the address the connection ended at
		"192.0.2.81:8080":          403,
		"attacker.example":         403,
		"localhost.attacker.test":  403,
		"attacker.example:8080":    403,
		"127.0.0.1.nip.example":    403,
		"":                         403,
		"tidewatch.example.evil":   403,
		"[::ffff:127.0.0.1]:8080":  200,
		"attacker.example:127.0.0": 403,
	} {
		res, body := ask(t, s, "GET", "/api/v1/summary", func(r *http.Request) {
			r.Host = host
			local := &net.TCPAddr{IP: net.ParseIP("192.0.2.80"), Port: 8080}
			*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
		})
		if res.Code != want {
			t.Errorf("Host %q: %d %s", host, res.Code, body)
		}
	}
}

func TestToken(t *testing.T) {
	s := server(t, func(c *Config, _ *Deps) { c.Listen, c.Token, c.Hosts = "0.0.0.0:8080", token, []string{"tw"} })
	for name, tc := range map[string]struct {
		target, peer, auth, forwarded string
		want                          int
	}{
		"from here":                       {"/api/v1/summary", "127.0.0.1:5", "", "", 200},
		"from here, IPv6":                 {"/api/v1/summary", "[::1]:5", "", "", 200},
		"from here, by a proxy":           {"/api/v1/summary", "127.0.0.1:5", "", "203.0.113.9", 401},
		"a stranger":                      {"/api/v1/summary", "203.0.113.9:5", "", "", 401},
		"a stranger reads the metrics":    {"/metrics", "203.0.113.9:5", "", "", 401},
		"a stranger opens the page":       {"/", "203.0.113.9:5", "", "", 401},
		"a stranger asks for nothing":     {"/nothing", "203.0.113.9:5", "", "", 401},
		"a probe":                         {"/healthz", "203.0.113.9:5", "", "", 200},
		"another probe":                   {"/readyz", "203.0.113.9:5", "", "", 200},
		"with the token":                  {"/api/v1/summary", "203.0.113.9:5", "Bearer " + token, "", 200},
		"with the token, lower case":      {"/api/v1/summary", "203.0.113.9:5", "bearer " + token, "", 200},
		"with the token, by a proxy":      {"/api/v1/summary", "127.0.0.1:5", "Bearer " + token, "203.0.113.9", 200},
		"with a part of it":               {"/api/v1/summary", "203.0.113.9:5", "Bearer " + token[:16], "", 401},
		"with another scheme":             {"/api/v1/summary", "203.0.113.9:5", "Basic " + token, "", 401},
		"with nothing after the scheme":   {"/api/v1/summary", "203.0.113.9:5", "Bearer ", "", 401},
		"a path that only looks harmless": {"/healthz/../api/v1/summary", "203.0.113.9:5", "", "", 401},
	} {
		t.Run(name, func(t *testing.T) {
			res, body := ask(t, s, "GET", tc.target, func(r *http.Request) {
				r.Host, r.RemoteAddr = "tw", tc.peer
				if tc.auth != "" {
					r.Header.Set("Authorization", tc.auth)
				}
				if tc.forwarded != "" {
					r.Header.Set("X-Forwarded-For", tc.forwarded)
				}
			})
			if res.Code != tc.want || strings.Contains(body, token) {
				t.Errorf("%d %s", res.Code, body)
			}
			if challenge := res.Header().Get("WWW-Authenticate"); (challenge != "") != (tc.want == 401) {
				t.Errorf("challenge %q", challenge)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	cfg := DefaultConfig()
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no port":      {func(c *Config) { c.Listen = "127.0.0.1" }, "host:port"},
		"no such port": {func(c *Config) { c.Listen = "127.0.0.1:http9" }, "end in a port"},
		"everywhere, with the file of the data directory": {func(c *Config) { c.Listen, c.TokenFile = ":8080", "" }, "without a token"},
		"everywhere":       {func(c *Config) { c.Listen = ":8080" }, "without a token: set TIDEWATCH_API_TOKEN"},
		"everywhere, IPv6": {func(c *Config) { c.Listen = "[::]:8080" }, "without a token"},
		"one address":      {func(c *Config) { c.Listen = "192.0.2.1:8080" }, "without a token"},
		"a name":           {func(c *Config) { c.Listen = "gateway:8080" }, "without a token"},
		"a short token":    {func(c *Config) { c.Token = "shorttoken" }, "at least 16 characters"},
		"a broken token":   {func(c *Config) { c.Token = "shorttoken but two words" }, "visible ASCII"},
		"two tokens":       {func(c *Config) { c.Token, c.TokenFile = token, "/run/secret" }, "one of them"},
		"no connections":   {func(c *Config) { c.MaxConns = 0 }, "max_conns"},
		"a host with port": {func(c *Config) { c.Hosts = []string{"tw:80"} }, "plain names"},
		"an empty host":    {func(c *Config) { c.Hosts = []string{""} }, "plain names"},
	} {
		cfg := DefaultConfig()
		tc.change(&cfg)
		_, err := New(&cfg, &Deps{Incidents: saved(t, 0)})
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "shorttoken") {
			t.Errorf("%s: %v", name, err)
		}
	}
	named := DefaultConfig()
	named.Listen, named.TokenFile = ":8080", "/run/secret"
	if err := named.Validate(); err != nil {
		t.Errorf("an explicit token file beyond loopback: %v", err)
	}
	if _, err := New(&cfg, &Deps{}); err == nil {
		t.Error("a server without incidents is accepted")
	}
}

// TestRun: it listens, answers, ends with its context, and frees the port.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := server(t, func(c *Config, _ *Deps) { c.Listen = "127.0.0.1:0" })
	if s.Addr() != "" {
		t.Error("it has an address before it listens")
	}
	if err := s.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	if got := get(t, "http://"+s.Addr()+"/healthz"); got != "ok\n" {
		t.Errorf("healthz: %q", got)
	}

	t.Run("the port in use is one clear line", func(t *testing.T) {
		second := server(t, func(c *Config, _ *Deps) { c.Listen = s.Addr() })
		err := second.Run(t.Context())
		if want := "api: " + s.Addr() + " is in use by another program; set api.listen to another port"; err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
	})

	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
	l, err := net.Listen("tcp", s.Addr())
	if err != nil {
		t.Fatalf("the port is not free: %v", err)
	}
	_ = l.Close()
	if err := s.Close(); err != nil {
		t.Errorf("closing it again: %v", err)
	}

	unused := server(t, func(c *Config, _ *Deps) { c.Listen = "127.0.0.1:0" })
	if err := unused.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := unused.Close(); err != nil {
		t.Error(err)
	}
	if l, err = net.Listen("tcp", unused.Addr()); err != nil {
		t.Fatalf("the port of a server that never ran is not free: %v", err)
	}
	_ = l.Close()
}

// TestConnectionsAreBounded: with all places taken the next client waits, and is
// served when one leaves.
func TestConnectionsAreBounded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := free(t)
	s := server(t, func(c *Config, _ *Deps) { c.Listen, c.MaxConns = addr, 1 })
	if err := s.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()

	first, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	talk := func(c net.Conn) { // a whole answer shows that the connection has a place
		t.Helper()
		if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 15)
		if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "HTTP/1.1 200 OK" {
			t.Fatalf("%q %v", buf, err)
		}
	}
	talk(first)
	second, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(second, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := second.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := second.Read(make([]byte, 1)); err == nil {
		t.Errorf("the second connection was served beside the first: %d", n)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Read(make([]byte, 1)); err != nil {
		t.Errorf("the second connection is not served when the first has left: %v", err)
	}
	cancel()
	_ = second.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
