// SPDX-License-Identifier: Apache-2.0

//go:build !race

package app

import (
	"bytes"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/incident"
	"tidewatch/schedule"
)

// offices is a site of two networks of 60 devices each, whose hours differ by a factor
// of three without any reason: what one of them does says little.
type offices struct {
	r      *rand.Rand
	at     time.Time
	batch  *flow.Batch
	factor [120]float64                        // of this hour, by device
	deaf   func(at time.Time, device int) bool // its exporter does not send; nil: all do
}

var officesAt = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func newOffices() *offices {
	return &offices{r: rand.New(rand.NewPCG(5, 5)), at: officesAt, batch: flow.NewBatch(240)}
}

func officesConfig(shards int) *Config {
	cfg := testConfig("10.0.0.0/8")
	cfg.Shards = shards
	cfg.Enrich.Totals = []netip.Prefix{netip.MustParsePrefix("10.2.0.0/16"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.0.0.0/8")}
	return cfg
}

// play gives e the hours up to so many days after the first. times is how many times
// its usual a device sends, nil: once.
func (o *offices) play(e *Engine, days float64, times func(at time.Time, device int) float64) {
	to := officesAt.Add(time.Duration(days * 24 * float64(time.Hour)))
	for ; o.at.Before(to); o.at = o.at.Add(5 * time.Minute) {
		o.batch.Reset()
		for d := range o.factor {
			if o.at.Minute() == 0 {
				o.factor[d] = math.Exp(o.r.NormFloat64())
			}
			if o.deaf != nil && o.deaf(o.at, d) {
				continue
			}
			v := o.factor[d]
			if times != nil {
				v *= times(o.at, d)
			}
			start := o.at.Add(time.Duration(d) * time.Second)
			r := flow.Record{
				Start: start.UnixNano(), End: start.Add(100 * time.Second).UnixNano(), Received: start.Add(100 * time.Second).UnixNano(),
				Src: flow.AddrFrom4([4]byte{10, byte(1 + d/60), 0, byte(d)}), Dst: flow.AddrFrom4([4]byte{203, 0, 113, byte(d)}),
				SrcPort: 443, DstPort: 50_000, Proto: flow.ProtoTCP, Packets: 50, Bytes: uint64(1e6 * v), Sampling: 1, Exporter: uint32(d / 5),
			}
			o.batch.Append(&r)
		}
		e.Process(o.batch)
	}
}

func newOfficesEngine(t *testing.T, shards int) (*Engine, *analysis) {
	t.Helper()
	a := &analysis{result: &Result{}, byID: map[string]int{}}
	e, err := NewEngine(officesConfig(shards), a.keep)
	if err != nil {
		t.Fatal(err)
	}
	e.Lesson(true)
	return e, a
}

// worstBy is the most severe incident about each subject that began in a time.
func worstBy(a *analysis, from, to time.Time) map[string]incident.Incident {
	out := map[string]incident.Incident{}
	for _, inc := range a.result.Incidents {
		if inc.Started.Before(from) || !inc.Started.Before(to) {
			continue
		}
		if was, ok := out[inc.Subject]; !ok || inc.Severity.Rank() > was.Severity.Rank() {
			out[inc.Subject] = inc
		}
	}
	return out
}

// What sixty devices do together, each too little to be told of, is told of their
// network, and once: not of those around it. A week without anything tells of none.
// A network that goes quiet is told of, too. Two shards tell the same as one.
func TestNetworks(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	var first []incident.Incident
	for _, shards := range []int{1, 2} {
		e, a := newOfficesEngine(t, shards)
		o := newOffices()
		o.play(e, 14, nil)
		e.Lesson(false)
		o.play(e, 23.5, func(at time.Time, d int) float64 {
			switch since := at.Sub(officesAt.Add(21 * day)); {
			case d < 60 && since >= 10*time.Hour && since < 12*time.Hour:
				return 3
			case d >= 60 && since >= day+10*time.Hour && since < day+13*time.Hour:
				return 0.05
			}
			return 1
		})
		e.Drain()
		for subject, inc := range worstBy(a, officesAt, officesAt.Add(21*day+9*time.Hour)) {
			if inc.Scope == incident.ScopePrefix {
				t.Errorf("a quiet week: %s %s", subject, inc.Headline())
			}
		}
		rise := worstBy(a, officesAt.Add(21*day+9*time.Hour+50*time.Minute), officesAt.Add(22*day))
		inc, ok := rise["10.1.0.0/16"]
		if !ok || inc.Kind != "volume" || inc.Category != detect.BaselineAnomaly || inc.Scope != incident.ScopePrefix || inc.Severity.Rank() < detect.Medium.Rank() || inc.Metrics.Sigma < 3 {
			t.Errorf("sixty devices send three times as much: %+v", inc)
		}
		t.Log(inc.Headline(), inc.Started, inc.Detected)
		for subject, inc := range rise {
			if subject != "10.1.0.0/16" && (inc.Scope == incident.ScopePrefix && inc.Severity != detect.Low || inc.Severity.Rank() >= detect.High.Rank()) {
				t.Errorf("beside it: %s %s", subject, inc.Headline())
			}
		}
		drop := worstBy(a, officesAt.Add(22*day+9*time.Hour), officesAt.Add(23*day))
		if inc, ok := drop["10.2.0.0/16"]; !ok || inc.Kind != "volume" || inc.Severity != detect.Medium || inc.Metrics.Sigma > -5 {
			t.Errorf("a network went quiet: %+v", inc)
		}
		for _, subject := range []string{"10.0.0.0/8", "::/0", "10.1.0.0/16"} {
			if inc, ok := drop[subject]; ok && inc.Severity != detect.Low {
				t.Errorf("beside it: %s", inc.Headline())
			}
		}
		p, _ := e.union().Profile(baseline.NetworkKey(netip.MustParsePrefix("10.1.0.0/16")), baseline.FieldBytesIn)
		if n := p.Trust["ignored"]; n < 1 || n > 4 {
			t.Errorf("%d hours of the loud network are not learned", n)
		}
		if shards == 1 {
			first = a.result.Incidents
			continue
		}
		count := func(all []incident.Incident) (n int) {
			for i := range all {
				if all[i].Scope == incident.ScopePrefix {
					n++
				}
			}
			return n
		}
		if a, b := count(first), count(a.result.Incidents); a != b {
			t.Errorf("%d incidents of networks with one shard, %d with two", a, b)
		}
	}
}

// When one device brings it all, it is told of, and its network is low.
func TestNetworkOfOneLoudDevice(t *testing.T) {
	t.Parallel()
	e, a := newOfficesEngine(t, 1)
	o := newOffices()
	o.play(e, 21, nil)
	e.Lesson(false)
	from := officesAt.Add(21*24*time.Hour + 10*time.Hour)
	o.play(e, 21.6, func(at time.Time, d int) float64 {
		if d == 7 && !at.Before(from) && at.Before(from.Add(2*time.Hour)) {
			return 1000
		}
		return 1
	})
	e.Drain()
	got := worstBy(a, from.Add(-10*time.Minute), from.Add(2*time.Hour))
	if inc := got["10.1.0.7"]; inc.Severity.Rank() < detect.Medium.Rank() {
		t.Errorf("the device: %+v", inc)
	}
	inc, ok := got["10.1.0.0/16"]
	if !ok || inc.Severity != detect.Low {
		t.Errorf("its network: %+v", inc)
	}
	told := false
	for _, i := range inc.Indicators {
		told = told || i.Name == "told_inside"
	}
	if !told {
		t.Errorf("nothing says why it is low: %+v", inc.Indicators)
	}
}

// What is learned of networks is the same for any number of shards, survives a
// restart in the middle of an hour, and is told by its prefix.
func TestNetworksKeepTheirPast(t *testing.T) {
	learn := func(shards int, restart bool) []byte {
		e, _ := newOfficesEngine(t, shards)
		o := newOffices()
		if restart {
			o.play(e, 0.99, nil)
			before, _ := e.Memory()
			e.Learned(nil)
			o.play(e, 1.94, nil)
			journal, checkpoint := e.Learned(nil), e.checkpoint(nil)
			_ = journal
			e2, _ := newOfficesEngine(t, shards)
			e.mu.Lock()
			data := e.union().AppendSnapshot(nil)
			e.mu.Unlock()
			_ = before
			if _, err := e2.Recall(data, nil); err != nil {
				t.Fatal(err)
			}
			if err := e2.Resume(checkpoint); err != nil {
				t.Fatal(err)
			}
			e = e2
		}
		o.play(e, 4, nil)
		data, devices := e.Memory()
		if devices != 120 {
			t.Errorf("%d devices", devices)
		}
		return data
	}
	one := learn(1, false)
	if !bytes.Equal(one, learn(2, false)) {
		t.Error("two shards learned something else than one")
	}
	if !bytes.Equal(one, learn(3, true)) {
		t.Error("a restart changed what was learned")
	}
	cfg := officesConfig(1)
	s, err := baseline.New(cfg.Baseline)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Restore(one, nil); err != nil {
		t.Fatal(err)
	}
	hours := map[string]float64{}
	for _, name := range []string{"10.1.0.0/16", "10.2.0.0/16", "10.0.0.0/8", "site"} {
		key, err := keyOf(nil, name, 0)
		if err != nil {
			t.Fatal(err)
		}
		p, ok := s.Profile(key, baseline.FieldBytesIn)
		if !ok || p.Address != name || p.HoursKept < 90 {
			t.Errorf("%s: %+v", name, p)
		}
		hours[name] = p.BytesPerDay
	}
	if d := hours["10.1.0.0/16"] + hours["10.2.0.0/16"] - hours["site"]; math.Abs(d) > 1e-6*hours["site"] || hours["site"] != hours["10.0.0.0/8"] || d != d {
		t.Errorf("the networks do not add up to the site: %v", hours)
	}
}

// Hours of a network are not learned when its exporter was down, when an event for all
// of it says so, or when devices that must not be learned carry a quarter of it.
func TestSpoiltHoursOfNetworks(t *testing.T) {
	no := false
	event := func(start string, targets ...string) schedule.Event {
		return schedule.Event{Name: "e" + start, Start: "2026-03-03 " + start, Duration: "40m", Effects: schedule.Effects{Targets: targets, Learn: &no}}
	}
	cfg := officesConfig(2)
	cfg.Schedule.Events = []schedule.Event{
		event("02:10", "10.1.0.0/16"), event("05:10", "10.1.0.1", "10.1.0.2"), event("08:10", "10.2.0.64/26"), event("11:10"),
	}
	cfg.Enrich.Exporter = func(i uint32) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }
	e, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	e.Lesson(true)
	o := newOffices()
	o.deaf = func(at time.Time, device int) bool { // a line of 10.1 is out of sight for an hour
		return device < 5 && at.YearDay() == officesAt.YearDay()+1 && at.Hour() == 15
	}
	o.play(e, 3, nil)
	for name, want := range map[string][]int{
		"10.1.0.0/16": {2, 11, 15, 16}, // the sixteenth: it was back after the hour had begun
		"10.2.0.0/16": {8, 11},
		"10.0.0.0/8":  {2, 8, 11, 15, 16}, // half of it was not to be learned
	} {
		key, err := keyOf(nil, name, 0)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := e.union().Profile(key, baseline.FieldBytesIn)
		if got := p.Trust["ignored"]; got != len(want) {
			t.Errorf("%s: %d hours are not learned, want those at %v", name, got, want)
		}
	}
}
