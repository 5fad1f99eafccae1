// SPDX-License-Identifier: Apache-2.0

package window

import "testing"

// What comes back in time stays known, however many others come and go.
func TestLately(t *testing.T) {
	t.Parallel()
	var l lately
	const nightly = 7
	for day := range uint32(50) {
		tags := []uint32{nightly}
		for k := range uint32(30) {
			tags = append(tags, 1000+30*day+k)
		}
		l.remember(tags)
		if !l.knows(nightly) {
			t.Fatalf("on day %d what comes every night is not known", day)
		}
	}
	if l.knows(1000) || !l.knows(1000+30*49) || l.n != knownSize {
		t.Errorf("the first is known: %v; the newest: %v; %d in all", l.knows(1000), l.knows(1000+30*49), l.n)
	}
}
