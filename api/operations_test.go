// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// operation is one route as the document tells of it.
type operation struct {
	method, path string

	Parameters  []parameter        `json:"parameters"`
	RequestBody json.RawMessage    `json:"requestBody"`
	Responses   map[string]outcome `json:"responses"`
}

type parameter struct {
	Name string `json:"name"`
	In   string `json:"in"`
}

type outcome struct {
	Headers map[string]json.RawMessage `json:"headers"`
}

// operations lists all routes of the document, in order.
func operations(tb testing.TB, s *Server) (out []operation) {
	tb.Helper()
	_, body := ask(tb, s, http.MethodGet, "/api/v1/openapi.json", nil)
	var doc struct {
		Paths map[string]map[string]operation `json:"paths"`
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		tb.Fatal(err)
	}
	for path, methods := range doc.Paths {
		for method, o := range methods {
			o.method, o.path = strings.ToUpper(method), path
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return out
}

// changes reports whether a route does more than to read.
func (o *operation) changes() bool { return o.method != http.MethodGet }

// target is the path with names filled in: an incident's and a device's that are there.
func (o *operation) target() string {
	return strings.NewReplacer("{id}", "inc-aaaaaaaaaaaaaaaa", "{address}", "2001:db8::1", "{name}", "chat").Replace(o.path)
}

func (o *operation) String() string { return o.method + " " + o.path }
