// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"math"

	"tidewatch/detect"
	"tidewatch/window"
)

// Sizes of packets here are those of IPv4, headers included; IPv6 has 20 more.
const (
	// A question for a name of 52 characters has 98 bytes. The longest ordinary ones are
	// for the name of an IPv6 address (73 characters: 118, with EDNS 129), and for one in
	// a block list (85 to 95 characters: 140). From 180 on the name has 120 characters and
	// more; a name may have 255 (RFC 1035).
	longFrom, longTo = 100, 180
	// A question and its answer: a client's have 130 to 230 bytes together, as most names
	// are not signed. Data that comes down in answers to short questions doubles that.
	exchangeFrom, exchangeTo = 250, 500
	// Of one program or person no more than a question a second goes on for long; a
	// tunnel polls, and sends as fast as it is answered.
	rateFrom, rateTo = 1, 10
	shortest         = 30 // seconds over which a rate is taken: a web page asks for a hundred names in one
	// bulk is how many bytes beyond ordinary questions carry more than the look-ups of
	// protection programs (a kilobyte each for some thousand files) and of block lists.
	bulk = 1 << 20
	// A device that asks so many name servers is a resolver: what it asks is asked by
	// others, and every odd question of the network is among it.
	resolver = 16
	// A long question among mostly ordinary ones is judged where there are many, and they
	// are longer than any ordinary one.
	mixedLeast, mixedLong = 500, 150
)

// judgeQuestions appends a finding when a device's questions to one name server carry
// more than names.
func (d *Detector) judgeQuestions(w *window.Window, x *window.Talk, s *window.TalkSums, out []detect.Finding) []detect.Finding {
	asked, answered := s.Packets[window.Out], s.Packets[window.In]
	least := d.cfg.MinQuestions * uint64(x.Rate())
	if asked < least {
		return out
	}
	more := header(x) - 28
	long := mean(s.LongBytes, s.Long) - more
	chained := 2*s.Chained >= asked
	exchange := mean(s.Bytes[window.Out], asked) + mean(s.Bytes[window.In], answered) - 2*more
	j := judged{x: x, s: *s, kind: "dns_tunnel", limit: 1}
	counted, down := asked, 0.0
	switch {
	case s.Long < least:
		long = 0
	case 2*s.Long >= asked:
		counted = s.Long
	case s.Long >= mixedLeast*uint64(x.Rate()) && long >= mixedLong:
		counted, j.limit = s.Long, mostMedium
	default:
		long = 0
	}
	// Answers alone are a tunnel's only while it polls: signed names have long ones, too.
	if polls := asked >= rateFrom*uint64(max(s.Seconds, shortest)); chained && polls && answered >= least && exchange >= exchangeFrom {
		down = 0.2 + 0.3*scale(exchange, exchangeFrom, exchangeTo)
	}
	up := 0.0
	if long > 0 {
		up = 0.2 + 0.5*scale(long, longFrom, longTo)
	}
	if up == 0 && down == 0 {
		return out
	}
	seconds := max(s.Seconds, shortest)
	rate := float64(counted) / float64(seconds)
	beyond := max(0, float64(s.LongBytes)-(longFrom+more)*float64(s.Long))
	servers, devices, askers := w.TalkOf(x).NameServers(), w.TalkDevices(x), w.NameAskers()
	if servers >= resolver && (!chained || up < down) && beyond < bulk {
		j.limit = mostMedium
	}
	marks := &j.marks
	if up >= down {
		marks[0] = mark{"question_size", long + more, longFrom + more, "bytes", up}
	} else {
		marks[0] = mark{"exchange_size", exchange + 2*more, exchangeFrom + 2*more, "bytes", down}
	}
	if rate >= rateFrom {
		marks[1] = mark{"question_rate", rate, rateFrom, "packets/s", 0.15 + 0.15*min(1, math.Log10(rate)/math.Log10(rateTo))}
	}
	if chained {
		marks[2] = mark{"one_socket", float64(s.Chained) / float64(asked), 0, "share", 0.25}
	}
	if beyond >= bulk {
		marks[3] = mark{"question_bytes", beyond, bulk, "bytes", 0.15}
	}
	switch {
	case devices >= d.cfg.Many:
		marks[4] = mark{"usual_server", float64(devices), float64(askers), "devices", -0.15}
	case askers >= 10:
		marks[4] = mark{"strange_server", float64(devices), float64(askers), "devices", 0.1}
	}
	if servers >= resolver {
		marks[5] = mark{"asks_for_others", float64(servers), resolver, "name servers", 0}
	}
	marks[6] = mark{"question_ratio", mean(s.Bytes[window.Out], s.Bytes[window.In]), 1, "", 0}
	return d.report(w, &j, out)
}

// Over TCP a segment full of one question has at most 52 bytes of headers, 2 of length
// and 273 of question. What sends a quarter of a megabyte in segments of 180 bytes and
// more asks no names: that would be thousands of names longer than any in use.
const streamBytes = 256 << 10

// judgeStream appends a finding when a device sends to port 53 over TCP what no
// questions are. A zone transfer brings much, and sends little but acknowledgements.
func (d *Detector) judgeStream(w *window.Window, x *window.Talk, s *window.TalkSums, out []detect.Finding) []detect.Finding {
	if s.LongBytes < streamBytes || s.Long < d.cfg.MinQuestions*uint64(x.Rate()) {
		return out
	}
	size := mean(s.LongBytes, s.Long)
	j := judged{x: x, s: *s, kind: "protocol_tunnel", limit: 0.85}
	j.marks[0] = mark{"stream_bytes", float64(s.LongBytes), streamBytes, "bytes", 0.5 + 0.2*scale(math.Log2(float64(s.LongBytes)/streamBytes), 0, 6)}
	j.marks[1] = mark{"segment_size", size, 180 + header(x) - 28, "bytes", 0.1 + 0.2*scale(size, 180, 600)}
	return d.report(w, &j, out)
}
