// SPDX-License-Identifier: Apache-2.0

package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func built(t *testing.T) *Handler {
	t.Helper()
	h, err := from(fstest.MapFS{
		"dist/README":            {Data: []byte("not served")},
		"dist/index.html":        {Data: []byte("<!doctype html><title>tidewatch</title>")},
		"dist/assets/app-1a2.js": {Data: []byte(strings.Repeat("const wave = 1;\n", 100))},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// The page is asked for anew each time, what it loads is kept for ever.
func TestServe(t *testing.T) {
	t.Parallel()
	h := built(t)
	for path, kept := range map[string]string{"/": "no-cache", "/index.html": "no-cache", "/assets/app-1a2.js": "immutable"} {
		r := get(h, path)
		if r.Code != http.StatusOK || !strings.Contains(r.Header().Get("Cache-Control"), kept) {
			t.Errorf("%s: %d %v", path, r.Code, r.Header())
		}
		again := get(h, path, "If-None-Match", r.Header().Get("ETag"))
		if again.Code != http.StatusNotModified {
			t.Errorf("%s again: %d", path, again.Code)
		}
	}
	for _, path := range []string{"/README", "/assets/", "/assets/../index.html", "/../web.go", "/incidents", "/assets/app-1a2.js/"} {
		if r := get(h, path); r.Code != http.StatusNotFound || h.Has(path) {
			t.Errorf("%s: %d", path, r.Code)
		}
	}
}

func TestPacked(t *testing.T) {
	t.Parallel()
	h := built(t)
	for accept, want := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "gzip;q=0": false, "": false, "gzip;q=x": false} {
		r := get(h, "/assets/app-1a2.js", "Accept-Encoding", accept)
		if got := r.Header().Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("%q: packed %v, want %v", accept, got, want)
			continue
		}
		if want {
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(z); err != nil || !strings.HasPrefix(string(body), "const wave") {
				t.Errorf("%q: %v %.20q", accept, err, body)
			}
		}
	}
}

// Without Node there is a page that says what to do.
func TestNotice(t *testing.T) {
	t.Parallel()
	h, err := from(fstest.MapFS{"dist/README": {Data: []byte("x")}})
	if err != nil {
		t.Fatal(err)
	}
	r := get(h, "/")
	body, _ := io.ReadAll(r.Body)
	if h.Built() || r.Code != http.StatusOK || !strings.Contains(string(body), "Node.js") || !strings.Contains(string(body), "/api/v1/incidents") {
		t.Errorf("%d %s", r.Code, body)
	}
}

// What is embedded serves, whichever it is.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	h, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if r := get(h, "/"); r.Code != http.StatusOK || !strings.HasPrefix(r.Header().Get("Content-Type"), "text/html") {
		t.Errorf("%d %v", r.Code, r.Header())
	}
}
