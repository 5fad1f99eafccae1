// SPDX-License-Identifier: Apache-2.0

package exfil

import (
	"fmt"
	"testing"

	"tidewatch/detect"
)

// Who changes addresses within a network has one destination; who sends to as many
// addresses anywhere has none.
func TestRotation(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, address, first string
		focus                bool
	}{
		{"within a /24", "198.51.100.%d", "198.51.100.0/24", true},
		{"within a /48", "2001:db8:7::%x", "2001:db8:7::/48", true},
		{"anywhere", "100.64.%d.1", "", false},
	} {
		var all []transfer
		for k := range 100 {
			all = append(all, transfer{fmt.Sprintf(tc.address, 1+k), 50000 + uint16(k), 443, 2, 25, 0, night + int64(60*k), 0})
		}
		f, found := run(t, all...)
		if !found {
			t.Fatalf("%s: not found", tc.name)
		}
		focus := false
		for _, i := range f.Indicators {
			focus = focus || i.Name == "one_destination"
		}
		if focus != tc.focus || tc.first != "" && (f.Top.Destinations[0].Key != tc.first || f.Severity != detect.Critical) || len(f.Top.Destinations) > kept {
			t.Errorf("%s: %s, one destination %v, first %+v", tc.name, f.Severity, focus, f.Top.Destinations[0])
		}
	}
}
