// SPDX-License-Identifier: Apache-2.0

package segment_test

import (
	"errors"
	"io"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"tidewatch/decode"
	"tidewatch/flow"
	"tidewatch/flowfile"
	"tidewatch/flowfile/csv"
	"tidewatch/flowfile/pcap"
	"tidewatch/scenario"
	"tidewatch/segment"
	"tidewatch/test/shareddata"
)

// counter is a file of which only the size matters.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

// BenchmarkAppend writes a segment of real exports, of a real table, and of a scenario's
// office: how fast, and how many bytes a flow takes on disk.
func BenchmarkAppend(b *testing.B) {
	for name, load := range map[string]func(testing.TB) *flow.Batch{
		"NetFlow v5 of a provider": func(tb testing.TB) *flow.Batch {
			tb.Helper()
			return recorded(tb, "wire/overflowd/netflow_v5_first1354.pcap")
		},
		"sFlow of a provider": func(tb testing.TB) *flow.Batch {
			tb.Helper()
			return recorded(tb, "wire/overflowd/sflow_first500.pcap")
		},
		"flows of an industrial plant": func(tb testing.TB) *flow.Batch {
			tb.Helper()
			return recorded(tb, "flows/westermo/output_bottom.csv.gz")
		},
		"an office that is attacked": attacked,
	} {
		b.Run(name, func(b *testing.B) {
			rows := load(b)
			var out counter
			n := 0
			for b.Loop() {
				out.n = 0
				w := segment.NewWriter(&out, func(uint32) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, 1}) })
				if err := w.Append(rows); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
				n += rows.Len()
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "flows/s")
			b.ReportMetric(float64(out.n)/float64(rows.Len()), "bytes/flow")
			b.ReportMetric(float64(rows.Len()), "flows")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func recorded(tb testing.TB, file string) *flow.Batch {
	tb.Helper()
	r, err := flowfile.Open(filepath.Join(shareddata.Dir(tb), file), []flowfile.Format{pcap.Format(), csv.Format()}, "",
		flowfile.Options{DecodeConfig: decode.DefaultConfig()})
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	for b := flow.NewBatch(0); ; {
		if _, err := r.Read(b); errors.Is(err, io.EOF) {
			return b
		} else if err != nil {
			tb.Fatal(err)
		}
	}
}

func attacked(tb testing.TB) *flow.Batch {
	tb.Helper()
	s, err := scenario.New("syn-flood", scenario.Config{Seed: 7, AttackAt: 5 * time.Minute, AttackFor: time.Minute})
	if err != nil {
		tb.Fatal(err)
	}
	b, all := flow.NewBatch(4096), flow.NewBatch(0)
	for more := true; more && all.Len() < 1<<18; {
		b.Reset()
		more = s.Next(b)
		all.AppendBatch(b)
	}
	return all
}
