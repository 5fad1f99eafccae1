// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidewatch/flow"
	"tidewatch/history"
	"tidewatch/scenario"
	"tidewatch/test/shareddata"
)

// historian plays serve's part: batches are judged, then kept.
type historian struct {
	*analysis

	t        *testing.T
	dir      string
	recorder *history.Recorder
	rows     int
}

func newHistorian(t *testing.T, cfg *Config) *historian {
	t.Helper()
	k := &historian{t: t, dir: filepath.Join(t.TempDir(), "history")}
	var err error
	if k.analysis, err = newAnalysis(cfg, &AnalyzeOptions{KeepInternal: true}); err != nil {
		t.Fatal(err)
	}
	hcfg := history.DefaultConfig()
	hcfg.Keep, hcfg.KeepFree = 100*365*24*time.Hour, 0 // captures are old
	k.recorder, err = history.New(&hcfg, &history.Deps{
		Dir: k.dir, Exporter: k.exporters.names.of, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.recorder.Open(); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *historian) keep(b *flow.Batch) {
	k.engine.Process(b)
	k.recorder.Take(b)
	if k.rows += b.Len(); k.rows > 10_000 {
		k.flush()
	}
}

// flush closes the segment, and joins what is there.
func (k *historian) flush() {
	k.rows = 0
	done, cancel := context.WithCancel(k.t.Context())
	cancel()
	if err := k.recorder.Run(done); err != nil {
		k.t.Fatal(err)
	}
}

// keepFile keeps a recording, and returns how many flows it has.
func (k *historian) keepFile(path string) int64 {
	k.t.Helper()
	r, err := k.open(path)
	if err != nil {
		k.t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	for b := flow.NewBatch(4096); ; {
		b.Reset()
		_, err := r.Read(b)
		k.exporters.renumber(b)
		k.keep(b)
		if errors.Is(err, io.EOF) {
			k.flush()
			return int64(r.Stats().Records)
		}
		if err != nil {
			k.t.Fatal(err)
		}
	}
}

// Segments of real recordings, whatever their format, rates of sampling and exporters,
// give what the recordings give.
func TestSegmentsAreJudgedAlike(t *testing.T) {
	t.Parallel()
	dir := shareddata.Dir(t)
	files := []attack{
		{file: "wire/overflowd/netflow_v5_first1354.pcap", internal: "0.0.0.0/1"},
		{file: "wire/overflowd/sflow_first500.pcap", internal: "0.0.0.0/1"},
		{file: "wire/derived-softflowd/iot23-42-1.v10.pcap", internal: "192.168.0.0/16"},
		{file: "wire/derived-softflowd/dnsamp-netlyzer.v5.pcap", internal: "227.213.154.241/32"},
		{file: "wire/derived-pmacct-sflow/dnsamp.sflow.pcap", internal: "227.213.154.241/32"},
		{file: "flows/slips-binetflow/test4-malicious.binetflow", internal: "192.168.0.0/16"},
	}
	for _, a := range attacks() {
		if !a.short {
			files = append(files, a)
		}
	}
	found := 0
	for _, a := range files {
		path := filepath.Join(dir, a.file)
		cfg := func() *Config { return testConfig(a.networks()) }
		k := newHistorian(t, cfg())
		n := k.keepFile(path)
		if sum := k.recorder.Totals(); sum.Flows != n {
			t.Errorf("%s: %d of %d flows are kept", a.file, sum.Flows, n)
		}
		want, err := Analyze(t.Context(), cfg(), &AnalyzeOptions{Files: []string{path}, KeepInternal: true})
		if err != nil {
			t.Fatal(err)
		}
		got, err := Analyze(t.Context(), cfg(), &AnalyzeOptions{Files: []string{k.dir}, KeepInternal: true})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want.Incidents, got.Incidents); d != "" {
			t.Errorf("%s: %s", a.file, d)
		}
		if w, g := want.Input, got.Input; w.Duplicates != g.Duplicates || w.Devices != g.Devices || *w.First != *g.First || *w.Last != *g.Last {
			t.Errorf("%s: judged were %+v, and of segments %+v", a.file, w, g)
		}
		found += len(want.Incidents)
	}
	if found < 5 {
		t.Errorf("only %d incidents were compared", found)
	}
}

// So do those of a scenario with two exporters on the way, sampling, and a minute a segment.
func TestSegmentsOfAScenario(t *testing.T) {
	t.Parallel()
	sc := scenario.Config{Seed: 7, AttackAt: 5 * time.Minute, AttackFor: 90 * time.Second}
	batches := func(each func(*flow.Batch)) *scenario.Scenario {
		s, err := scenario.New("dns-amplification", sc)
		if err != nil {
			t.Fatal(err)
		}
		b := flow.NewBatch(4096)
		for more := true; more; {
			b.Reset()
			more = s.Next(b)
			for i := range b.Len() { // the second exporter reports every fourth flow, too
				b.Sampling[i] = 1 + 9*uint32(i%2)
				if i%4 == 0 {
					r := b.Record(i)
					r.Exporter = 1
					b.Append(&r)
				}
			}
			each(b)
		}
		return s
	}
	s := batches(func(*flow.Batch) {})
	cfg := func() *Config {
		c := testConfig()
		c.Enrich.Internal = s.Internal()
		return c
	}
	k, played := newHistorian(t, cfg()), newHistorian(t, cfg())
	for _, x := range []*historian{k, played} {
		for i := range uint32(2) {
			x.exporters.named(i, netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + i)}))
		}
	}
	batches(k.keep)
	k.flush()
	batches(func(b *flow.Batch) { played.engine.Process(b) })
	want := played.finish()
	got, err := Analyze(t.Context(), cfg(), &AnalyzeOptions{Files: []string{k.dir}, KeepInternal: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Incidents) == 0 {
		t.Fatal("nothing was found")
	}
	if d := cmp.Diff(want.Incidents, got.Incidents); d != "" {
		t.Error(d)
	}
}
