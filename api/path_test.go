// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	pages "tidewatch/web"
)

// raw sends a request line as it stands, which no client of Go's would, and returns the
// answer.
func raw(t *testing.T, addr, line string, headers ...string) (status int, location, body string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	text := line + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%s %.80q: %v", line, headers, err)
	}
	defer func() { _ = res.Body.Close() }()
	read, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return res.StatusCode, res.Header.Get("Location"), string(read)
}

// listen runs a server until the test is over.
func listen(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestTraversal: no spelling of a path leads out of the dashboard's files, to another
// host, or past the question who may use a route.
func TestTraversal(t *testing.T) {
	t.Parallel()
	k, _ := keeper(t, time.Now)
	dashboard, err := pages.New()
	if err != nil {
		t.Fatal(err)
	}
	s := server(t, func(c *Config, d *Deps) {
		c.Listen, d.Web, d.Accounts, d.Clock = "127.0.0.1:0", dashboard, k, time.Now
	})
	listen(t, s)
	for _, path := range []string{
		"/../../../../etc/passwd", "/assets/../../../etc/passwd", "/..%2f..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd",
		"/%2e%2e%2f%2e%2e%2fetc/passwd", "/..%5c..%5cetc%5cpasswd", `/..\..\etc\passwd`, "/....//....//etc/passwd", "/%252e%252e%252fetc/passwd",
		"/%c0%ae%c0%ae/etc/passwd", "/assets/..;/..;/etc/passwd", "/etc/passwd%00.html", "//etc/passwd", "//attacker.example/..", "//attacker.example/%2e%2e",
		`/\attacker.example`, "http://attacker.example/../etc/passwd", "http://127.0.0.1/%2e%2e/etc/passwd",
		"/README", "/./README", "/dist/README", "/dist/index.html", "/assets", "/assets/", "/web.go", "/.git/config", "/data/tidewatch.db", "/data/token",

		"/healthz/../api/v1/users", "/healthz%2f..%2fapi/v1/users", "/assets/../api/v1/users", "/api/v1/session/../users", "/api/v1/session%2f..%2fusers",
		"/api/v1/openapi.json/../users", "//api/v1/users", "/api//v1/users", "/api/v1/./users", "/api/v1/users/", "/API/V1/USERS", "/api/v1/%75sers",
		"/api/v1/users;x", "/api/v1/users%00", "/api/v1/users%20", "/api/v1/users%2f", "/api/v1/users?", "/api/v1/users#x",
	} {
		for hops := 0; path != "" && hops < 5; hops++ {
			status, next, body := raw(t, s.Addr(), "GET "+path)
			if status == http.StatusOK && path != "/" || strings.Contains(body, "root:") || strings.Contains(body, `"vera"`) {
				t.Errorf("%s: %d %.100q", path, status, body)
			}
			if next != "" && (!strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.HasPrefix(next, `/\`)) {
				t.Errorf("%s leads to %q", path, next)
			}
			path = next
		}
	}

	// What stands in place of an id is looked up, and leads nowhere, for an administrator
	// either; and a user's name decides nothing.
	for _, id := range []string{"..%2f..%2fusers", "%2e%2e%2fusers", "..%5cusers", ".%2f", "%00", "inc-aaaaaaaaaaaaaaaa%2f..%2fx", "%252e%252e%252f", "'%20or%201=1--", "*", "%25"} {
		for _, path := range []string{"incidents/%s", "incidents/%s/flows", "devices/%s"} {
			target := "/api/v1/" + fmt.Sprintf(path, id)
			status, _, body := raw(t, s.Addr(), "GET "+target, "Authorization: Bearer "+token)
			if status != http.StatusNotFound && status != http.StatusUnprocessableEntity || strings.Contains(body, `"vera"`) {
				t.Errorf("%s: %d %.100q", target, status, body)
			}
		}
		for _, line := range []string{"DELETE /api/v1/users/%s", "DELETE /api/v1/tokens/%s", "POST /api/v1/sinks/%s/test"} {
			line = fmt.Sprintf(line, id)
			if status, _, body := raw(t, s.Addr(), line, "Authorization: Bearer "+token); status != http.StatusNotFound {
				t.Errorf("%s: %d %.100q", line, status, body)
			}
		}
	}
}

// TestMalformedRequests: what is no request of HTTP, or too large, is told so, and the
// answer arrives although more was sent than was read.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	s := server(t, func(c *Config, _ *Deps) { c.Listen = "127.0.0.1:0" })
	listen(t, s)
	body := strings.Repeat("x", 20*maxBody)
	for name, tc := range map[string]struct {
		line    string
		headers []string
		want    int
	}{
		"a large header":             {"GET /healthz", []string{"X-Large: " + strings.Repeat("x", maxHeaderBytes+8192)}, 431},
		"two lengths":                {"GET /healthz", []string{"Content-Length: 2", "Content-Length: 3"}, 400},
		"two hosts":                  {"GET /healthz", []string{"Host: attacker.example"}, 400},
		"both framings":              {"GET /healthz", []string{"Content-Length: 2", "Transfer-Encoding: chunked, identity"}, 501},
		"a header on two lines":      {"GET /healthz", []string{"X : y"}, 400},
		"a zero byte":                {"GET /healthz", []string{"X: a\x00b"}, 400},
		"a large body":               {"POST /api/v1/incidents/inc-a/comment", []string{"Authorization: Bearer " + token, "Content-Type: application/json", fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)}, 413},
		"a large body of a stranger": {"POST /api/v1/incidents/inc-a/comment", []string{"Authorization: Bearer x", fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)}, 401},
	} {
		if status, _, body := raw(t, s.Addr(), tc.line, tc.headers...); status != tc.want {
			t.Errorf("%s: %d, want %d: %.100q", name, status, tc.want, body)
		}
	}
}
