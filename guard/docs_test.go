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
	if diff := cmp.Diff(flat("", reflect.ValueOf(DefaultConfig())), said); diff != "" {
		t.Errorf("docs/explanation/when-we-act.md is not what the code says:\n%s", diff)
	}
}

// flat writes each value beside its key.
func flat(at string, v reflect.Value) map[string]string {
	out := map[string]string{}
	for f, value := range v.Fields() {
		key := strings.TrimPrefix(at+"."+f.Tag.Get("yaml"), ".")
		switch x := value.Interface().(type) {
		case Collateral:
			for k, text := range flat(key, value) {
				out[k] = text
			}
		case []string:
			out[key] = strings.Join(x, ", ")
		case []netip.Prefix:
			out[key] = strings.Trim(fmt.Sprint(x), "[]")
		case time.Duration:
			out[key] = strings.TrimSuffix(x.String(), "0m0s")
		default:
			out[key] = fmt.Sprint(x)
		}
		if out[key] == "" && f.Type.Kind() == reflect.Slice {
			out[key] = "none"
		}
	}
	delete(out, "-")
	return out
}
