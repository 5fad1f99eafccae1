// SPDX-License-Identifier: Apache-2.0

package decision

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tidewatch/test/shareddata"
)

// The reference names every field and every word, and the states that follow each.
func TestReferenceIsComplete(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(shareddata.Root(t), "docs", "reference", "mitigation.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	var names []string
	for _, t := range []reflect.Type{reflect.TypeFor[Decision](), reflect.TypeFor[Match](), reflect.TypeFor[Range]()} {
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			names = append(names, name)
			for word := range strings.SplitSeq(f.Tag.Get("enum"), ",") {
				if word != "" {
					names = append(names, word)
				}
			}
		}
	}
	for _, a := range Actions() {
		names = append(names, string(a))
	}
	names = append(names, ByPolicy, ByPerson, ByGuard, ByLease, ByTotal, ByEnd, ByNoHelp, ByHarm, ByEscalation, ByPanic, ByStop, ByMode, BySuccessor, ByActuator, ByVerdict)
	for _, name := range names {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("%s is not in docs/reference/mitigation.md", name)
		}
	}
	for _, s := range []State{Proposed, Approved, Active, Expiring, Withdrawn, Failed, Rejected} {
		var after []string
		for _, n := range s.next() {
			if n != s {
				after = append(after, "`"+string(n)+"`")
			}
		}
		found := false
		for line := range strings.Lines(page) {
			cells := strings.Split(strings.TrimSpace(line), "|")
			found = found || len(cells) == 5 && strings.TrimSpace(cells[1]) == "`"+string(s)+"`" && strings.TrimSpace(cells[3]) == strings.Join(after, ", ")
		}
		if !found {
			t.Errorf("docs/reference/mitigation.md does not say what follows %s: %v", s, after)
		}
	}
}
