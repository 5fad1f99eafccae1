// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net/http"
	"testing"
)

// as asks a server with a token, and returns the status.
func (p *process) as(t *testing.T, token, method, path string) int {
	t.Helper()
	status, _ := p.request(t, token, method, path)
	return status
}

func (p *process) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	return p.request(t, "", http.MethodGet, path)
}

func (p *process) request(t *testing.T, token, method, path string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.api+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}
