// SPDX-License-Identifier: Apache-2.0

//go:build !race

package app

import (
	"math"
	"os"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/scenario"
)

// grow multiplies what a device sends and receives by 5 % a day, compound.
func grow(b *flow.Batch, device flow.Addr, from time.Time) {
	for i := range b.Len() {
		if b.Src[i] != device && b.Dst[i] != device || b.Received[i] < from.UnixNano() {
			continue
		}
		f := math.Pow(1.05, float64((b.Received[i]-from.UnixNano())/int64(24*time.Hour)))
		b.Bytes[i], b.Packets[i] = uint64(f*float64(b.Bytes[i])), uint64(f*float64(b.Packets[i]))
	}
}

// A thief who makes a server send 5 % more every day teaches nothing, through the
// whole line: when it sends three times as much, that is abnormal still, it was told,
// and the audit names it. A rollback judges as before, to the bit. TIDEWATCH_ACCURACY=1
// (`make offices`) plays a larger office with more flows.
func TestRamp(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	c := scenario.Config{Seed: 11, Start: start, Duration: 52 * day, Scale: 0.25, FlowsPerSecond: 0.3}
	if os.Getenv("TIDEWATCH_ACCURACY") == "1" {
		c.Scale, c.FlowsPerSecond = 0.4, 0
	}
	s, err := scenario.New("office", c)
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.Enrich.Internal = s.Internal()
	a := &analysis{result: &Result{}, byID: map[string]int{}}
	e, err := NewEngine(cfg, a.keep)
	if err != nil {
		t.Fatal(err)
	}
	e.Lesson(true)
	taught, tripled := start.Add(28*day), start.Add(51*day+10*time.Hour)
	var device flow.Addr
	var memory []byte
	var before, after []baseline.Normal
	b := flow.NewBatch(4096)
	for more := true; more; {
		b.Reset()
		more = s.Next(b)
		if b.Len() > 0 && e.lesson && b.Received[0] >= taught.UnixNano() {
			e.Lesson(false)
			memory, _ = e.Memory()
			device, before = busiest(e, taught.Add(10*time.Hour)), judgement(e, taught)
		}
		grow(b, device, taught)
		e.Process(b)
	}
	e.Drain()
	usual := before[10*5+int(baseline.HourBytesOut)].Median
	n, ok := e.shards[0].past.At(device, tripled, baseline.HourBytesOut)
	if limit := 1.05 * 1.05 * 1.05 * 1.05 * 1.34; !ok || n.Median > limit*usual { // four weeks at most, and the days until the limit was set
		t.Errorf("%s: %.0f MB are taken for usual, %.0f MB were before the ramp", device, n.Median/1e6, usual/1e6)
	}
	if z := n.Sigma(3 * usual); z < 3 {
		t.Errorf("%s sends three times as much, which is %.1f sigma; before the ramp it was %.1f", device, z, before[10*5+int(baseline.HourBytesOut)].Sigma(3*usual))
	}
	remarks := e.union().Audit(device)
	if len(remarks) == 0 {
		t.Errorf("the audit does not name %s", device)
	}
	for _, r := range remarks {
		t.Log(r.Text)
	}
	told := false
	for i := range a.result.Incidents {
		g := &a.result.Incidents[i]
		if g.Subject == device.String() && g.Started.Before(tripled) && g.Severity.Rank() >= detect.Medium.Rank() {
			t.Logf("%s, started %v, %.1f times as much", g.Headline(), g.Started, math.Pow(1.05, g.Started.Sub(taught).Hours()/24))
			told = told || g.Kind == "level_shift" && g.State.Active()
		}
	}
	if !told {
		t.Errorf("nothing is said of %s any more", device)
	}
	if _, _, err := e.Replace(memory); err != nil {
		t.Fatal(err)
	}
	after = judgement(e, taught)
	for i := range before {
		if before[i] != after[i] {
			t.Fatalf("after the rollback hour %d is judged by %+v, before by %+v", i/5, after[i], before[i])
		}
	}
}

// judgement is all that a day of all devices is judged by, the busiest device at ten
// first and the others in the order of their addresses.
func judgement(e *Engine, day time.Time) (out []baseline.Normal) {
	devices := append([]flow.Addr{busiest(e, day.Add(10*time.Hour))}, e.union().Addresses()...)
	for _, a := range devices {
		for h := range 24 {
			for m := baseline.BytesIn; m <= baseline.HourBytesOut; m++ {
				n, _ := e.shards[0].past.At(a, day.Add(time.Duration(h)*time.Hour), m)
				out = append(out, n)
			}
		}
	}
	return out
}
