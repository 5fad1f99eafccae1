// SPDX-License-Identifier: Apache-2.0

package webflood

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// askers are connections to a web server that come about, a second.
type askers struct {
	rate, sources int
	base          int     // number of the first source
	size          float64 // bytes of a request
	spread        float64 // of the sizes, as deviation of their logarithm
	same          bool    // the responses are all alike
	port          uint16
	sampling      uint32
	flagless      bool
	from, to      int // seconds; to 0 = until the end
}

func crowdOf(rate, sources int) askers {
	return askers{rate: rate, sources: sources, base: 1 << 20, size: 900, spread: 0.6, port: 443}
}

func bots(rate, sources int) askers {
	return askers{rate: rate, sources: sources, size: 520, same: true, port: 80, from: attackAt}
}

// What is usual is known after two minutes and forty seconds.
const attackAt, askedFor = 165, 190

// ask plays three minutes and returns the last finding of the highest score.
func ask(t *testing.T, v6 bool, past Past, all ...askers) (best detect.Finding, at int64) {
	t.Helper()
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(DefaultConfig(), past)
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(t0)
	b := flow.NewBatch(4096)
	r := rand.New(rand.NewPCG(1, 2))
	var out []detect.Finding
	for sec := range askedFor {
		b.Reset()
		for i := range all {
			x := &all[i]
			if sec < x.from || x.to > 0 && sec >= x.to {
				continue
			}
			for k := range x.rate {
				q := x.record(int64(t0+sec), (sec*x.rate+k)%x.sources+x.base, v6, r)
				q.SrcPort = uint16(1024 + k)
				b.Append(&q)
				a := x.answer(&q, r)
				b.Append(&a)
			}
		}
		tr.Add(b, 0, b.Len(), nil)
		out = d.Detect(tr.Tick(), out[:0])
		for _, f := range out {
			if f.Vector == "http_flood" && f.Score >= best.Score {
				best, at = f, int64(sec)
			}
		}
		tr.Next(tr.Now() + 1)
	}
	return best, at
}

// record is one connection of half a second.
func (x *askers) record(sec int64, source int, v6 bool, r *rand.Rand) flow.Record {
	size := uint64(x.size * math.Exp(x.spread*r.NormFloat64()))
	q := flow.Record{
		Received: sec * 1e9, Start: sec*1e9 - 5e8, End: sec * 1e9, Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.PSH | flow.FIN,
		Src: flow.AddrFrom4([4]byte{byte(20 + source>>16), 18, byte(source >> 8), byte(source)}), Dst: flow.AddrFrom4([4]byte{10, 0, 0, 1}),
		DstPort: x.port, Packets: 6, Bytes: size, Sampling: max(1, x.sampling), Mark: flow.DstInternal,
	}
	if v6 {
		q.Src = flow.Addr{0: 0x20, 1: byte(source >> 16), 4: byte(source >> 8), 5: byte(source)}
		q.Dst = flow.Addr{0: 0xfd, 15: 1}
		q.Bytes += 20 * q.Packets
	}
	if x.flagless {
		q.TCPFlags, q.Mark = 0, q.Mark|flow.NoTCPFlags
	}
	return q
}

func (x *askers) answer(q *flow.Record, r *rand.Rand) flow.Record {
	a := *q
	a.Src, a.Dst, a.SrcPort, a.DstPort, a.Mark = q.Dst, q.Src, q.DstPort, q.SrcPort, q.Mark&^flow.DstInternal|flow.SrcInternal
	a.Bytes, a.Packets = 9000, 12
	if !x.same {
		a.Bytes = uint64(9000 * math.Exp(r.NormFloat64()))
	}
	return a
}

func TestRequests(t *testing.T) {
	with := func(a askers, change func(*askers)) askers { change(&a); return a }
	gateways := with(crowdOf(600, 50), func(a *askers) { a.base = 0 })
	late := func(a *askers) { a.from = attackAt }
	for name, tc := range map[string]struct {
		all  []askers
		want detect.Severity // empty: nothing at all
	}{
		"bots, fast and alike":                     {[]askers{bots(1000, 50)}, detect.High},
		"the same at a busy shop":                  {[]askers{crowdOf(1500, 9000), bots(1000, 50)}, detect.High},
		"bots that dress up, brutal":               {[]askers{with(bots(1500, 20), func(a *askers) { a.spread = 0.6 })}, detect.High},
		"many bots, each as slow as a person":      {[]askers{crowdOf(300, 5000), with(bots(1500, 6000), func(*askers) {})}, detect.High},
		"bots of an exporter without flags":        {[]askers{with(bots(1000, 50), func(a *askers) { a.flagless = true })}, detect.High},
		"one machine with all its might":           {[]askers{bots(1500, 1)}, detect.High},
		"from the first second on":                 {[]askers{with(bots(1000, 50), func(a *askers) { a.from = 0 })}, detect.High},
		"a busy shop":                              {[]askers{crowdOf(1500, 9000)}, ""},
		"a crowd":                                  {[]askers{crowdOf(100, 900), with(crowdOf(1500, 9000), late)}, ""},
		"a crowd that all want one page":           {[]askers{with(crowdOf(1500, 9000), func(a *askers) { a.from, a.same, a.spread = attackAt, true, 0.3 })}, ""},
		"a crowd through shared addresses":         {[]askers{with(crowdOf(1500, 100), late)}, detect.Low},
		"an office behind one address comes":       {[]askers{with(crowdOf(600, 1), late)}, ""},
		"a delivery network carries all":           {[]askers{gateways}, ""},
		"and a crowd comes through it":             {[]askers{gateways, with(gateways, func(a *askers) { a.rate, a.from = 2000, attackAt })}, ""},
		"probes":                                   {[]askers{bots(5, 2)}, ""},
		"a crawler":                                {[]askers{with(crowdOf(50, 1), late)}, ""},
		"a program that asks an interface":         {[]askers{bots(400, 2)}, ""},
		"sensors report":                           {[]askers{with(bots(800, 5000), func(a *askers) { a.from = 0 })}, ""},
		"sensors are silent for a while, and back": {[]askers{with(bots(400, 5000), func(a *askers) { a.from, a.to = 0, 130 }), bots(1000, 5000)}, ""},
		"no web server":                            {[]askers{with(bots(1000, 50), func(a *askers) { a.port = 5432 })}, ""},
		"sampled: nobody can tell":                 {[]askers{with(bots(1000, 50), func(a *askers) { a.sampling = 100 })}, ""},
	} {
		for _, v6 := range []bool{false, true} {
			if v6 && tc.want == "" && name != "a crowd" {
				continue // what is nothing differs in nothing
			}
			f, at := ask(t, v6, nil, tc.all...)
			switch {
			case tc.want == "" && f.Score > 0, tc.want == detect.Low && f.Severity.Rank() > 0,
				tc.want == detect.High && (f.Severity.Rank() < detect.High.Rank() || f.Kind != "ddos"):
				t.Errorf("%s (IPv6 %v): severity %q, want %q, after %d s: %+v", name, v6, f.Severity, tc.want, at, f.Indicators)
			}
			if tc.want == detect.High && name != "from the first second on" {
				if d := f.Started.Unix() - t0 - attackAt; d < -10 || d > 10 {
					t.Errorf("%s: started %d s after it began", name, d)
				}
			}
		}
	}
}

// known is a past in which the server receives so many packets a second.
type known float64

func (k known) At(_ flow.Addr, _ time.Time, m baseline.Measure) (baseline.Normal, bool) {
	n := baseline.Normal{Median: 300 * float64(k)}
	return n, m == baseline.PacketsIn
}

// What comes each day at this hour is no flood.
func TestRequestsOfEachDay(t *testing.T) {
	if f, _ := ask(t, false, known(100), bots(1000, 50)); f.Severity.Rank() < detect.High.Rank() {
		t.Errorf("missed beside a small past: %+v", f)
	}
	if f, _ := ask(t, false, known(8000), bots(1000, 50)); f.Score > 0 {
		t.Errorf("found within the past: %+v", f)
	}
}
