// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTableOfDefaults holds the page for network teams to the code.
func TestTableOfDefaults(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/explanation/when-we-act.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## The guards\n")
	table, _, _ = strings.Cut(table, "\n## ")
	said := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9_.]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(table, -1) {
		said[row[1]] = row[2]
	}
	if diff := cmp.Diff(values(reflect.ValueOf(DefaultConfig())), said); diff != "" {
		t.Errorf("docs/explanation/when-we-act.md is not what the code says:\n%s", diff)
	}
}

// values writes each value beside its key.
func values(v reflect.Value) map[string]string {
	out := map[string]string{}
	for f, value := range v.Fields() {
		text := fmt.Sprint(value.Interface())
		switch x := value.Interface().(type) {
		case []string:
			text = strings.Join(x, ", ")
		case []netip.Prefix:
			text = strings.Trim(text, "[]")
		case time.Duration:
			text = strings.TrimSuffix(text, "0m0s")
		}
		if text == "" {
			text = "none"
		}
		if key := f.Tag.Get("yaml"); key != "-" {
			out[key] = text
		}
	}
	return out
}
