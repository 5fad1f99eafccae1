// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"tidewatch/flow"
	"tidewatch/test/shareddata"
)

// datagram is one UDP payload of a capture.
type datagram struct {
	payload  []byte
	from     netip.Addr
	received int64
}

// wire returns the path of a capture of exports.
func wire(tb testing.TB, name string) string {
	tb.Helper()
	return filepath.Join(shareddata.Dir(tb), "wire", filepath.FromSlash(name))
}

func readFile(tb testing.TB, path string) []byte {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// readPCAP returns the UDP payloads of a capture.
func readPCAP(tb testing.TB, path string) []datagram {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var out []datagram
	for {
		b, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return out
		}
		if err != nil {
			tb.Fatal(err)
		}
		p := gopacket.NewPacket(b, r.LinkType(), gopacket.DecodeOptions{NoCopy: true})
		udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if !ok {
			continue
		}
		src, _ := netip.AddrFromSlice(p.NetworkLayer().NetworkFlow().Src().Raw())
		out = append(out, datagram{payload: udp.Payload, from: src, received: info.Timestamp.UnixNano()})
	}
}

func newDecoder(tb testing.TB, change func(*Config)) *Decoder {
	tb.Helper()
	cfg := DefaultConfig()
	cfg.Clock = ClockExport
	if change != nil {
		change(&cfg)
	}
	d, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// tally sums what a decoder made of a capture.
type tally struct {
	records        int
	packets, bytes uint64
	batch          *flow.Batch
}

func decodeAll(d *Decoder, in []datagram) tally {
	t := tally{batch: flow.NewBatch(1024)}
	for _, g := range in {
		t.records += d.Decode(g.payload, g.from, g.received, t.batch).Records
	}
	for i := range t.batch.Len() {
		t.packets += t.batch.Packets[i]
		t.bytes += t.batch.Bytes[i]
	}
	return t
}

// only returns the state of the one exporter there is.
func only(tb testing.TB, d *Decoder) ExporterStats {
	tb.Helper()
	var all []ExporterStats
	for s := range d.Exporters() {
		all = append(all, s)
	}
	if len(all) != 1 {
		tb.Fatalf("%d exporters, want 1", len(all))
	}
	return all[0]
}

// wantClean fails when anything was counted as broken.
func wantClean(tb testing.TB, d *Decoder) {
	tb.Helper()
	for r, n := range d.Totals().Broken {
		if n != 0 {
			tb.Errorf("broken: %d times %s", n, Reason(r))
		}
	}
}
