// SPDX-License-Identifier: Apache-2.0

package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tidewatch/test/shareddata"
)

// TestKindsPage: the reference names every kind and vector that a detector gives.
func TestKindsPage(t *testing.T) {
	root := shareddata.Root(t)
	page, err := os.ReadFile(filepath.Join(root, "docs", "reference", "incident.md"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, dir := range []string{"detect", "incident"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err == nil {
				ast.Inspect(f, func(n ast.Node) bool {
					names = append(names, kindsIn(n)...)
					return true
				})
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, known := range []string{"ddos", "ddos_outbound", "host_scan", "long_connection", "volume", "slow_exfiltration", "dns_query_flood", "icmp_flood", "incident_overflow"} {
		if !slices.Contains(names, known) {
			t.Errorf("the code is not understood any more: it gives %s, and only %v were found", known, names)
		}
	}
	for _, name := range names {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("%s is not in docs/reference/incident.md", name)
		}
	}
}

var vectorName = regexp.MustCompile(`^[a-z_]+_(flood|amplification|exhaustion)$|^slow_http$`)

// kindsIn lists the names that a node gives to a kind: in a field, an assignment, a
// constant, or a call that makes a finding. Vectors are known by their names.
func kindsIn(n ast.Node) (out []string) {
	kind := func(x ast.Expr) bool {
		switch x := x.(type) {
		case *ast.Ident:
			return strings.HasPrefix(strings.ToLower(x.Name), "kind")
		case *ast.SelectorExpr:
			return strings.EqualFold(x.Sel.Name, "kind")
		}
		return false
	}
	text := func(x ast.Expr) {
		if l, ok := x.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if s, err := strconv.Unquote(l.Value); err == nil && s != "" {
				out = append(out, s)
			}
		}
	}
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		if kind(n.Key) {
			text(n.Value)
		}
	case *ast.AssignStmt:
		for i := range n.Lhs {
			if kind(n.Lhs[i]) && i < len(n.Rhs) {
				text(n.Rhs[i])
			}
		}
	case *ast.ValueSpec:
		for i := range n.Names {
			if kind(n.Names[i]) && i < len(n.Values) {
				text(n.Values[i])
			}
		}
	case *ast.CallExpr:
		if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "finding" {
			for _, a := range n.Args {
				text(a)
			}
		}
	case *ast.BasicLit:
		if s, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil && vectorName.MatchString(s) {
			out = append(out, s)
		}
	}
	return out
}
