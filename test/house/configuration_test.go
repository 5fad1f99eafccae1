// SPDX-License-Identifier: Apache-2.0

package house

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidewatch/app"
	"tidewatch/config"
	"tidewatch/test/shareddata"
)

var update = flag.Bool("update", false, "write generated pages instead of comparing them")

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// TestConfigurationPage holds the reference page to the code: each key, with
// its default and the comment of its field.
func TestConfigurationPage(t *testing.T) {
	cfg := app.DefaultConfig()
	keys, err := config.Keys(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	meaning := map[string]string{}
	comments := map[string]map[string]string{}
	collect(t, reflect.TypeOf(cfg), "", comments, meaning)
	head, err := os.ReadFile(filepath.Join("testdata", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	page.Write(head)
	// The keys outside of any section come first.
	slices.SortStableFunc(keys, func(a, b config.Key) int {
		return min(strings.Count(a.Path, "."), 1) - min(strings.Count(b.Path, "."), 1)
	})
	section := "?"
	for _, k := range keys {
		first, _, nested := strings.Cut(k.Path, ".")
		if !nested {
			first = ""
		}
		if first != section {
			section = first
			fmt.Fprintf(&page, "\n## %s\n\n| key | kind | default | meaning |\n|---|---|---|---|\n", sectionTitle(first))
		}
		doc := k.Doc
		if doc == "" {
			doc = meaning[k.Path]
		}
		if doc == "" {
			t.Errorf("%s: its field has no comment that says what it does", k.Path)
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", k.Path, k.Type, defaultText(k.Default), strings.ReplaceAll(doc, "|", `\|`))
	}
	path := filepath.Join(shareddata.Root(t), "docs", "reference", "configuration.md")
	if *update {
		if err := os.WriteFile(path, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), page.String()); diff != "" {
		t.Errorf("docs/reference/configuration.md is not what the code says; write it anew with -update:\n%s", diff)
	}
}

// TestExampleConfigurations holds every YAML block of the documentation to what
// the program accepts.
func TestExampleConfigurations(t *testing.T) {
	found := 0
	for name, text := range files(t) {
		if filepath.Ext(name) != ".md" || strings.Contains(name, "testdata/") {
			continue
		}
		for i, m := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
			found++
			path := filepath.Join(t.TempDir(), "example.yaml")
			if err := os.WriteFile(path, []byte(m[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, _, err := app.LoadConfig(path); err != nil {
				t.Errorf("%s, YAML block %d: %v", name, i+1, err)
			}
		}
	}
	if found == 0 {
		t.Error("no YAML block found")
	}
}

func sectionTitle(name string) string {
	if name == "" {
		return "General keys"
	}
	return name
}

func defaultText(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// collect finds the comment of every field below a struct type, by key path.
func collect(t *testing.T, typ reflect.Type, at string, comments map[string]map[string]string, out map[string]string) {
	t.Helper()
	for f := range typ.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		path := strings.TrimPrefix(at+"."+name, ".")
		switch {
		case options == "inline":
			collect(t, f.Type, at, comments, out)
			continue
		case name == "" || name == "-":
			continue
		}
		out[path] = comment(t, typ, f.Name, comments)
		if out[path] == "" {
			out[path] = comment(t, typ, "", comments) // the section says it for all of its keys
		}
		if f.Type.Kind() == reflect.Struct && strings.HasPrefix(f.Type.PkgPath(), module+"/") {
			collect(t, f.Type, path, comments, out)
		}
	}
}

// comment returns what stands above or behind a field, as one line; above the
// type when field is empty.
func comment(t *testing.T, typ reflect.Type, field string, comments map[string]map[string]string) string {
	t.Helper()
	key := typ.PkgPath() + "." + typ.Name()
	if comments[key] == nil {
		comments[key] = structComments(t, strings.TrimPrefix(typ.PkgPath(), module+"/"), typ.Name())
	}
	return comments[key][field]
}

// plain turns a Go comment, which may begin with the field's name, into a
// cell of a table.
func plain(field, text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if rest, ok := strings.CutPrefix(text, field+" "); ok {
		for _, verb := range []string{"is ", "are "} {
			rest = strings.TrimPrefix(rest, verb)
		}
		text = rest
	}
	return strings.TrimSuffix(text, ".")
}

// structComments reads the source of one struct.
func structComments(t *testing.T, pkg, name string) map[string]string {
	t.Helper()
	out := map[string]string{}
	sources, err := filepath.Glob(filepath.Join(shareddata.Root(t), filepath.FromSlash(pkg), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			decl, ok := n.(*ast.GenDecl)
			if !ok || decl.Tok != token.TYPE || len(decl.Specs) != 1 {
				return true
			}
			spec, _ := decl.Specs[0].(*ast.TypeSpec)
			if s, ok := spec.Type.(*ast.StructType); ok && spec.Name.Name == name {
				out[""] = plain(name, decl.Doc.Text())
				for _, f := range s.Fields.List {
					for _, id := range f.Names {
						out[id.Name] = plain(id.Name, f.Doc.Text()+" "+f.Comment.Text())
					}
				}
			}
			return false
		})
	}
	return out
}
