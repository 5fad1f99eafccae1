// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
	"testing"
	"time"
)

// TestErrorsRepeatNoSecret: whatever is wrong with a body, the answer, which programs
// write into logs, does not hold the password or the key that was in it.
func TestErrorsRepeatNoSecret(t *testing.T) {
	s, _, _ := withAccounts(t, time.Now)
	const word = "a long SECRET of mine"
	for _, tc := range []struct{ method, path, body, kind string }{
		{"POST", "/api/v1/users", `{"name":"x","role":"viewer","password":"` + word + `","rolle":1}`, "application/json"},
		{"POST", "/api/v1/users", `{"name":"x","role":"viewer","password":"` + strings.Repeat(word, 100) + `"}`, "application/json"},
		{"POST", "/api/v1/users", `{"name":"x","role":"viewer","password":"` + word + `"`, "application/json"},
		{"POST", "/api/v1/users", `{"name":"x","role":"viewer","password":"` + word + `"}`, "text/plain"},
		{"POST", "/api/v1/users", `{"name":"x","role":"viewer","password":["` + word + `"]}`, "application/json"},
		{"PATCH", "/api/v1/users/x", `["` + word + `"]`, "application/json"},
		{"POST", "/api/v1/session", `{"password":"` + word + `"}`, "application/json"},
		{"POST", "/api/v1/session/link", `{"key":"` + strings.Repeat(word, 100) + `"}`, "application/json"},
		{"POST", "/api/v1/session/password", `{"old":"` + strings.Repeat(word, 100) + `","new":"` + strings.Repeat(word, 100) + `"}`, "application/json"},
	} {
		b := visitor(t, s)
		b.headers = map[string]string{"Authorization": "Bearer " + token, "Content-Type": tc.kind}
		res, _ := b.do(tc.method, tc.path, tc.body)
		body := res.Body.String()
		if res.Code < 400 || res.Code >= 500 || strings.Contains(body, "SECRET") || !strings.Contains(body, `"location":"body`) {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, res.Code, body)
		}
	}
}
