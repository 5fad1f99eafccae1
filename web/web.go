// SPDX-License-Identifier: Apache-2.0

// Package web holds the dashboard: what was built of web/ui lies in dist and is embedded.
// Where it was not built, for want of Node, a page says so and names the API.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// notice is what is shown instead of a dashboard that was not built.
const notice = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>tidewatch</title></head>
<body>
<h1>tidewatch</h1>
<p>tidewatch runs. This program was built without its dashboard, because Node.js was not there.</p>
<p>Install Node.js 20 or newer with npm, then <code>make run</code> builds the dashboard, too.</p>
<p>Everything else works: <a href="/api/v1/incidents">incidents</a>, <a href="/api/v1/summary">summary</a>,
<a href="/api/v1/openapi.json">the API</a>, and the program's own commands (<code>tidewatch incident list</code>).
Once a user exists (<code>tidewatch user add NAME --role admin</code>), the API asks for a token
(<code>tidewatch token add NAME</code>).</p>
</body></html>
`

// file is one file of the dashboard, ready to be sent.
type file struct {
	body, packed []byte // packed is gzip; nil when it is not smaller
	kind, tag    string
	forever      bool // its name changes with its content
}

// Handler serves the dashboard. It knows no page of its own: which one is shown stands
// behind the '#' of the address, so every other path is an unknown one.
type Handler struct {
	files map[string]*file // by path, "/" is the page
}

// New reads the embedded files. The error is one of the build.
func New() (*Handler, error) { return from(dist) }

func from(files fs.FS) (*Handler, error) {
	h := &Handler{files: map[string]*file{}}
	err := fs.WalkDir(files, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Base(name) == "README" {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		at := strings.TrimPrefix(name, "dist")
		h.files[at] = newFile(body, mime.TypeByExtension(path.Ext(name)), strings.HasPrefix(at, "/assets/"))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if page := h.files["/index.html"]; page != nil {
		h.files["/"] = page
	} else {
		h.files["/"] = newFile([]byte(notice), "text/html; charset=utf-8", false)
	}
	return h, nil
}

func newFile(body []byte, kind string, forever bool) *file {
	sum := sha256.Sum256(body)
	f := &file{body: body, kind: kind, tag: `"` + hex.EncodeToString(sum[:12]) + `"`, forever: forever}
	if f.kind == "" {
		f.kind = "application/octet-stream"
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(body) // a buffer takes everything
	_ = z.Close()
	if packed.Len() < len(body)*9/10 {
		f.packed = packed.Bytes()
	}
	return f
}

// Built reports whether there is a dashboard.
func (h *Handler) Built() bool { return h.files["/index.html"] != nil }

// Has reports whether a path is a file of the dashboard.
func (h *Handler) Has(path string) bool { return h.files[path] != nil }

// ServeHTTP answers GET and HEAD for the files that Has knows.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := h.files[r.URL.Path]
	if f == nil {
		http.NotFound(w, r)
		return
	}
	head := w.Header()
	head.Set("Content-Type", f.kind)
	head.Set("Etag", f.tag)
	head.Set("Vary", "Accept-Encoding")
	if f.forever {
		head.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		head.Set("Cache-Control", "no-cache")
	}
	if match(r.Header.Get("If-None-Match"), f.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.body
	if f.packed != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		head.Set("Content-Encoding", "gzip")
		body = f.packed
	}
	head.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // who went away cannot be told anything
	}
}

func match(asked, tag string) bool {
	for one := range strings.SplitSeq(asked, ",") {
		if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == tag || one == "*" {
			return true
		}
	}
	return false
}

func acceptsGzip(accept string) bool {
	for one := range strings.SplitSeq(accept, ",") {
		name, q, _ := strings.Cut(one, ";")
		if strings.TrimSpace(name) == "gzip" {
			q = strings.TrimPrefix(strings.TrimSpace(q), "q=")
			v, err := strconv.ParseFloat(q, 64)
			return q == "" || err == nil && v > 0
		}
	}
	return false
}
