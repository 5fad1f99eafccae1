// SPDX-License-Identifier: Apache-2.0

package query

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Each example of the reference page is taken, each error is what the page says, and
// each field has its row.
func TestReferencePage(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../docs/reference/filter-language.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	examples := 0
	for _, block := range regexp.MustCompile("(?s)```filter\n(.*?)```").FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(block[1]) {
			examples++
			if _, err := Parse(line); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	if examples < 10 {
		t.Errorf("%d examples were found", examples)
	}
	faults := regexp.MustCompile("(?m)^\\| `(.*)` \\| (position .*) \\|$").FindAllStringSubmatch(page, -1)
	for _, f := range faults {
		if _, err := Parse(f[1]); err == nil || !strings.HasPrefix(err.Error(), f[2]) {
			t.Errorf("%s: %v, the page says %s", f[1], err, f[2])
		}
	}
	if len(faults) < 4 {
		t.Errorf("%d errors were found", len(faults))
	}
	for _, f := range fields() {
		if !strings.Contains(page, "| `"+f.name+"` |") {
			t.Errorf("%s has no row", f.name)
		}
	}
}
