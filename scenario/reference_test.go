// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidewatch/test/shareddata"
)

// TestReferenceIsComplete: the page for people names every scenario, what it is
// about, and who its events concern.
func TestReferenceIsComplete(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(shareddata.Root(t), "docs", "reference", "scenarios.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			rows[strings.Trim(cells[1], " `")] = line
		}
	}
	for _, info := range Names() {
		row, ok := rows[info.Name]
		if !ok {
			t.Errorf("the page has no row for %s", info.Name)
			continue
		}
		s := build(t, info.Name, Config{Duration: 12 * 24 * time.Hour})
		harmless := false
		for _, truth := range s.Truth() {
			if truth.Subject == backupServer().Netip() && truth.Category == "data_exfiltration" {
				continue
			}
			subject := truth.Subject.String()
			if truth.Network.IsValid() {
				subject = truth.Network.String()
			}
			harmless = harmless || truth.MustNotAlert
			for _, word := range []string{subject, truth.Category, truth.Vector} {
				if !strings.Contains(row, word) {
					t.Errorf("the row of %s does not name %q", info.Name, word)
				}
			}
		}
		if harmless != strings.Contains(row, "must not alert") && len(s.Truth()) > 1 {
			t.Errorf("the row of %s and the truth differ about alerting", info.Name)
		}
	}
}
