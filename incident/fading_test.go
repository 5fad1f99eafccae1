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

// A weaker second vector is no last breath of the first: what shows it is taken over. A
// weak report of the same one is.
func TestEvidenceOfAWeakerVector(t *testing.T) {
	b := newBook(t, nil)
	tell := func(s int, vector string, pps float64, source string) {
		f := flood(0, float64(s), 0.8, pps)
		f.Vector, f.Rates = vector, []detect.VectorRate{{Vector: vector, Bits: 480 * pps}}
		f.Evidence = []detect.Flow{{Source: source}}
		b.Apply(at(float64(s)), []detect.Finding{f}, nil)
	}
	shown := func() string {
		for i := range b.All() {
			return i.Evidence[0].Source
		}
		return ""
	}
	for _, step := range []struct {
		at     int
		vector string
		pps    float64
		source string
		want   string
	}{
		{10, "udp_flood", 100_000, "198.51.100.1", "198.51.100.1"},
		{20, "udp_flood", 20_000, "198.51.100.2", "198.51.100.1"},
		{30, "syn_flood", 20_000, "198.51.100.3", "198.51.100.3"},
		{40, "syn_flood", 5_000, "198.51.100.4", "198.51.100.3"},
	} {
		if tell(step.at, step.vector, step.pps, step.source); shown() != step.want {
			t.Errorf("after %d s: evidence of %s, want %s", step.at, shown(), step.want)
		}
	}
}
