// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

// A check reads the threat lists and says what they hold, and what is wrong with them.
func TestCheckThreatLists(t *testing.T) {
	list := write(t, "drop.txt", "198.51.100.0/24 ; SBL1\nwhat\n2001:db8:bad::/48\n")
	if status, out, stderr := exec(t, "check", "-c", write(t, "lists.yaml", "threat: {lists: ["+list+"]}\n")); status != 0 ||
		!strings.Contains(out, "#   drop.txt: 2 entries\n") || !strings.Contains(out, "line 2, \"what\"") {
		t.Errorf("status %d: %s %s", status, out, stderr)
	}
	if status, _, stderr := exec(t, "check", "-c", write(t, "none.yaml", "threat: {lists: [/none.txt]}\n")); status != 2 || !strings.Contains(stderr, "threat.lists: stat /none.txt") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
