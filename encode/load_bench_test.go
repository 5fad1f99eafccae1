// SPDX-License-Identifier: Apache-2.0

package encode_test

import (
	"net"
	"testing"
	"time"

	"tidewatch/encode"
	"tidewatch/flow"
	"tidewatch/scenario"
)

// BenchmarkLoad is what one core of `simulate` can do: draw flows and encode
// them, without and with one system call a datagram to a loopback socket that
// nobody reads.
func BenchmarkLoad(b *testing.B) {
	for _, p := range encode.Protocols() {
		for name, send := range map[string]func(*testing.B) func([]byte) error{
			"into the void": func(*testing.B) func([]byte) error { return func([]byte) error { return nil } },
			"to loopback":   loopback,
		} {
			b.Run(string(p)+" "+name, func(b *testing.B) {
				out := send(b)
				s, err := scenario.New("load", scenario.Config{LoadRate: 1_000_000, Duration: 3000 * time.Hour})
				if err != nil {
					b.Fatal(err)
				}
				sampling := uint32(1)
				if p == encode.SFlow {
					sampling = 10
				}
				e, err := encode.New(encode.Config{Protocol: p, Sampling: sampling})
				if err != nil {
					b.Fatal(err)
				}
				batch := flow.NewBatch(10_000)
				flows := 0
				b.ReportAllocs()
				for b.Loop() {
					batch.Reset()
					s.Next(batch)
					if err := e.Encode(batch, 0, batch.Len(), s.Now(), out); err != nil {
						b.Fatal(err)
					}
					flows += batch.Len()
				}
				b.ReportMetric(float64(flows)/b.Elapsed().Seconds(), "flows/s")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(flows), "ns/flow")
			})
		}
	}
}

func loopback(b *testing.B) func([]byte) error {
	b.Helper()
	var lc net.ListenConfig
	sink, err := lc.ListenPacket(b.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = sink.Close() })
	conn, err := (&net.Dialer{}).DialContext(b.Context(), "udp", sink.LocalAddr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return func(d []byte) error { _, err := conn.Write(d); return err }
}
