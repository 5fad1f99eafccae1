// SPDX-License-Identifier: Apache-2.0

package app

import (
	"testing"

	"tidewatch/flow"
)

// carry hands a meter one flow that ended at second end and lasted so long.
func carry(m *meter, at, lasted int64, bytes uint64, mark flow.Mark) {
	b := flow.NewBatch(1)
	b.Append(&flow.Record{Start: (at - lasted) * 1e9, End: at * 1e9, Received: at * 1e9, Bytes: bytes, Packets: bytes / 100, Mark: mark})
	m.add(b, 0, 1, at)
}

// What took a minute is a minute of steady traffic, what is short shows at once, and every
// byte is shown once.
func TestMeter(t *testing.T) {
	const start = 1_700_000_040 // begins a minute
	m := &meter{}
	if _, ok := m.last(start); ok || len(m.lastMinutes(60, start)) != 0 {
		t.Error("a meter that saw nothing tells something")
	}
	carry(m, start, 0, 1000, flow.DstInternal)
	carry(m, start, 60, 6_000_030, flow.SrcInternal)
	carry(m, start, 60, 500, flow.SrcInternal|flow.DstInternal) // one device to another: both
	carry(m, start, 60, 1<<40, flow.SrcInternal|flow.Duplicate)
	carry(m, start, 60, 1<<40, 0) // touches no own device
	first, ok := m.last(start + 1)
	if !ok || first.at != start || first.flows != 4 {
		t.Fatalf("%+v %v", first, ok)
	}
	if in, out := first.carried[0].bytes, first.carried[1].bytes; in != 1000+8+20 || out != 100_000+30+8+20 {
		t.Errorf("the first second: %d in, %d out", in, out)
	}
	if r, _ := m.last(start + 60); r.at != start+59 || r.carried[1].bytes != 100_008 || r.bits(1) != 800_064 || r.flows != 0 {
		t.Errorf("the last second of the minute: %+v", r)
	}
	if r, _ := m.last(start + 61); r.carried != [2]carried{} {
		t.Errorf("after the minute: %+v", r)
	}
	all := m.lastMinutes(60, start+61)
	if len(all) != 1 || all[0].at != start/60 || all[0].seconds != 60 || all[0].carried[1].bytes != 6_000_530 || all[0].carried[0].bytes != 1500 || all[0].flows != 4 {
		t.Errorf("the minute: %+v", all)
	}
	if got := m.lastSeconds(30, start+61); len(got) != 30 || got[0].at != start+31 || got[29].at != start+60 {
		t.Errorf("30 seconds: %d", len(got))
	}
	// A flow that lasted longer than is kept is still shown as a whole, and a silence of
	// hours leaves no seconds behind that were not seen.
	sum := uint64(0)
	carry(m, start+100, 86400, 1<<30, flow.DstInternal)
	for sec := start + int64(101); sec < start+101+meterSpan; sec++ {
		r, _ := m.last(sec)
		sum += r.carried[0].bytes
	}
	if sum != 1<<30 {
		t.Errorf("of a long flow %d bytes were shown", sum)
	}
	carry(m, start+100_000, 0, 10, flow.DstInternal)
	if got := m.lastSeconds(300, start+100_001); len(got) != 1 || got[0].carried[0].bytes != 10 {
		t.Errorf("after a silence: %+v", got)
	}
	if got := m.lastMinutes(1440, start+100_001); len(got) != 0 {
		t.Errorf("after a silence: %d minutes", len(got))
	}
	// Hostile sizes wrap and are gone when they end.
	carry(m, start+100_001, 60, 1<<64-1, flow.DstInternal)
	if r, _ := m.last(start + 100_070); r.carried[0].bytes != 0 {
		t.Errorf("it stays: %+v", r)
	}
}

// Measuring allocates nothing per flow.
func TestMeterQuiet(t *testing.T) {
	m := &meter{}
	b := flow.NewBatch(2)
	for range 2 {
		b.Append(&flow.Record{Start: 1e18, End: 1e18 + 9e9, Received: 1e18 + 9e9, Bytes: 9000, Packets: 9, Mark: flow.SrcInternal | flow.DstInternal})
	}
	now := int64(1e9 + 9)
	if n := testing.AllocsPerRun(100, func() { m.add(b, 0, 2, now); now++ }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
