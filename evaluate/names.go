// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	_ "embed"
	"strings"
)

//go:embed names.tsv
var namesTable string

// meaning is what a name in labelled flows stands for.
type meaning struct{ class, subtype string }

// named finds the meaning of a name. "-" and 0 are benign; one that the
// table does not know is taken for an attack of its own class, which nothing expects.
func named(name string) meaning {
	lower := strings.ToLower(name)
	if lower == "-" || lower == "0" {
		return meaning{class: "benign"}
	}
	for line := range strings.Lines(namesTable) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) != 3 || strings.HasPrefix(line, "#") || !strings.Contains(lower, f[0]) {
			continue
		}
		return meaning{class: f[1], subtype: strings.TrimPrefix(f[2], "-")}
	}
	return meaning{class: "unknown", subtype: name}
}
