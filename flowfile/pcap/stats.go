// SPDX-License-Identifier: Apache-2.0

package pcap

import (
	"fmt"
	"maps"
	"slices"

	"tidewatch/flowfile"
)

// maxLinks bounds the unknown link types that are named in notes.
const maxLinks = 16

// Stats implements flowfile.Reader.
func (d *reader) Stats() flowfile.Stats {
	s := d.stats
	s.Reasons, s.Notes = maps.Clone(s.Reasons), slices.Clone(s.Notes)
	if d.exports != nil {
		for range d.exports.Exporters() {
			s.Exporters++
		}
	}
	for reason, n := range d.capture.damaged {
		s.Reasons[reason] += n
		s.Skipped += n
	}
	note := func(n uint64, format string, args ...any) {
		if n > 0 {
			s.Notes = append(s.Notes, fmt.Sprintf("%d "+format, append([]any{n}, args...)...))
		}
	}
	for _, link := range slices.Sorted(maps.Keys(d.links)) {
		note(d.links[link], "frames have link type %d, in which no IP packet is looked for", link)
	}
	note(d.noTime, "packets carry no time; they count as sent with the packet before")
	note(d.probe.times.backs, "jumps of the capture's clock back by more than a minute; the packets after each count as if time had gone on")
	note(d.probe.times.strays, "packets lie far ahead of the packets around them; they count as sent with those")
	if n := d.probe.evicted; n > 0 {
		s.Reasons["flows_ended_early"] = n
		note(n, "flows were ended early: more than %d were open at once", d.probe.limit)
	}
	return s
}
