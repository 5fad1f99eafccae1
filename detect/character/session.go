// SPDX-License-Identifier: Apache-2.0

package character

import (
	"strconv"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/window"
)

// A session is what somebody types and what comes back, over a port on which web servers
// listen: SSH where only the web is allowed, or the shell that a break-in left. Its shape
// is told from pages by small packets both ways, and not told from a chat, questions over
// HTTPS, a game, a remote desktop or a VPN at all. So it is looked for only where nobody
// sits: at devices of few habits, with an address that they never met.
const (
	// sessionPackets each way are some hundred keys and lines: each key is a packet, its
	// echo and the acknowledgement of that.
	sessionPackets = 300
	// sessionSeconds and sessionPace, in packets a minute each way, leave out calls
	// for news: those that stay open for hours have two to six packets a minute, for keepalive.
	sessionSeconds, sessionPace = 300, 10
	// sessionBalance bounds packets one way over those of the other. Of a page at most one
	// way is small.
	sessionBalance = 2
	// sentMost is the mean size of what is typed and acknowledged, in bytes. Below
	// sentLeast are bare acknowledgements: of a ticker, a stream.
	sentLeast, sentMost, sentMore6 = 56, 200, 20
	// Messages of machines come by the clock (a dispersion of 0) or by chance (as much as
	// one message has packets, four or so). People pause, and type fast. Five records with
	// a dispersion of 4 show 10 by chance once in seventy times.
	unevenIndex, unevenRecords = 10, 5
)

// sessions judges the pairs with these numbers.
func (d *Detector) sessions(w *window.Window, passed int, since uint16, out []detect.Finding) []detect.Finding {
	n := w.Pairs()
	for range (n*passed + round - 1) / round {
		if d.nextPair++; d.nextPair >= n {
			d.nextPair = 0
		}
		if r := w.Pair(d.nextPair); r != nil && r.Last() >= w.Now-lately && typed(r) {
			out = d.judgeSession(w, r, since, out)
		}
	}
	return out
}

// typed reports whether a pair has the shape of a session.
func typed(r *window.Pair) bool {
	heardBytes, heard := r.Heard()
	if heard < sessionPackets || heardBytes == 0 || r.Inside() {
		return false
	}
	bytes, sent := r.Sent()
	if c := r.Longest(); c.Last-c.First < sessionSeconds || 2*c.Packets < sent {
		return false // many short connections are requests
	}
	seconds := uint64(r.Last() - r.First() + 1)
	if sent < sessionPackets || 60*min(sent, heard) < sessionPace*seconds ||
		heard > sessionBalance*sent || sent > sessionBalance*heard {
		return false
	}
	more := uint64(0)
	if !r.Dest.Is4() {
		more = sentMore6
	}
	if bytes < (sentLeast+more)*sent || bytes > (sentMost+more)*sent {
		return false
	}
	index, records := r.Dispersion()
	return records >= unevenRecords && index >= unevenIndex
}

// judgeSession weighs a session: the gate alone is medium, and more it never is.
func (d *Detector) judgeSession(w *window.Window, r *window.Pair, since uint16, out []detect.Finding) []detect.Finding {
	dev := w.PairOf(r)
	h, key := d.past.Habits(dev.Addr()), d.past.PeerKey(&window.Peer{Addr: r.Dest})
	if h == nil || !d.few(h, w.Now/3600, since) || h.MetBefore(key, since) {
		return out
	}
	friends := d.census.peer(key)
	if d.walk(w.Now / 3600); friends != nil && friends.state != answered {
		return out
	}
	_, sent := r.Sent()
	_, heard := r.Heard()
	index, _ := r.Dispersion()
	minutes := float64(r.Last()-r.First()+1) / 60
	var marks [4]detect.Indicator
	marks[0] = detect.Indicator{Name: "typed_session", Observed: float64(sent+heard) / minutes, Expected: 2 * sessionPace, Unit: "packets/min", Weight: 0.4}
	marks[1] = detect.Indicator{Name: "uneven_pace", Observed: index, Expected: unevenIndex, Weight: 0.1}
	marks[2] = detect.Indicator{Name: "few_services", Observed: float64(h.Uses(since)), Expected: float64(d.cfg.Services), Unit: "services", Weight: 0.1}
	switch {
	case friends == nil:
	case friends.users >= shared:
		marks[3] = detect.Indicator{Name: "usual_provider", Observed: float64(friends.users), Unit: "devices", Weight: -0.15}
	case friends.users == 0 && d.census.sampled == 0 && w.PairDevices(r) <= 1:
		marks[3] = detect.Indicator{Name: "rare_peers", Observed: 1, Unit: "peers", Weight: 0.05}
	}
	score := 0.0
	for i := range marks {
		score = detect.Plus(score, marks[i].Weight)
	}
	if score < d.cfg.Score {
		return out
	}
	f := d.sessionFinding(w, r, h)
	f.Score, f.Severity = score, detect.SeverityOf(score)
	for i := range marks {
		if marks[i].Name != "" {
			f.Indicators = append(f.Indicators, marks[i])
		}
	}
	return append(out, f)
}

// sessionFinding is what is known of a session, but for its weight.
func (d *Detector) sessionFinding(w *window.Window, r *window.Pair, h *baseline.Habits) detect.Finding {
	bytes, packets := r.Sent()
	back, _ := r.Heard()
	f := detect.Finding{
		Detector: d.Name(), Category: detect.DataExfiltration, Kind: "protocol_tunnel",
		Subject: detect.HostSubject(w.PairOf(r).Addr()), At: w.At(),
		Started: time.Unix(r.First(), 0).UTC(), Last: time.Unix(r.Last()+1, 0).UTC(),
		Baseline: detect.Baseline{Level: "global", Samples: h.Days(), AgeDays: h.AgeDays(w.Now / 3600)},
	}
	f.Metrics = detect.Metrics{
		Bytes: bytes, Packets: packets, Destinations: 1, Ports: 1, DurationSeconds: f.Last.Sub(f.Started).Seconds(),
		MeanPacketBytes: float64(bytes) / float64(packets), UploadRatio: float64(bytes) / float64(max(back, 1)),
	}
	f.Metrics.BitsPerSecond = 8 * float64(bytes) / f.Metrics.DurationSeconds
	f.Top.Destinations = []detect.Share{{Key: r.Dest.String(), Bytes: bytes, Packets: packets, Share: 1}}
	f.Top.Ports = []detect.Share{{Key: strconv.Itoa(int(r.Service()&0xffff)) + "/tcp", Bytes: bytes, Packets: packets, Share: 1}}
	return f
}
