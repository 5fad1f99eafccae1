// SPDX-License-Identifier: Apache-2.0

package outbound_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"tidewatch/notify/notifytest"
	"tidewatch/outbound"
)

// TestClientOverTLS shows whom a client trusts.
func TestClientOverTLS(t *testing.T) {
	ca := notifytest.NewAuthority(t)
	serve := func(hosts ...string) string {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		s.TLS = ca.Server(t, hosts...)
		notifytest.Quiet(s.Config)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.URL
	}
	good, other := serve("127.0.0.1"), serve("elsewhere.example.org")
	empty := t.TempDir() + "/empty.pem"
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ url, ca, want string }{
		"trusted":           {good, ca.File, ""},
		"unknown authority": {good, "", "unknown authority"},
		"wrong name":        {other, ca.File, "IP SANs"},
		"no such file":      {good, ca.File + ".gone", "read ca_file"},
		"no certificate":    {good, empty, "holds no certificate"},
	} {
		_, err := outbound.Post(t.Context(), outbound.Client(tc.ca), tc.url, nil, nil)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v", name, err)
		}
		if outbound.IsPermanent(err) {
			t.Errorf("%s: certificates are mended, so it is no permanent error", name)
		}
	}
}

func TestClientTellsNoSecret(t *testing.T) {
	var code int
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+r.Host+"/elsewhere")
		w.WriteHeader(code)
		// Where the quoted part of an answer ends must not cut a secret in two.
		_, _ = w.Write([]byte(strings.Repeat("x", 110) + r.URL.Path))
	}))
	t.Cleanup(s.Close)
	for _, code = range []int{200, 307, 400, 403, 500} {
		answer, err := outbound.Post(t.Context(), outbound.Client("", notifytest.Canary), s.URL+"/"+notifytest.Canary, nil, nil)
		if strings.Contains(string(answer), notifytest.Canary) || err != nil && strings.Contains(err.Error(), notifytest.Canary[:8]) {
			t.Errorf("%d: the secret is in %q or %v", code, answer, err)
		}
		if permanent := code == 307 || code == 400 || code == 403; (err != nil) != (code != 200) || outbound.IsPermanent(err) != permanent {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func TestSealed(t *testing.T) {
	for address, want := range map[string]bool{
		"https://example.org": true, "https://192.0.2.1:8443/x": true, "http://127.0.0.1:9/x": true, "http://[::1]:9": true, "http://localhost": true,
		"http://example.org": false, "http://localhost.example.org": false, "https://u:p@example.org": false, "ftp://localhost": false, "example.org": false, "": false,
	} {
		if got := outbound.Sealed(address); got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
}

// TestClientGivesUp shows that a server which says nothing, or does not end, holds
// nobody beyond the context.
func TestClientGivesUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody reads
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	drip := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(drip.Close)
	for _, url := range []string{"http://" + l.Addr().String(), drip.URL} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := outbound.Post(ctx, outbound.Client(""), url, nil, nil)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || outbound.IsPermanent(err) {
			t.Errorf("%s: %v", url, err)
		}
	}
}
