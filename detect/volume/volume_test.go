// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"net/netip"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const t0 = 1_700_000_000 / 3600 * 3600

// usual says that every five minutes bring 100 MB, give or take a fifth, and
// that no hour ever brought more than 400 MB.
type usual struct{ level string }

func (u usual) At(_ flow.Addr, _ time.Time, m baseline.Measure) (baseline.Normal, bool) {
	n := baseline.Normal{Median: 100e6, Spread: 0.2, P99: 150e6, Ever: 400e6, Basis: baseline.Basis{Level: u.level, Samples: 20}}
	if m == baseline.HourBytesIn { // twelve times five minutes
		n.Median, n.Ever = 12*n.Median, 24*n.Median
	}
	return n, m == baseline.BytesIn || m == baseline.HourBytesIn
}

func (usual) Shift(flow.Addr, int64) (baseline.Shift, bool) { return baseline.Shift{}, false }

// run plays an hour in which each minute brings so many megabytes.
func run(t *testing.T, level string, megabytes func(minute int) uint64) (worst detect.Severity) {
	t.Helper()
	play(t, usual{level}, 60, func(m int64) uint64 { return megabytes(int(m)) }, func(f *detect.Finding) {
		if worst == "" || f.Severity.Rank() > worst.Rank() {
			worst = f.Severity
		}
	})
	return worst
}

// play plays minutes that each bring so many megabytes to a device.
func play(t *testing.T, past Past, minutes int64, megabytes func(minute int64) uint64, found func(*detect.Finding)) {
	t.Helper()
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(DefaultConfig(), Deps{Past: past})
	if err != nil {
		t.Fatal(err)
	}
	start := int64(t0 / 86400 * 86400)
	tr.Jump(start)
	b := flow.NewBatch(1)
	for m := range minutes {
		for tr.Now() < start+60*m+59 {
			tr.Tick()
			tr.Next(start + 60*m + 59)
		}
		now := tr.Now()
		b.Reset()
		b.Append(&flow.Record{
			Received: now * 1e9, Start: (now - 59) * 1e9, End: now * 1e9, Dst: flow.AddrFrom(netip.MustParseAddr("10.0.0.1")),
			Proto: flow.ProtoUDP, Packets: 100, Bytes: megabytes(m) * 1e6, Sampling: 1, Mark: flow.DstInternal,
		})
		tr.Add(b, 0, b.Len(), nil)
		all := d.Detect(tr.Tick(), nil)
		for i := range all {
			found(&all[i])
		}
		tr.Next(now + 1)
	}
}

func TestDetect(t *testing.T) {
	for name, tc := range map[string]struct {
		level     string
		megabytes func(minute int) uint64
		want      detect.Severity
	}{
		"as usual":            {"hour_of_day", func(int) uint64 { return 22 }, ""},
		"over three, once":    {"hour_of_day", func(m int) uint64 { return pick(m >= 30 && m < 35, 40, 20) }, ""},
		"over three, lasting": {"hour_of_day", func(m int) uint64 { return pick(m >= 20, 50, 20) }, detect.Medium},
		"over three, lasting, but the hour is as usual": {"hour_of_day", func(m int) uint64 { return pick(m >= 40, 42, 20) }, ""},
		"over five, more than ever":                     {"hour_of_day", func(m int) uint64 { return pick(m >= 30, 120, 20) }, detect.High},
		"over five, but known of other hours":           {"hour_of_day", func(m int) uint64 { return pick(m >= 30, 70, 20) }, detect.Medium},
		"over five, judged by all hours":                {"global", func(m int) uint64 { return pick(m >= 30, 120, 20) }, detect.Medium},
	} {
		if got := run(t, tc.level, tc.megabytes); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func pick(when bool, a, b uint64) uint64 {
	if when {
		return a
	}
	return b
}
