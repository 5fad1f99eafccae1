// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"fmt"
	"net/netip"
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const t0 = int64(1_700_000_040)

// list is two networks, one inside the other, and what lies in an own network.
type list struct{}

func (list) Match(a flow.Addr) (entry netip.Prefix, name string, ok bool) {
	for _, text := range []string{"198.51.100.7/32", "198.51.100.0/24", "2001:db8:bad::/48", "10.0.0.0/8"} {
		if p := netip.MustParsePrefix(text); p.Contains(a.Netip()) {
			return p, "feodo.txt", true
		}
	}
	return entry, "", false
}

// Listed follows what the windows are told to follow from the first connection on.
func (l list) Listed(a *flow.Addr) bool {
	_, _, ok := l.Match(*a)
	return ok
}

// play feeds flows to a tracker and judges every minute.
type play struct {
	tb    testing.TB
	tr    *window.Tracker
	d     *Detector
	found []detect.Finding
}

func newPlay(tb testing.TB, l List, w window.Watch) *play {
	tb.Helper()
	cfg := window.DefaultConfig()
	tr, err := window.New(&cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tr.Jump(t0)
	tr.Watch(w)
	dcfg := DefaultConfig()
	d, err := New(&dcfg, l)
	if err != nil {
		tb.Fatal(err)
	}
	return &play{tb: tb, tr: tr, d: d}
}

// to goes on to a second.
func (p *play) to(at int64) {
	for p.tr.Now() < at {
		p.found = p.d.Detect(p.tr.Tick(), p.found)
		p.tr.Next(p.tr.Now() + 1)
	}
}

// call is a connection to a service, of some size each way.
type call struct {
	port      uint16
	proto     uint8
	sent, got uint64
}

// talk makes a call. Without an answer it is one packet.
func (p *play) talk(at int64, from, to string, c call) {
	p.tb.Helper()
	p.to(t0 + at)
	b := flow.NewBatch(2)
	src, dst := flow.AddrFrom(netip.MustParseAddr(from)), flow.AddrFrom(netip.MustParseAddr(to))
	mark := func(a flow.Addr, m flow.Mark) flow.Mark {
		for _, own := range []string{"10.0.0.0/8", "2001:db8:1::/48"} {
			if netip.MustParsePrefix(own).Contains(a.Netip()) {
				return m
			}
		}
		return 0
	}
	r := flow.Record{
		Start: (t0 + at) * 1e9, End: (t0 + at + 2) * 1e9, Received: (t0 + at + 2) * 1e9, Src: src, Dst: dst, SrcPort: uint16(40000 + at%20000), DstPort: c.port,
		Proto: c.proto, TCPFlags: flow.SYN | flow.ACK | flow.FIN, Packets: c.sent/1000 + 5, Bytes: c.sent, Sampling: 1,
		Mark: mark(src, flow.SrcInternal) | mark(dst, flow.DstInternal),
	}
	if c.got == 0 {
		r.TCPFlags, r.Packets = flow.SYN, 1
	}
	b.Append(&r)
	if c.got > 0 {
		r.Src, r.Dst, r.SrcPort, r.DstPort, r.Packets, r.Bytes = dst, src, c.port, r.SrcPort, c.got/1000+5, c.got
		r.Mark = mark(dst, flow.SrcInternal) | mark(src, flow.DstInternal)
		b.Append(&r)
	}
	p.tr.Add(b, 0, b.Len(), nil)
}

func TestDetect(t *testing.T) {
	const device, listed, six, bad6 = "10.0.0.5", "198.51.100.7", "2001:db8:1::5", "2001:db8:bad::7"
	for name, tc := range map[string]struct {
		play     func(p *play)
		score    float64 // of the worst finding; 0: none
		severity detect.Severity
		subject  string
	}{
		"one small connection":   {func(p *play) { p.talk(5, device, listed, call{443, 6, 900, 3000}) }, 0.6, detect.Medium, device},
		"IPv6":                   {func(p *play) { p.talk(5, six, bad6, call{8080, 6, 900, 3000}) }, 0.6, detect.Medium, six},
		"nobody answered":        {func(p *play) { p.talk(5, device, listed, call{443, 6, 60, 0}) }, 0.4, detect.Low, device},
		"UDP that was answered":  {func(p *play) { p.talk(5, device, listed, call{4444, 17, 300_000, 300_000}) }, 0.6, detect.Medium, device},
		"UDP without an answer":  {func(p *play) { p.talk(5, device, listed, call{4444, 17, 300_000, 0}) }, 0.4, detect.Low, device},
		"much":                   {func(p *play) { p.talk(5, device, listed, call{443, 6, 30e6, 3000}) }, 0.75, detect.High, device},
		"much, the other way":    {func(p *play) { p.talk(5, device, listed, call{443, 6, 3000, 30e6}) }, 0.75, detect.High, device},
		"another destination":    {func(p *play) { p.talk(5, device, "198.51.101.7", call{443, 6, 30e6, 3000}) }, 0, "", ""},
		"inside is never listed": {func(p *play) { p.talk(5, device, "10.0.0.6", call{445, 6, 30e6, 30e6}) }, 0, "", ""},
		"it comes back": {func(p *play) {
			for h := range int64(3) {
				p.talk(3600*h+5, device, listed, call{443, 6, 900, 3000})
			}
		}, 0.75, detect.High, device},
		"it comes back, unanswered": {func(p *play) {
			for h := range int64(3) {
				p.talk(3600*h+5, device, listed, call{443, 6, 60, 0})
			}
		}, 0.4, detect.Low, device},
		"much, and it comes back": {func(p *play) {
			for h := range int64(3) {
				p.talk(3600*h+5, device, listed, call{443, 6, 10e6, 3000})
			}
		}, 0.9, detect.Critical, device},
		"it is answered":            {func(p *play) { p.talk(5, listed, device, call{22, 6, 100_000, 900_000}) }, 0.6, detect.Medium, device},
		"IPv6, it is answered":      {func(p *play) { p.talk(5, bad6, six, call{22, 6, 100_000, 900_000}) }, 0.6, detect.Medium, six},
		"it scans, nobody answers":  {func(p *play) { p.talk(5, listed, device, call{23, 6, 60, 0}) }, 0, "", ""},
		"it begins, and is refused": {func(p *play) { p.talk(5, listed, device, call{80, 6, 900, 500}) }, 0, "", ""},
	} {
		p := newPlay(t, list{}, list{})
		// The first flow of a device is always in the sample of its contacts.
		p.talk(0, device, "203.0.113.1", call{443, 6, 900, 900})
		p.talk(0, six, "2001:db8:2::1", call{443, 6, 900, 900})
		tc.play(p)
		p.to(p.tr.Now() + 60)
		var worst detect.Finding
		for i := range p.found {
			if f := &p.found[i]; f.Score > worst.Score {
				worst = *f
			}
		}
		if worst.Score != tc.score || worst.Severity != tc.severity {
			t.Errorf("%s: %g %s, want %g %s", name, worst.Score, worst.Severity, tc.score, tc.severity)
			continue
		}
		if tc.score == 0 {
			continue
		}
		sum := 0.0
		for _, i := range worst.Indicators {
			sum = detect.Plus(sum, i.Weight)
		}
		ends := append(worst.Top.Destinations, worst.Top.Sources...)
		entry := "198.51.100.7"
		if tc.subject == six {
			entry = "2001:db8:bad::/48"
		}
		if worst.Subject.Addr().String() != tc.subject || sum != worst.Score || worst.Category != detect.CommandControl || worst.Kind != Kind ||
			worst.Indicators[0].Name != "threat_list" || worst.Indicators[0].Detail != "feodo.txt ("+entry+")" || len(ends) != 1 || worst.Started.Unix() < t0 {
			t.Errorf("%s: %+v", name, worst)
		}
	}
}

// All listed addresses of a device make one finding a minute, the worst first.
func TestOneFindingPerDevice(t *testing.T) {
	p := newPlay(t, list{}, list{})
	for i := range 20 {
		p.talk(5, "10.0.0.5", fmt.Sprintf("198.51.100.%d", i+1), call{443, 6, uint64(1e6 * (i + 1)), 3000})
	}
	p.talk(5, "10.0.0.6", "198.51.100.9", call{443, 6, 26e6, 3000})
	p.to(t0 + 60)
	if len(p.found) != 2 {
		t.Fatalf("%d findings", len(p.found))
	}
	f := p.found[0]
	if f.Metrics.Destinations != 20 || len(f.Top.Destinations) != 10 || f.Top.Destinations[0].Key != "198.51.100.20" || p.found[1].Severity != detect.High {
		t.Errorf("%+v", f)
	}
}

// Without the windows' watch, a connection is followed from its third on, as any.
func TestWithoutWatch(t *testing.T) {
	p := newPlay(t, list{}, nil)
	p.talk(0, "10.0.0.5", "203.0.113.1", call{443, 6, 900, 900})
	for i := range int64(3) {
		if len(p.found) > 0 {
			t.Errorf("found after %d connections", i)
		}
		p.talk(60*i+5, "10.0.0.5", "198.51.100.7", call{443, 6, 900, 3000})
	}
	if p.to(t0 + 240); len(p.found) == 0 {
		t.Error("never found")
	}
}

func TestMark(t *testing.T) {
	share := func(key string, percent int) detect.Share {
		return detect.Share{Key: key, Share: float64(percent) / 100, Bytes: uint64(percent)}
	}
	to := func(all ...detect.Share) detect.Top { return detect.Top{Destinations: all} }
	from := func(all ...detect.Share) detect.Top { return detect.Top{Sources: all} }
	for name, tc := range map[string]struct {
		f                    detect.Finding
		score, share, weight float64
		severity             detect.Severity
		marked               bool
	}{
		"a theft to it":              {detect.Finding{Score: 0.6, Severity: detect.Medium, Top: to(share("198.51.100.7", 90), share("203.0.113.1", 10))}, 0.75, 0.9, 0.15, detect.High, true},
		"IPv6":                       {detect.Finding{Score: 0.7, Severity: detect.Medium, Top: to(share("2001:db8:bad::1", 100))}, 0.85, 1, 0.15, detect.High, true},
		"two of them":                {detect.Finding{Score: 0.6, Severity: detect.Medium, Top: to(share("198.51.100.7", 6), share("198.51.100.8", 6))}, 0.75, 0.12, 0.15, detect.High, true},
		"a small part of it":         {detect.Finding{Score: 0.6, Severity: detect.Medium, Top: to(share("203.0.113.1", 95), share("198.51.100.7", 5))}, 0.6, 0.05, 0, detect.Medium, true},
		"it scans":                   {detect.Finding{Category: detect.Reconnaissance, Score: 0.4, Severity: detect.Low, Top: from(share("198.51.100.7", 80))}, 0.4, 0.8, 0, detect.Low, true},
		"it floods":                  {detect.Finding{Category: detect.DDoSAttack, Score: 0.8, Severity: detect.High, Top: from(share("198.51.100.7", 30))}, 0.8, 0.3, 0, detect.High, true},
		"a severity of its own":      {detect.Finding{Score: 0.7, Severity: detect.Low, Top: to(share("198.51.100.7", 90))}, 0.85, 0.9, 0.15, detect.Medium, true},
		"others":                     {detect.Finding{Score: 0.6, Severity: detect.Medium, Top: to(share("203.0.113.1", 100), share("198.51.100.0/24", 50))}, 0.6, 0, 0, detect.Medium, false},
		"not what it is about":       {detect.Finding{Score: 0.6, Severity: detect.Medium, About: 1, Top: to(share("203.0.113.1", 50), share("198.51.100.7", 40))}, 0.6, 0, 0, detect.Medium, false},
		"a finding of this detector": {detect.Finding{Kind: Kind, Score: 0.6, Severity: detect.Medium, Top: to(share("198.51.100.7", 100))}, 0.6, 0, 0, detect.Medium, false},
	} {
		f := tc.f
		if got := Mark(list{}, &f); got != tc.marked || f.Score != tc.score || f.Severity != tc.severity {
			t.Errorf("%s: marked %v, %g %s, want %v, %g %s", name, got, f.Score, f.Severity, tc.marked, tc.score, tc.severity)
			continue
		}
		if !tc.marked {
			if len(f.Indicators) != 0 {
				t.Errorf("%s: %+v", name, f.Indicators)
			}
			continue
		}
		if i := f.Indicators[0]; i.Name != "threat_list" || i.Observed != tc.share || i.Weight != tc.weight || i.Detail == "" {
			t.Errorf("%s: %+v", name, i)
		}
	}
	f := detect.Finding{Top: to(share("198.51.100.7", 100))}
	if Mark(nil, &f) {
		t.Error("marked without a list")
	}
}

// A minute without listed addresses allocates nothing; nor does one without a list.
func TestQuietAllocatesNothing(t *testing.T) {
	p := newPlay(t, list{}, list{})
	for i := range 200 {
		p.talk(5, fmt.Sprintf("10.0.0.%d", i+1), "203.0.113.1", call{443, 6, 30e6, 3000})
	}
	for !p.tr.Tick().Minute {
		p.tr.Next(p.tr.Now() + 1)
	}
	w := p.tr.Tick()
	out := make([]detect.Finding, 0, 10)
	if n := testing.AllocsPerRun(10, func() { out = p.d.Detect(w, out[:0]) }); n != 0 || len(out) != 0 || w.Contacts() < 200 {
		t.Errorf("%v allocations, %d findings of %d contacts", n, len(out), w.Contacts())
	}
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"entries": func(c *Config) { c.MaxEntries = 0 }, "bytes": func(c *Config) { c.Bytes = 0 },
		"hours": func(c *Config) { c.Hours = 1 }, "lists": func(c *Config) { c.Lists = []string{""} },
	} {
		cfg := DefaultConfig()
		if change(&cfg); cfg.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := New(&cfg, nil); err == nil {
			t.Errorf("%s: made all the same", name)
		}
	}
}
