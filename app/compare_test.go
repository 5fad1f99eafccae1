// SPDX-License-Identifier: Apache-2.0

package app

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tidewatch/test/shareddata"
)

// What a comparison says as JSON stands in the reference.
func TestComparisonIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(shareddata.Root(t), "docs", "reference", "commands.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, about, found := strings.Cut(string(page), "With `--compare`")
	if !found {
		t.Fatal("docs/reference/commands.md says nothing of --compare")
	}
	about, _, _ = strings.Cut(about, "\n## ")
	for _, typ := range []reflect.Type{reflect.TypeFor[Comparison](), reflect.TypeFor[Change]()} {
		for f := range typ.Fields() {
			if name := f.Tag.Get("json"); !strings.Contains(about, `"`+name+`":`) {
				t.Errorf("%s of %s is not in docs/reference/commands.md", name, typ.Name())
			}
		}
	}
}
