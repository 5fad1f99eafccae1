// SPDX-License-Identifier: Apache-2.0

package dnsflood

import (
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const (
	t0 = 1_700_000_040
	// What is usual is known after two minutes and forty seconds.
	attackAt, playFor = 170, 200
)

// questions are those to a name server, a second.
type questions struct {
	rate, sources  int
	srcPort        uint16 // 0 = another each time
	bytes          int    // of a question; 0 = 75
	answered       bool
	sampling       uint32
	long           bool // a source asks from one port: its flow goes on
	from, to       int
	v6             bool
	resolverAnswer bool // it is the device that asks, and this the answer
}

func play(t *testing.T, past Past, all ...questions) (best detect.Finding) {
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
	var out []detect.Finding
	for sec := range playFor {
		b.Reset()
		for i := range all {
			if x := &all[i]; sec >= x.from && (x.to == 0 || sec < x.to) {
				x.append(b, sec)
			}
		}
		tr.Add(b, 0, b.Len(), nil)
		out = d.Detect(tr.Tick(), out[:0])
		for _, f := range out {
			if f.Score > best.Score {
				best = f
			}
		}
		tr.Next(tr.Now() + 1)
	}
	return best
}

func (x *questions) append(b *flow.Batch, sec int) {
	flows, packets, lasting := x.rate, 1, int64(0)
	if x.long { // told of every ten seconds, all sources one after the other
		flows, packets, lasting = x.sources/10, 10*x.rate/x.sources, 10
	}
	at := int64(t0 + sec)
	for k := range flows {
		source := (sec*flows + k) % x.sources
		bytes := x.bytes
		if bytes == 0 {
			bytes = 75
		}
		q := flow.Record{
			Received: at * 1e9, Start: (at - lasting) * 1e9, End: at * 1e9, Proto: flow.ProtoUDP,
			Src: flow.AddrFrom4([4]byte{198, 18, byte(source >> 8), byte(source)}), Dst: flow.AddrFrom4([4]byte{10, 0, 0, 53}),
			SrcPort: x.srcPort, DstPort: 53, Packets: uint64(packets), Bytes: uint64(packets * bytes), Sampling: max(1, x.sampling), Mark: flow.DstInternal,
		}
		if x.sampling > 1 {
			q.Packets, q.Bytes = q.Packets*uint64(x.sampling), q.Bytes*uint64(x.sampling)
		}
		if x.srcPort == 0 {
			q.SrcPort = uint16(1024 + k)
		}
		if x.resolverAnswer {
			q.SrcPort, q.DstPort = 53, q.SrcPort
		}
		if x.v6 {
			q.Src, q.Dst = flow.Addr{0: 0x20, 14: byte(source >> 8), 15: byte(source)}, flow.Addr{0: 0xfd, 15: 53}
			q.Bytes += 20 * q.Packets
		}
		b.Append(&q)
		if x.answered {
			a := q
			a.Src, a.Dst, a.SrcPort, a.DstPort, a.Mark = q.Dst, q.Src, q.DstPort, q.SrcPort, flow.SrcInternal
			a.Bytes = 2 * q.Bytes
			b.Append(&a)
		}
	}
}

func TestQueries(t *testing.T) {
	usual := questions{rate: 60, sources: 300, answered: true}
	resolver := questions{rate: 1500, sources: 3000, answered: true}
	attack := questions{rate: 3000, sources: 2000, answered: true, from: attackAt}
	with := func(q questions, change func(*questions)) questions { change(&q); return q }
	for name, tc := range map[string]struct {
		all   []questions
		found bool
	}{
		"names that do not exist, answered":               {[]questions{usual, attack}, true},
		"too many to answer":                              {[]questions{usual, with(attack, func(q *questions) { q.answered = false })}, true},
		"by a few machines":                               {[]questions{usual, with(attack, func(q *questions) { q.sources = 20; q.long = true })}, true},
		"sampled":                                         {[]questions{with(usual, func(q *questions) { q.rate, q.sampling = 1, 100 }), with(attack, func(q *questions) { q.rate, q.sampling = 40, 100 })}, true},
		"from the first second on, too many to answer":    {[]questions{with(attack, func(q *questions) { q.from, q.answered = 0, false }), with(attack, func(q *questions) { q.from, q.rate = 0, 300 })}, true},
		"a flood of datagrams to port 53 of a web server": {[]questions{with(attack, func(q *questions) { q.answered = false })}, false},
		"a resolver of thousands":                         {[]questions{resolver}, false},
		"its users ask again three times":                 {[]questions{resolver, with(resolver, func(q *questions) { q.rate, q.from, q.answered = 3*q.rate, attackAt, false })}, false},
		"and it starts with the collector":                {[]questions{with(attack, func(q *questions) { q.from = 0 })}, false},
		"a name server is asked five times as often":      {[]questions{usual, with(attack, func(q *questions) { q.rate = 400 })}, false},
		"the answers to a resolver":                       {[]questions{usual, with(attack, func(q *questions) { q.resolverAnswer = true })}, false},
		"amplification to the port of names":              {[]questions{usual, with(attack, func(q *questions) { q.srcPort, q.bytes, q.answered = 53, 1400, false })}, false},
		"large datagrams to the port of names":            {[]questions{usual, with(attack, func(q *questions) { q.bytes, q.answered = 1200, false })}, false},
		"a few samples prove nothing":                     {[]questions{with(usual, func(q *questions) { q.rate, q.sampling, q.from, q.to = 11, 1000, attackAt, attackAt+2 })}, false},
	} {
		for _, v6 := range []bool{false, true} {
			for i := range tc.all {
				tc.all[i].v6 = v6
			}
			f := play(t, nil, tc.all...)
			if (f.Score > 0) != tc.found {
				t.Errorf("%s (IPv6 %v): found %v: %+v", name, v6, f.Score > 0, f.Indicators)
			}
			if tc.found && (f.Vector != "dns_query_flood" || f.Severity.Rank() < detect.High.Rank()) {
				t.Errorf("%s: %s of severity %s", name, f.Vector, f.Severity)
			}
			if d := f.Started.Unix() - t0 - attackAt; tc.found && tc.all[len(tc.all)-1].from > 0 && (d < -10 || d > 10) {
				t.Errorf("%s: started %d s after it began", name, d)
			}
		}
	}
}

// known is a past in which the server receives so many packets a second.
type known float64

func (k known) At(_ flow.Addr, _ time.Time, m baseline.Measure) (baseline.Normal, bool) {
	return baseline.Normal{Median: 300 * float64(k)}, m == baseline.PacketsIn
}

// What comes each day at this hour is no flood.
func TestQueriesOfEachDay(t *testing.T) {
	attack := questions{rate: 3000, sources: 2000, answered: true, from: attackAt}
	if f := play(t, known(500), attack); f.Score == 0 {
		t.Error("missed beside a small past")
	}
	if f := play(t, known(4000), attack); f.Score > 0 {
		t.Errorf("found within the past: %+v", f)
	}
}

// A tick in which nothing is wrong allocates nothing.
func TestQuietAllocatesNothing(t *testing.T) {
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(DefaultConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(t0)
	b := flow.NewBatch(4096)
	x := questions{rate: 2000, sources: 100, answered: true}
	x.append(b, 0)
	tr.Add(b, 0, b.Len(), nil)
	w := tr.Tick()
	if w.Revised() != 1 || w.Host(0).DNS() == nil {
		t.Fatal("nobody is busy")
	}
	if n := testing.AllocsPerRun(50, func() { d.Detect(w, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestConfigure(t *testing.T) {
	d, err := New(DefaultConfig(), nil)
	if err != nil || d.Name() != "dnsflood" {
		t.Fatal(d.Name(), err)
	}
	if err := d.Configure(Config{MinQueries: 10, Growth: 0, Sigma: 3}); err == nil || d.cfg != DefaultConfig() {
		t.Errorf("took %+v, error %v", d.cfg, err)
	}
}
