// SPDX-License-Identifier: Apache-2.0

package house

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tidewatch/test/shareddata"
)

const module = "tidewatch"

// law maps a package, or a folder of plug-ins as "detect/*", to the packages of
// ours that it may import.
type law map[string][]string

// anything in the table's last column frees a package from the law.
const anything = "everything"

// rule returns what pkg may import, and the row that says so.
func (l law) rule(pkg string) (allowed []string, row string, ok bool) {
	for _, row := range []string{pkg, path.Dir(pkg) + "/*"} {
		if allowed, ok := l[row]; ok {
			return allowed, row, true
		}
	}
	return nil, "", false
}

// breaches lists the imports of pkg that the law forbids.
func (l law) breaches(pkg string, imports []string) []string {
	allowed, _, _ := l.rule(pkg)
	if slices.Contains(allowed, anything) {
		return nil
	}
	var out []string
	for _, imp := range imports {
		if ours, ok := strings.CutPrefix(imp, module+"/"); ok && !slices.Contains(allowed, ours) {
			out = append(out, ours)
		}
	}
	return out
}

var code = regexp.MustCompile("`([^`]+)`")

// readLaw takes the table out of docs/architecture.md: rows whose first cell is
// a package, whose last cell lists packages.
func readLaw(t *testing.T, page string) law {
	t.Helper()
	l := law{}
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "| `") || len(cells) != 3 {
			continue
		}
		pkg := code.FindStringSubmatch(cells[0])[1]
		if _, twice := l[pkg]; twice {
			t.Errorf("docs/architecture.md has two rows for %s", pkg)
		}
		l[pkg] = nil
		switch last := strings.TrimSpace(cells[2]); last {
		case "nothing":
		case anything:
			l[pkg] = []string{anything}
		default:
			for _, m := range code.FindAllStringSubmatch(last, -1) {
				l[pkg] = append(l[pkg], m[1])
			}
			if len(l[pkg]) == 0 {
				t.Errorf("docs/architecture.md: no packages in the last cell of %s: %q", pkg, last)
			}
		}
	}
	return l
}

// listed is what `go list` tells of one package.
type listed struct {
	ImportPath   string   `json:"ImportPath"`
	Imports      []string `json:"Imports"`
	TestImports  []string `json:"TestImports"`
	XTestImports []string `json:"XTestImports"`
}

func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{
		"list",
		"-json=ImportPath,Imports,TestImports,XTestImports",
	}, args...)...)
	cmd.Dir, cmd.Stderr = shareddata.Root(t), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	var list []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var l listed
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		list = append(list, l)
	}
	return list
}

func TestImportLaw(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(shareddata.Root(t), "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	l := readLaw(t, string(page))
	used := map[string]bool{}
	for _, p := range goList(t, "-tags", "e2e", "./...") {
		pkg := strings.TrimPrefix(p.ImportPath, module+"/")
		_, row, ok := l.rule(pkg)
		if !ok {
			t.Errorf("%s has no row in the table of docs/architecture.md", pkg)
			continue
		}
		used[row] = true
		for _, imp := range l.breaches(pkg, p.Imports) {
			t.Errorf("%s imports %s, which the table of docs/architecture.md does not allow", pkg, imp)
		}
		// Tests may reach for any stage, but what needs the whole program is an
		// end-to-end test.
		for _, imp := range slices.Concat(p.TestImports, p.XTestImports) {
			if imp == module+"/app" && pkg != "app" && len(l.breaches(pkg, []string{imp})) > 0 {
				t.Errorf("a test of %s imports app: move it to test/e2e", pkg)
			}
		}
	}
	for row := range l {
		if !used[row] {
			t.Errorf("docs/architecture.md has a row for %s, which does not exist", row)
		}
	}
}

// TestImportLawBites shows that the law finds what it is for.
func TestImportLawBites(t *testing.T) {
	l := readLaw(t, "| `flow` | words | nothing |\n| `detect` | contract | `flow` |\n"+
		"| `detect/*` | one each | `detect`, `flow` |\n| `app` | wiring | everything |\n")
	for _, tc := range []struct {
		pkg, imp string
		want     int
	}{
		{"detect", "tidewatch/flow", 0},
		{"detect/flood", "tidewatch/detect", 0},
		{"app", "tidewatch/detect/flood", 0},
		{"flow", "fmt", 0},
		{"flow", "tidewatch/detect", 1},                // a later stage
		{"detect/flood", "tidewatch/detect/volume", 1}, // a sibling
		{"detect", "tidewatch/detect/flood", 1},        // a plug-in, for app alone
	} {
		if got := l.breaches(tc.pkg, []string{tc.imp}); len(got) != tc.want {
			t.Errorf("%s importing %s: got %v, want %d breaches", tc.pkg, tc.imp, got, tc.want)
		}
	}
	if _, _, ok := l.rule("collect"); ok {
		t.Error("a package without a row must be found")
	}
}

// TestProgramLinksNoTestCode keeps oracles and test helpers out of the binary.
func TestProgramLinksNoTestCode(t *testing.T) {
	for _, p := range goList(t, "-deps", "./cmd/...") {
		for _, no := range []string{
			"testing", "github.com/netsampler/goflow2", "github.com/google/go-cmp", "pgregory.net/rapid",
			"go.uber.org/goleak", "github.com/maxmind/mmdbwriter", "tidewatch/test",
			"github.com/emersion/go-smtp", "github.com/emersion/go-sasl", "github.com/leodido/go-syslog", "tidewatch/notify/notifytest",
		} {
			if p.ImportPath == no || strings.HasPrefix(p.ImportPath, no+"/") {
				t.Errorf("the program links %s, which is for tests only", p.ImportPath)
			}
		}
	}
}

// pure are the packages whose answers depend on nothing but what they are given.
var pure = []string{"flow", "decode", "decode/packet", "encode", "scenario", "window", "baseline", "detect", "detect/*", "feedback", "exclude", "incident", "triage/rules", "query"}

// TestPurePackages finds doors to the outside world.
func TestPurePackages(t *testing.T) {
	for _, p := range goList(t, "./...") {
		pkg := strings.TrimPrefix(p.ImportPath, module+"/")
		if !slices.Contains(pure, pkg) && !slices.Contains(pure, path.Dir(pkg)+"/*") {
			continue
		}
		for _, imp := range p.Imports {
			if slices.Contains([]string{"net", "net/http", "os", "os/exec", "database/sql", "syscall", "log", "log/slog"}, imp) {
				t.Errorf("%s imports %s: time and data are passed in, what happens is returned", pkg, imp)
			}
		}
	}
}
