// SPDX-License-Identifier: Apache-2.0

package character

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const (
	// likeLeast is from how many devices of few habits on it says something that none of
	// them uses a service.
	likeLeast = 5
	// custom is how many such devices must use it at least to make it one: one is an
	// exception itself.
	custom = 2
	// shared is from how many devices on that have dealt with the same address before, it
	// is likely the site's provider: of mail, of backups.
	shared = 3
	// medium is what a case with little data ends at.
	medium = 0.74
)

// begun is the use of a class that is new to a device.
type begun struct {
	contacts *window.Contacts
	habits   *baseline.Habits
	class    class
	use      use
	since    uint16 // day from which on it is new
}

// judge weighs it, and appends a finding when it reaches the score. The gate alone is
// medium.
func (d *Detector) judge(w *window.Window, b *begun, out []detect.Finding) []detect.Finding {
	u, k, since := &b.use, b.class, b.since
	top := d.heaviest(b)
	n, friends := d.census.class(k), d.census.peer(d.past.PeerKey(top))
	if d.walk(w.Now / 3600); n.state != answered || friends != nil && friends.state != answered {
		return out // it will be in a minute or two
	}
	if float64(n.users) >= max(d.cfg.LikeShare*float64(n.like), custom) {
		return out // not out of character for what this device is
	}
	var marks [5]detect.Indicator
	marks[0] = detect.Indicator{Name: "strange_service", Observed: float64(u.bytes()), Unit: "bytes", Weight: 0.5, Detail: k.String()}
	marks[1] = detect.Indicator{Name: "few_services", Observed: float64(b.habits.Uses(since)), Expected: float64(d.cfg.Services), Unit: "services", Weight: 0.1}
	if n.like >= likeLeast {
		marks[2] = detect.Indicator{Name: "devices_like_it", Observed: float64(n.users), Expected: float64(n.like), Unit: "devices", Weight: 0.05}
	}
	switch {
	case friends == nil:
	case friends.users >= shared:
		marks[3] = detect.Indicator{Name: "usual_provider", Observed: float64(friends.users), Unit: "devices", Weight: -0.15}
	case friends.users == 0 && d.census.sampled == 0 && w.Common(top.Addr) <= 1:
		marks[3] = detect.Indicator{Name: "rare_peers", Observed: 1, Unit: "peers", Weight: 0.05}
	}
	limit := medium
	if u.sent >= d.cfg.MuchBytes {
		limit = 1
		marks[4] = detect.Indicator{
			Name: "strange_service_bytes", Observed: float64(u.sent), Expected: float64(d.cfg.MuchBytes), Unit: "bytes",
			Weight: min(0.25, 0.15+0.1*math.Log10(float64(u.sent)/float64(d.cfg.MuchBytes))),
		}
	}
	score := 0.0
	for i := range marks {
		score += marks[i].Weight
	}
	if score = detect.Plus(min(max(score, 0), limit), 0); score < d.cfg.Score {
		return out
	}
	f := d.finding(w, b)
	f.Score, f.Severity = score, detect.SeverityOf(score)
	for i := range marks {
		if marks[i].Name != "" {
			f.Indicators = append(f.Indicators, marks[i])
		}
	}
	return append(out, f)
}

// heaviest is the address with which most of it is exchanged.
func (d *Detector) heaviest(b *begun) *window.Peer {
	var top *window.Peer
	all := b.contacts.Peers()
	for i := range all {
		if p := &all[i]; d.table.asks(p) == b.class && (top == nil || p.Bytes() > top.Bytes()) {
			top = p
		}
	}
	return top
}

// finding is what is known of the use, but for its weight.
func (d *Detector) finding(w *window.Window, b *begun) detect.Finding {
	u, c, h := &b.use, b.contacts, b.habits
	f := detect.Finding{
		Detector: d.Name(), Category: detect.DataExfiltration, Kind: "protocol_tunnel",
		Subject: detect.HostSubject(c.Addr), At: w.At(),
		Started: time.Unix(u.first, 0).UTC(), Last: time.Unix(u.last+1, 0).UTC(),
		Baseline: detect.Baseline{Level: "global", Samples: h.Days(), AgeDays: h.AgeDays(w.Now / 3600)},
	}
	f.Metrics = detect.Metrics{
		Bytes: u.sent, Destinations: uint64(u.peers), DurationSeconds: f.Last.Sub(f.Started).Seconds(),
		UploadRatio: float64(u.sent) / float64(max(u.received, 1)),
	}
	f.Metrics.BitsPerSecond = 8 * float64(u.sent) / f.Metrics.DurationSeconds
	all := c.Peers()
	for i := range all {
		p := &all[i]
		if d.table.asks(p) != b.class {
			continue
		}
		f.Top.Destinations = append(f.Top.Destinations, detect.Share{Key: p.Addr.String(), Bytes: p.Bytes(), Share: float64(p.Bytes()) / float64(u.bytes())})
		port := strconv.Itoa(int(p.Service&0xffff)) + "/" + flow.ProtoName(uint8(p.Service>>16))
		at := slices.IndexFunc(f.Top.Ports, func(s detect.Share) bool { return s.Key == port })
		if at < 0 {
			at, f.Top.Ports = len(f.Top.Ports), append(f.Top.Ports, detect.Share{Key: port})
		}
		f.Top.Ports[at].Bytes += p.Bytes()
		f.Top.Ports[at].Share = float64(f.Top.Ports[at].Bytes) / float64(u.bytes())
	}
	f.Metrics.Ports = uint64(len(f.Top.Ports))
	for _, list := range []*[]detect.Share{&f.Top.Destinations, &f.Top.Ports} {
		slices.SortFunc(*list, func(a, b detect.Share) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Key, b.Key)) })
		*list = (*list)[:min(len(*list), 10)]
	}
	return f
}
