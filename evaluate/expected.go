// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	_ "embed"
	"fmt"
	"strings"

	"tidewatch/detect"
)

//go:embed expected.tsv
var expectedTable string

// What a label expects.
const (
	ExpectAttack = "attack" // one incident
	ExpectQuiet  = "quiet"  // nothing above a severity
	ExpectNone   = "none"   // not scored
)

// expectation is one row of expected.tsv.
type expectation struct {
	class, subtype string
	expect         string
	category       detect.Category
	kinds, vectors []string
	severity       detect.Severity // attack: the least that counts as found; quiet: the highest that is no false alarm
	anySubject     bool
}

// expectations reads the table that is part of the program.
func expectations() ([]expectation, error) {
	var out []expectation
	n := 0
	for line := range strings.Lines(expectedTable) {
		n++
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 8 {
			return nil, fmt.Errorf("expected.tsv line %d: %d columns, want 8", n, len(f))
		}
		e := expectation{
			class: f[0], subtype: f[1], expect: f[2], category: detect.Category(f[3]),
			kinds: names(f[4]), vectors: names(f[5]), severity: detect.Severity(f[6]), anySubject: f[7] == "any",
		}
		if e.expect != ExpectNone && e.severity.Rank() < 0 {
			return nil, fmt.Errorf("expected.tsv line %d: %q is no severity", n, f[6])
		}
		out = append(out, e)
	}
	return out, nil
}

func names(s string) []string {
	if s == "-" {
		return nil
	}
	return strings.Split(s, ",")
}

// find returns what a label expects; a class that is not in the table is not scored.
func find(table []expectation, l *Label) expectation {
	for i := range table {
		if table[i].class == l.Class && strings.HasPrefix(l.Subtype, table[i].subtype) {
			return table[i]
		}
	}
	return expectation{class: l.Class, expect: ExpectNone, anySubject: true}
}
