// SPDX-License-Identifier: Apache-2.0

package house

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tidewatch/test/shareddata"
)

// files are the project's files by slash-separated path: all but what git keeps
// or ignores. The walk asks no git, so that it works in an unpacked archive too.
func files(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	root := os.DirFS(shareddata.Root(t))
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", "bin", "data", "dist", "node_modules"}, path.Base(name)) {
				return fs.SkipDir
			}
			return nil
		}
		// In a further work tree .git is a file with a path in it.
		if name == ".git" || !d.Type().IsRegular() || path.Ext(name) == ".prof" || path.Ext(name) == ".test" {
			return nil
		}
		out[name], err = fs.ReadFile(root, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLicenceLine(t *testing.T) {
	for name, text := range files(t) {
		if path.Ext(name) == ".go" && !bytes.HasPrefix(text, []byte("// SPDX-License-Identifier: Apache-2.0\n\n")) {
			t.Errorf("%s: the first line must be the SPDX line, the second empty", name)
		}
	}
}

func TestOnePackageDoc(t *testing.T) {
	docs := map[string][]string{} // folder -> files with a description
	for name, text := range files(t) {
		if path.Ext(name) != ".go" || strings.Contains(name, "testdata/") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.HasSuffix(f.Name.Name, "_test") {
			if f.Doc != nil {
				t.Errorf("%s: an external test package needs no description", name)
			}
			continue
		}
		dir := path.Dir(name)
		if _, seen := docs[dir]; !seen {
			docs[dir] = nil
		}
		if f.Doc == nil {
			continue
		}
		docs[dir] = append(docs[dir], name)
		want := "Package " + f.Name.Name + " "
		if f.Name.Name == "main" {
			want = "Command " + path.Base(dir) + " "
		}
		if got := f.Doc.Text(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: the description must begin with %q, not with %.40q", name, want, got)
		}
	}
	for dir, with := range docs {
		if len(with) != 1 {
			t.Errorf("%s: exactly one file must describe the package, not %d %v", dir, len(with), with)
		}
	}
}

// machine matches folders that people and build machines work in. They are put
// together here, or this file would break its own rule.
var machine = regexp.MustCompile(`(^|[\s"'` + "`" + `(=:,])/(` + strings.Join([]string{"work", "root", "home", "Users", "tmp"}, "|") + `)/[A-Za-z0-9_.-]+`)

func TestNoPathOfAMachine(t *testing.T) {
	root := shareddata.Root(t)
	for name, text := range files(t) {
		if bytes.IndexByte(text, 0) >= 0 || strings.Contains(name, "testdata/") && path.Ext(name) != ".go" {
			continue // captures and what others wrote
		}
		for i, line := range strings.Split(string(text), "\n") {
			found := machine.FindString(line)
			if found == "" && strings.Count(root, string(filepath.Separator)) > 1 && strings.Contains(line, root) {
				found = root
			}
			if found != "" {
				t.Errorf("%s:%d: a path of some machine: %s", name, i+1, strings.TrimSpace(found))
			}
		}
	}
}

func TestMachinePatternBites(t *testing.T) {
	for line, want := range map[string]bool{
		"cd /" + "work/main":                                   true,
		`dir := "/` + `root/go/pkg"`:                           true,
		"see https://example.org/home/page and ../shared/data": false,
		"GET /api/v1/incidents":                                false,
	} {
		if got := machine.MatchString(line); got != want {
			t.Errorf("%q: got %v, want %v", line, got, want)
		}
	}
}
