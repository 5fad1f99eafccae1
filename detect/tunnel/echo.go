// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"tidewatch/detect"
	"tidewatch/window"
)

const (
	// An echo request has 60 bytes (Windows), 84 (Unix) or 100 (routers), unless somebody
	// asks for another size. From 500 on it carries more than any monitor sends.
	echoFrom, echoTo = 120, 500
	// A monitor sends one size, or a few by turns; data comes in many. A flow of up to a
	// minute has one mean size.
	fewSizes, manySizes = 4, 8
	// Beyond their headers requests of 84 bytes carry 200 kB an hour, one a second.
	echoBulk, echoMuch = 1 << 20, 10 << 20
	echoLasts          = 600  // seconds; who pings by hand has stopped
	floods             = 2000 // messages a second are no conversation, but an attack: detect/flood
)

// judgeEcho appends a finding when echo messages carry more than themselves.
func (d *Detector) judgeEcho(w *window.Window, x *window.Talk, s *window.TalkSums, out []detect.Finding) []detect.Finding {
	sent, got := s.Packets[window.Out], s.Packets[window.In]
	if sent < d.cfg.MinEchoes*uint64(x.Rate()) || sent > floods*uint64(s.Seconds) {
		return out
	}
	more := header(x) - 28
	size := max(mean(s.Bytes[window.Out], sent), mean(s.Bytes[window.In], got)) - more
	if size < echoFrom {
		return out
	}
	j := judged{x: x, s: *s, kind: "icmp_tunnel", limit: mostMedium}
	marks := &j.marks
	marks[0] = mark{"echo_size", size + more, echoFrom + more, "bytes", 0.3 + 0.1*scale(size, echoFrom, echoTo)}
	if s.Uneven >= d.cfg.MinEchoes && 2*s.Uneven >= sent+got {
		weight := 0.3
		if s.Sizes >= manySizes {
			weight, j.limit = 0.4, 1
		}
		marks[1] = mark{"echo_sizes", float64(s.Sizes), fewSizes, "sizes", weight}
	} else if s.Sizes > fewSizes {
		marks[1] = mark{"echo_sizes", float64(s.Sizes), fewSizes, "sizes", 0.2 + 0.2*scale(float64(s.Sizes), fewSizes, manySizes)}
		if s.Sizes >= manySizes {
			j.limit = 1
		}
	}
	carried := float64(s.Bytes[window.Out]+s.Bytes[window.In]) - header(x)*float64(sent+got)
	switch {
	case carried >= echoMuch:
		marks[2] = mark{"echo_bytes", carried, echoBulk, "bytes", 0.3}
	case carried >= echoBulk:
		marks[2] = mark{"echo_bytes", carried, echoBulk, "bytes", 0.2}
	}
	if marks[1].weight == 0 && carried < echoMuch { // a monitor's choice of size
		j.limit = mostLow
	}
	if s.Seconds >= echoLasts {
		marks[3] = mark{"echo_duration", float64(s.Seconds), echoLasts, "s", 0.1}
	}
	// RFC 792: a reply returns what the request held.
	if up, down := mean(s.Bytes[window.Out], sent), mean(s.Bytes[window.In], got); got >= d.cfg.MinEchoes && marks[1].weight > 0 {
		if r := max(up, down) / max(min(up, down), 1); r >= 1.1 {
			marks[4] = mark{"echo_replies_differ", r, 1, "", 0.15}
		}
	}
	return d.report(w, &j, out)
}
