// SPDX-License-Identifier: Apache-2.0

package beacon

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const t0 = 1_700_000_000 / 86400 * 86400

// asking is one device that asks a service of one destination.
type asking struct {
	from, to string
	port     uint16
	proto    uint8
	source   uint16 // the device's port, 0 = another one each time
	bytes    uint64
	at       []int64 // seconds after t0
	lasts    int64   // seconds of each piece
	middle   bool    // the pieces belong to one connection
}

func records(asks ...asking) []flow.Record {
	var out []flow.Record
	for _, a := range asks {
		for i, at := range a.at {
			r := flow.Record{
				Received: (t0 + at + a.lasts + 1) * 1e9, Start: (t0 + at) * 1e9, End: (t0 + at + a.lasts) * 1e9,
				Src: flow.AddrFrom(netip.MustParseAddr(a.from)), Dst: flow.AddrFrom(netip.MustParseAddr(a.to)),
				SrcPort: uint16(32768 + 7*i%28000), DstPort: a.port, Proto: a.proto, Packets: max(1, a.bytes/100), Bytes: a.bytes, Sampling: 1,
				Mark: flow.SrcInternal,
			}
			if r.Proto == 0 {
				r.Proto = flow.ProtoTCP
			}
			if r.Proto == flow.ProtoTCP {
				r.TCPFlags = flow.SYN | flow.ACK | flow.PSH | flow.FIN
			}
			if a.source != 0 {
				r.SrcPort = a.source
			}
			if a.middle {
				r.TCPFlags = flow.ACK | flow.PSH
			}
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b flow.Record) int { return int((a.Received - b.Received) / 1e9) })
	return out
}

// play returns all findings of the time up to hours.
func play(tb testing.TB, hours int64, recs []flow.Record) (all []detect.Finding) {
	tb.Helper()
	cfg := window.DefaultConfig()
	cfg.MaxPairs = 4096
	tr, err := window.New(&cfg)
	if err != nil {
		tb.Fatal(err)
	}
	d, err := New(DefaultConfig())
	if err != nil {
		tb.Fatal(err)
	}
	tr.Jump(t0)
	b, next, end := flow.NewBatch(64), 0, t0+3600*hours
	for tr.Now() < end {
		b.Reset()
		for next < len(recs) && recs[next].Received/1e9 <= tr.Now() {
			b.Append(&recs[next])
			next++
		}
		tr.Add(b, 0, b.Len(), nil)
		all = d.Detect(tr.Tick(), all)
		limit := end
		if next < len(recs) {
			limit = min(limit, recs[next].Received/1e9)
		}
		tr.Next(limit)
	}
	return all
}

// strongest is the highest score about a device from a second on, and when it first was medium.
func strongest(all []detect.Finding, device string, from int64) (score float64, medium time.Duration, kind string) {
	for i := range all {
		f := &all[i]
		if f.Subject.Addr() != netip.MustParseAddr(device) || f.At.Unix() < t0+from {
			continue
		}
		if f.Score > score {
			score, kind = f.Score, f.Kind
		}
		if f.Score >= 0.6 && medium == 0 {
			medium = f.At.Sub(time.Unix(t0, 0))
		}
	}
	return score, medium, kind
}

// clock is a schedule: a period, a uniform jitter to each side, and a share of
// calls that do not come.
func clock(r *rand.Rand, period, hours int64, jitter, missing float64) (at []int64) {
	for t := 0.0; t < float64(3600*hours); {
		t += float64(period) * (1 + jitter*(2*r.Float64()-1))
		if r.Float64() >= missing {
			at = append(at, int64(t))
		}
	}
	return at
}

func grow(first, ratio float64, n int) (at []int64) {
	t := 0.0
	for range n {
		at = append(at, int64(t))
		t += first
		first *= ratio
	}
	return at
}

func fibonacci(n int) (at []int64) {
	a, b, t := int64(1), int64(2), int64(0)
	for range n {
		at = append(at, t)
		t += a
		a, b = b, a+b
	}
	return at
}

// Schedules of beacons are found, over IPv4 and IPv6, with the time it takes.
func TestFound(t *testing.T) {
	for name, c := range map[string]struct {
		period, hours   int64
		jitter, missing float64
		within          time.Duration
	}{
		"a minute":                        {60, 24, 0, 0, 5 * time.Hour},
		"a minute, jitter 30 %":           {60, 24, 0.3, 0, 6 * time.Hour},
		"a minute, jitter 50 %":           {60, 24, 0.5, 0, 8 * time.Hour},
		"five minutes":                    {300, 36, 0, 0, 10 * time.Hour},
		"five minutes, jitter 10 %":       {300, 36, 0.1, 0, 11 * time.Hour},
		"five minutes, jitter 50 %":       {300, 36, 0.5, 0, 14 * time.Hour},
		"five minutes, a quarter missing": {300, 36, 0.05, 0.25, 14 * time.Hour},
		"an hour":                         {3600, 48, 0, 0, 25 * time.Hour},
		"an hour, jitter 30 %":            {3600, 48, 0.3, 0, 30 * time.Hour},
		"an hour, jitter 50 %":            {3600, 72, 0.5, 0, 40 * time.Hour},
		"six hours":                       {21600, 140, 0, 0, 110 * time.Hour},
		"six hours, jitter 30 %":          {21600, 140, 0.3, 0, 130 * time.Hour},
	} {
		for _, from := range []string{"10.0.0.1", "fd00::1"} {
			to := "198.51.100.7"
			if from == "fd00::1" {
				to = "2001:db8::7"
			}
			r := rand.New(rand.NewPCG(uint64(c.period), 5))
			all := play(t, c.hours, records(asking{from: from, to: to, port: 443, bytes: 900, at: clock(r, c.period, c.hours, c.jitter, c.missing)}))
			score, after, kind := strongest(all, from, 0)
			if score < 0.6 || kind != "beacon" || after > c.within {
				t.Errorf("%s from %s: %s with score %.2f, medium after %v; want medium within %v", name, from, kind, score, after, c.within)
			}
			t.Logf("%s from %s: score %.2f, medium after %v", name, from, score, after)
		}
	}
}

// Schedules whose intervals grow, which tools that look for one period miss.
func TestGrowing(t *testing.T) {
	for name, at := range map[string][]int64{
		"Fibonacci":      fibonacci(20),
		"Fibonacci, 24":  fibonacci(24),
		"times 1.5":      grow(30, 1.5, 17),
		"times 1.3":      grow(20, 1.3, 24),
		"times 1.8, 200": grow(2, 1.8, 18),
	} {
		all := play(t, at[len(at)-1]/3600+2, records(asking{from: "10.0.0.1", to: "198.51.100.7", port: 443, bytes: 700, at: at}))
		score, after, _ := strongest(all, "10.0.0.1", 0)
		if score < 0.6 {
			t.Errorf("%s: score %.2f, want medium", name, score)
		}
		t.Logf("%s: score %.2f, medium after %v", name, score, after)
	}
}

// What is not commanded, though some of it keeps to a clock, stays below medium.
func TestQuiet(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	random := func(mean, hours float64) (at []int64) {
		for t := 0.0; t < 3600*hours; t += mean * r.ExpFloat64() {
			at = append(at, int64(t))
		}
		return at
	}
	// Somebody reads: half an hour of pages now and then, a page every minute or so.
	reading := func(hours int64) (at []int64) {
		for t := int64(8 * 3600); t < 3600*hours; t += 3600 + r.Int64N(4*3600) {
			for s := int64(0); s < 1800; s += 5 + int64(50*r.ExpFloat64()) {
				at = append(at, t+s, t+s+1)
			}
		}
		return at
	}
	others := func(n int, port uint16, to string, period int64) (out []asking) {
		for i := range n {
			out = append(out, asking{
				from: netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}).String(), to: to, port: port, bytes: 400, at: clock(r, period, 48, 0.05, 0),
			})
		}
		return out
	}
	every := func(seconds, hours int64) []int64 { return clock(r, seconds, hours, 0, 0) }
	for name, c := range map[string]struct {
		hours, from int64 // how long, and from which hour on it counts
		asks        []asking
	}{
		"at random, each minute":         {48, 0, []asking{{at: random(60, 48)}}},
		"at random, each five minutes":   {48, 0, []asking{{at: random(300, 48)}}},
		"at random, each hour":           {96, 0, []asking{{at: random(3600, 96)}}},
		"at random, many a second":       {6, 0, []asking{{at: random(1.5, 6)}}},
		"somebody reads":                 {72, 0, []asking{{at: reading(72)}}},
		"time service":                   {48, 0, []asking{{port: 123, proto: flow.ProtoUDP, bytes: 76, at: every(1024, 48)}}},
		"time service, from other ports": {48, 0, []asking{{port: 123, proto: flow.ProtoUDP, bytes: 76, at: every(64, 48)}}},
		"mail of twelve":                 {48, 0, append(others(12, 993, "198.51.100.7", 300), asking{port: 993, at: every(300, 48)})},
		"cloud heartbeat of five":        {48, 0, append(others(5, 443, "198.51.100.7", 240), asking{at: every(240, 48)})},
		"virtual network kept alive":     {48, 0, []asking{{port: 51820, proto: flow.ProtoUDP, source: 51820, at: every(25, 48)}}},
		"a call":                         {3, 0, []asking{{port: 3478, proto: flow.ProtoUDP, source: 50000, bytes: 900_000, lasts: 59, at: every(60, 1)}}},
		"update check":                   {140, 0, []asking{{at: every(86400, 140)}}},
		"camera that always did":         {120, 80, []asking{{at: every(300, 120)}}},
	} {
		for i := range c.asks {
			a := &c.asks[i]
			if a.from == "" {
				a.from = "10.0.0.1"
			}
			if a.to == "" {
				a.to = "198.51.100.7"
			}
			if a.port == 0 {
				a.port = 443
			}
			if a.bytes == 0 {
				a.bytes = 800
			}
		}
		all := play(t, c.hours, records(c.asks...))
		for _, a := range c.asks {
			if score, after, kind := strongest(all, a.from, 3600*c.from); score >= 0.6 {
				t.Errorf("%s: %s of %s with score %.2f after %v", name, kind, a.from, score, after)
				break
			}
		}
	}
}

// The age and the spread of a destination weigh: the same schedule is stronger when
// the device began it after days without, and only it does.
func TestNews(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	var asks []asking
	for i := range 12 {
		from := netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}).String()
		asks = append(asks, asking{from: from, to: "203.0.113.9", port: 443, bytes: 500, at: clock(r, 600, 120, 0.2, 0)})
	}
	late := clock(r, 300, 30, 0.3, 0)
	for i := range late {
		late[i] += 90 * 3600
	}
	asks = append(asks, asking{from: "10.0.1.3", to: "198.51.100.7", port: 443, bytes: 700, at: late})
	all := play(t, 120, records(asks...))
	var best *detect.Finding
	for i := range all {
		if all[i].Top.Destinations[0].Key == "198.51.100.7" && (best == nil || all[i].Score > best.Score) {
			best = &all[i]
		}
	}
	if best == nil || best.Score < 0.7 {
		t.Fatalf("the new beacon: %+v", best)
	}
	for _, name := range []string{"destination_rare", "destination_news", "beacon_period", "beacon_jitter"} {
		if !slices.ContainsFunc(best.Indicators, func(i detect.Indicator) bool { return i.Name == name }) {
			t.Errorf("no indicator %s in %+v", name, best.Indicators)
		}
	}
	for i := range best.Indicators {
		switch n := &best.Indicators[i]; {
		case n.Name == "beacon_period" && (n.Observed < 240 || n.Observed > 360):
			t.Errorf("period %v s, want about 300", n.Observed)
		case n.Name == "beacon_jitter" && (n.Observed < 0.2 || n.Observed > 0.4):
			t.Errorf("jitter %v, want about 0.3", n.Observed)
		}
	}
}

// Long connections by length, and what their owner may have wanted.
func TestLong(t *testing.T) {
	pieces := func(every, hours int64) (at []int64) {
		for s := int64(0); s < 3600*hours; s += every {
			at = append(at, s)
		}
		return at
	}
	for name, c := range map[string]struct {
		ask   asking
		hours int64
		want  detect.Severity
	}{
		"three days of SSH, exported each minute":  {asking{port: 22, at: pieces(60, 72), lasts: 59, bytes: 6000}, 72, detect.High},
		"three days of SSH, a keepalive each hour": {asking{port: 22, at: pieces(3600, 72), bytes: 200}, 72, detect.High},
		"a working day": {asking{port: 22, at: pieces(60, 9), lasts: 59, bytes: 6000}, 9, detect.Medium},
		"five hours":    {asking{port: 22, at: pieces(60, 5), lasts: 59, bytes: 6000}, 5, detect.Low},
		"half an hour":  {asking{port: 22, at: pieces(60, 1)[:30], lasts: 59, bytes: 6000}, 1, ""},
		"two hours of nearly nothing at an odd port": {
			asking{to: "10.0.0.9", port: 1234, at: pieces(30, 2), bytes: 98}, 2, detect.Medium,
		},
		"mail waits for a day": {asking{port: 993, at: pieces(60, 23), lasts: 59, bytes: 300}, 23, detect.Low},
		"a tunnel for a day":   {asking{port: 51820, proto: flow.ProtoUDP, at: pieces(60, 30), lasts: 59, bytes: 90_000}, 30, detect.Low},
	} {
		for _, from := range []string{"10.0.0.1", "fd00::1"} {
			a := c.ask
			a.from, a.source, a.middle = from, 50_123, true
			if a.to == "" {
				a.to = map[string]string{"10.0.0.1": "198.51.100.7", "fd00::1": "2001:db8::7"}[from]
			}
			recs := records(a)
			for i := range recs {
				if a.to == "10.0.0.9" {
					recs[i].Mark |= flow.DstInternal
				}
			}
			score, _, kind := strongest(play(t, c.hours, recs), from, 0)
			switch {
			case c.want == "" && score > 0:
				t.Errorf("%s: %s with score %.2f, want nothing", name, kind, score)
			case c.want != "" && (kind != "long_connection" && score > 0 || score == 0 && c.want != detect.Low || detect.SeverityOf(score) != c.want):
				t.Errorf("%s from %s: %s with score %.2f, want %s", name, from, kind, score, c.want)
			}
		}
	}
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"too few":  func(c *Config) { c.MinConnections = 3 },
		"too many": func(c *Config) { c.MinConnections = 65 },
		"short":    func(c *Config) { c.LongAfter = time.Second },
		"unknown":  func(c *Config) { c.Known = 0 },
		"one":      func(c *Config) { c.Many = 1 },
		"score":    func(c *Config) { c.Score = 2 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
