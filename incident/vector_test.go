// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"slices"
	"testing"

	"tidewatch/detect"
)

// The name of an attack and its timeline follow what it is made of.
func TestVectorsInTheTimeline(t *testing.T) {
	of := func(s int, names ...string) []detect.Finding {
		f := flood(0, float64(s), 0.8, 20_000)
		if f.Vector, f.Vectors = names[0], nil; len(names) > 1 {
			f.Vector, f.Vectors = "mixed", names
		}
		return []detect.Finding{f}
	}
	type line struct {
		at   int
		text string
	}
	for name, tc := range map[string]struct {
		seconds  int
		findings func(s int) []detect.Finding
		want     string
		lines    []line
	}{
		"one after the other": {60, func(s int) []detect.Finding {
			if s < 30 {
				return of(s, "udp_flood")
			}
			return of(s, "syn_flood")
		}, "syn_flood", []line{
			{32, "several vectors hold at once: UDP flood and SYN flood"},
			{34, "of several vectors only SYN flood goes on"},
		}},
		"what has ended is told of for a while": {90, func(s int) []detect.Finding {
			first := of(min(s, 29), "syn_flood")
			if s < 30 {
				return first
			}
			return append(first, of(s, "http_flood")...)
		}, "http_flood", []line{
			{32, "several vectors hold at once: SYN flood and HTTP flood"},
			{34, "of several vectors only HTTP flood goes on"},
		}},
		"another one of several": {90, func(s int) []detect.Finding {
			switch {
			case s < 30:
				return of(s, "udp_flood", "syn_flood")
			case s < 60:
				return of(s, "syn_flood", "icmp_flood")
			}
			return of(s, "icmp_flood", "syn_flood", "ack_flood")
		}, "mixed", []line{
			{32, "several vectors hold at once: UDP flood, SYN flood and ICMP flood"},
			{34, "several vectors hold at once: SYN flood and ICMP flood"},
			{62, "several vectors hold at once: SYN flood, ICMP flood and ACK flood"},
		}},
		// An exporter tells of the long flows of one once a minute.
		"one is told of in turns": {900, func(s int) []detect.Finding {
			if s%60 < 10 {
				return of(s, "udp_flood", "syn_flood")
			}
			return of(s, "syn_flood")
		}, "mixed", []line{
			{14, "of several vectors only SYN flood goes on"},
			{60, "several vectors hold at once: UDP flood and SYN flood"},
		}},
	} {
		b := newBook(t, nil)
		run(b, 1, tc.seconds, tc.findings)
		for i := range b.All() {
			var lines []line
			for _, l := range i.Timeline {
				if l.Event == VectorChanged {
					lines = append(lines, line{int(l.At.Sub(at(0)).Seconds()), l.Text})
				}
			}
			if i.Vector != tc.want || !slices.Equal(lines, tc.lines) {
				t.Errorf("%s: %s, %v", name, i.Vector, lines)
			}
		}
	}
}
