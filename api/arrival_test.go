// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Cookies know no ports, so that of one server must not take the place of another's on
// the same machine: who looks at `serve` and at the demo stays signed in to both.
func TestTwoServersOnOneMachine(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{Jar: jar}
	ask := func(method, at, body string) map[string]any {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		res, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var out map[string]any
		_ = json.NewDecoder(res.Body).Decode(&out)
		return out
	}
	servers := make([]string, 0, 2)
	for range cap(servers) {
		s, _, _ := withAccounts(t, time.Now)
		on := httptest.NewServer(s.Handler())
		t.Cleanup(on.Close)
		servers = append(servers, on.URL)
	}
	for _, at := range servers {
		ask("POST", at+"/api/v1/session", fmt.Sprintf(`{"name":"ada","password":%q}`, passphrase))
	}
	for _, at := range servers {
		if out := ask("GET", at+"/api/v1/session", ""); roleOf(out) != "admin" || out["csrf"] == nil {
			t.Errorf("%s: %v", at, out)
		}
	}
}

func TestCookieOf(t *testing.T) {
	for host, want := range map[string]string{
		"127.0.0.1:8080": "tidewatch_session_8080", "[::1]:443": "tidewatch_session_443", "flows.example.net": "tidewatch_session",
		"flows.example.net:": "tidewatch_session", "[::1]": "tidewatch_session", "a:1;b": "tidewatch_session", "a:00080": "tidewatch_session_80", "a:65536": "tidewatch_session",
	} {
		if got := cookieOf(host); got != want {
			t.Errorf("%s: %s", host, got)
		}
	}
}
