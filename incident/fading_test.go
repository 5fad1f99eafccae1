// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"testing"

	"tidewatch/detect"
)

// An attack that turned to held connections, which have no rate, is shown by these, not
// by the flood that it began with.
func TestEvidenceWithoutRates(t *testing.T) {
	b := newBook(t, nil)
	first := flood(0, 10, 0.8, 20_000)
	first.Evidence, first.Filter = []detect.Flow{{Source: "198.51.100.1"}}, &detect.Filter{Flags: "SYN"}
	b.Apply(at(10), []detect.Finding{first}, nil)
	then := flood(20, 30, 0.8, 0)
	then.Vector, then.Metrics = "slow_http", detect.Metrics{Sources: 20}
	then.Evidence, then.Filter = []detect.Flow{{Source: "198.51.100.2"}}, &detect.Filter{Protocol: "tcp"}
	b.Apply(at(30), []detect.Finding{then}, nil)
	for i := range b.All() {
		if len(i.Evidence) != 1 || i.Evidence[0].Source != "198.51.100.2" || i.Filter.Protocol != "tcp" {
			t.Errorf("evidence %+v, filter %+v", i.Evidence, i.Filter)
		}
	}
}
