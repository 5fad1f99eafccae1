// SPDX-License-Identifier: Apache-2.0

package detect

// Rescore gives a finding another score, and moves its severity with it: a detector
// with severities of its own keeps its distance from the table.
func (f *Finding) Rescore(score float64) {
	all := [...]Severity{Low, Medium, High, Critical}
	moved := SeverityOf(score).Rank() - SeverityOf(f.Score).Rank()
	f.Score, f.Severity = score, all[min(max(f.Severity.Rank()+moved, 0), len(all)-1)]
}
