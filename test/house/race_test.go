// SPDX-License-Identifier: Apache-2.0

package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestPureStartsNothing: what `make unit` tests without the race detector starts no
// goroutine and guards nothing that several of them would share, in its tests neither.
func TestPureStartsNothing(t *testing.T) {
	all := files(t)
	m := regexp.MustCompile(`(?m)^PURE := (\S+)$`).FindSubmatch(all["Makefile"])
	if m == nil {
		t.Fatal("the Makefile names no PURE packages")
	}
	pure, seen := regexp.MustCompile(strings.ReplaceAll(string(m[1]), "$$", "$")), 0
	for name, text := range all {
		if path.Ext(name) != ".go" || strings.Contains(name, "testdata/") || !pure.MatchString(module+"/"+path.Dir(name)) {
			continue
		}
		seen++
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, what := range shares(f) {
			t.Errorf("%s %s: its package belongs to the race detector, not to PURE in the Makefile", name, what)
		}
	}
	if seen == 0 {
		t.Error("PURE in the Makefile names no package that is there")
	}
}

// shares lists what of a file has to do with goroutines of its own.
func shares(f *ast.File) (out []string) {
	for _, i := range f.Imports {
		if p := strings.Trim(i.Path.Value, `"`); p == "sync" || strings.HasPrefix(p, "sync/") {
			out = append(out, "imports "+p)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if _, ok := n.(*ast.GoStmt); ok {
			out = append(out, "starts a goroutine")
		}
		return true
	})
	return out
}

func TestShares(t *testing.T) {
	for text, want := range map[string]string{
		"package a\nfunc f() { go f() }":                       "starts a goroutine",
		"package a\nimport \"sync\"\nvar mu sync.Mutex":        "imports sync",
		"package a\nimport \"sync/atomic\"\nvar n atomic.Bool": "imports sync/atomic",
		"package a\nimport \"errors\"\nvar e = errors.New":     "",
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "a.go", text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(shares(f), ", "); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
