// SPDX-License-Identifier: Apache-2.0

package house

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"tidewatch/test/shareddata"
)

// guard is one rule of depguard.
type guard struct {
	Mode  string   `yaml:"list-mode"`
	Files []string `yaml:"files"`
	Allow []string `yaml:"allow"`
	Deny  []struct {
		Pkg string `yaml:"pkg"`
	} `yaml:"deny"`
}

// TestDepguardSaysTheSame holds the linter's rules, which people see while they
// type, to the table of the architecture.
func TestDepguardSaysTheSame(t *testing.T) {
	root := shareddata.Root(t)
	page, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var cfg struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]guard `yaml:"rules"`
				} `yaml:"depguard"`
			} `yaml:"settings"`
		} `yaml:"linters"`
	}
	if err := yaml.Unmarshal(text, &cfg); err != nil {
		t.Fatal(err)
	}
	byFiles := map[string]guard{}
	for _, g := range cfg.Linters.Settings.Depguard.Rules {
		if len(g.Files) > 0 {
			byFiles[g.Files[0]] = g
		}
	}
	for row, allowed := range readLaw(t, string(page)) {
		if slices.Contains(allowed, anything) {
			continue
		}
		g, ok := byFiles["**/"+row+"/*.go"]
		if !ok {
			t.Errorf("no depguard rule for files **/%s/*.go", row)
			continue
		}
		var want []string
		for _, a := range allowed {
			want = append(want, module+"/"+a+"$")
		}
		if diff := cmp.Diff(want, g.Allow); diff != "" {
			t.Errorf("depguard allows %s something else than the table:\n%s", row, diff)
		}
		if g.Mode != "lax" || len(g.Deny) == 0 || g.Deny[0].Pkg != module+"/" {
			t.Errorf("the depguard rule for %s must be lax and first deny %s/", row, module)
		}
	}
}
