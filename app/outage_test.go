// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/incident"
)

// twoRouters is an engine that hears router 1 tell of 10.0.0.1 and router 2 of 10.0.0.2.
type twoRouters struct {
	*Engine
	batch *flow.Batch
	keep  analysis
}

func newTwoRouters(t *testing.T, change func(*Config)) *twoRouters {
	t.Helper()
	cfg := testConfig()
	cfg.Enrich.Exporter = func(i uint32) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }
	if change != nil {
		change(cfg)
	}
	r := &twoRouters{batch: flow.NewBatch(4), keep: analysis{result: &Result{}, byID: map[string]int{}}}
	var err error
	if r.Engine, err = NewEngine(cfg, r.keep.keep); err != nil {
		t.Fatal(err)
	}
	return r
}

// send lets a router export a conversation of its device that took place in the
// second before, and the clock go on.
func (r *twoRouters) send(sec int64, routers ...byte) {
	r.batch.Reset()
	for _, n := range routers {
		out := flow.Record{
			Received: sec * 1e9, Start: sec*1e9 - 1e9, End: sec * 1e9, Exporter: uint32(n), Proto: flow.ProtoTCP,
			Src: flow.AddrFrom4([4]byte{10, 0, 0, n}), Dst: flow.AddrFrom4([4]byte{198, 51, 100, n}),
			SrcPort: 443, DstPort: 50_000, Packets: 50, Bytes: 50_000, Sampling: 1,
		}
		in := out
		in.Src, in.Dst, in.SrcPort, in.DstPort = out.Dst, out.Src, out.DstPort, out.SrcPort
		r.batch.Append(&out)
		r.batch.Append(&in)
	}
	r.Process(r.batch)
	r.Advance(sec + 1)
}

// about returns the incidents of a kind.
func (r *twoRouters) about(kind string) (out []incident.Incident) {
	for i := range r.keep.result.Incidents {
		if r.keep.result.Incidents[i].Kind == kind {
			out = append(out, r.keep.result.Incidents[i])
		}
	}
	return out
}

// A router that falls silent is one incident, which ends when it sends again;
// meanwhile its devices teach nothing, and those of the other router do.
func TestExporterDown(t *testing.T) {
	const t0 = int64(1_700_000_000) / 3600 * 3600
	for _, shards := range []int{1, 3} {
		r := newTwoRouters(t, func(c *Config) { c.Shards = shards })
		const lost, back = t0 + 3600 + 1200, t0 + 7200 + 1800
		for sec := t0; sec < t0+3*3600; sec += 10 {
			if sec >= lost && sec < back {
				r.send(sec, 2)
			} else {
				r.send(sec, 1, 2)
			}
		}
		all := r.about("exporter_down")
		if len(all) != 1 || len(r.keep.result.Incidents) != 1 {
			t.Fatalf("%d incidents, of them %d about exporters", len(r.keep.result.Incidents), len(all))
		}
		i := &all[0]
		if i.Subject != "192.0.2.1" || i.Category != detect.Operational || i.Severity != detect.Medium ||
			i.State != incident.Resolved || i.Reason != incident.ReasonRecovered {
			t.Errorf("%+v", i)
		}
		if s, d, e := i.Started.Unix()-lost, i.Detected.Unix()-lost, i.Ended.Unix()-back; s < -10 || s > 0 || d < 90 || d > 140 || e < 0 || e > 10 {
			t.Errorf("started %d s and detected %d s after the last datagram, ended %d s after the next", s, d, e)
		}
		if text := i.Indicators[0].Text; !strings.Contains(text, "it usually sends every 10 s") {
			t.Error(text)
		}
		for _, s := range r.shards {
			w := s.windows.Tick()
			for n := range w.Devices() {
				d, ok := w.Device(n)
				for hour := t0 / 3600; ok && hour <= t0/3600+2; hour++ {
					want := d.Addr() == flow.AddrFrom4([4]byte{10, 0, 0, 1}) && hour > t0/3600
					if _, got := r.spoiled(d, hour); got != want {
						t.Errorf("%v, hour %d: spoiled is %v", d.Addr().Netip(), hour-t0/3600, got)
					}
				}
			}
		}
	}
}

// When all are silent the clock alone goes on: one incident each.
func TestAllExportersDown(t *testing.T) {
	const t0 = int64(1_700_000_000)
	r := newTwoRouters(t, nil)
	for sec := t0; sec < t0+600; sec++ {
		r.send(sec, 1, 2)
	}
	for sec := t0 + 600; sec < t0+3600; sec++ {
		r.Advance(sec)
	}
	if got := r.about("exporter_down"); len(got) != 2 || got[0].State != incident.Open || got[1].State != incident.Open ||
		len(r.keep.result.Incidents) != 2 {
		t.Errorf("%+v", r.keep.result.Incidents)
	}
	// The next run knows of them until they send again.
	next := newTwoRouters(t, nil)
	if err := next.Restore(r.about("exporter_down")); err != nil {
		t.Fatal(err)
	}
	for sec := t0 + 3600; sec < t0+4600; sec++ {
		if sec < t0+4300 {
			next.send(sec, 1)
		} else {
			next.send(sec, 1, 2)
		}
	}
	got := next.about("exporter_down")
	if len(got) != 2 || got[0].Reason != incident.ReasonRecovered || got[1].Reason != incident.ReasonRecovered ||
		got[0].Ended.Unix() > t0+3620 || got[1].Ended.Unix() < t0+4300 {
		t.Errorf("after the restart: %+v", got)
	}
}

// In files the data tell the time and the exporters; numbers mean another
// exporter in each file, addresses do not.
func TestExporterDownInFiles(t *testing.T) {
	var files []string
	for part, order := range [][]string{{"192.0.2.1", "2001:db8::2"}, {"2001:db8::2"}, {"2001:db8::2", "192.0.2.1"}} {
		var b strings.Builder
		b.WriteString("start,src,dst,src_port,dst_port,proto,packets,bytes,exporter\n")
		for s := range 1800 {
			at := time.Date(2026, 3, 1, 12, 30*part, s, 0, time.UTC).Format(time.RFC3339)
			for n, exporter := range order {
				fmt.Fprintf(&b, "%s,10.0.0.%d,198.51.100.7,443,%d,tcp,5,4000,%s\n", at, n, 1024+s, exporter)
			}
		}
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.csv", part))
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	res, err := Analyze(t.Context(), testConfig(), &AnalyzeOptions{Files: files, KeepInternal: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Incidents) != 1 {
		t.Fatalf("%d incidents", len(res.Incidents))
	}
	i := &res.Incidents[0]
	if i.Subject != "192.0.2.1" || i.Kind != "exporter_down" || i.Started.Format(time.TimeOnly) != "12:29:59" || i.Ended.Format(time.TimeOnly) != "13:00:00" {
		t.Errorf("%+v", i)
	}
}
