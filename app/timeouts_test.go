// SPDX-License-Identifier: Apache-2.0

//go:build !race

package app

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/test/shareddata"
	"tidewatch/window"
)

// exporter cuts long flows at its active timeout.
type exporter struct {
	timeout int64 // seconds
	burst   bool  // all flows are cut at the same moment, instead of each at its own
}

// sources of a steady load: syslog, statistics, a video wall; nobody answers.
const sources = 60

// cut returns the records of UDP flows to a host that together carry rate packets
// a second from one second to another. Each source is one flow.
func (x exporter) cut(host flow.Addr, first byte, rate, from, to int64) []flow.Record {
	const second = int64(1e9)
	var out []flow.Record
	each := rate / sources
	for k := range int64(sources) {
		src := flow.AddrFrom4([4]byte{198, 51, first, byte(k)})
		if !host.Is4() {
			src = flow.Addr{0x20, 0x01, 0x0d, 0xb8, 14: first, 15: byte(k)}
		}
		// Sources begin within the first second, and so do cuts of a burst; else each
		// has a place of its own in the timeout.
		start := from*second + k*second/sources
		end := start + x.timeout*second
		if !x.burst {
			end = start + x.timeout*second*(k+1)/sources
		}
		for start < to*second {
			end = min(end, to*second)
			out = append(out, flow.Record{
				// The exporter looks at its flows once a second.
				Received: end/second*second + second, Start: start, End: end, Src: src, Dst: host, SrcPort: 5000, DstPort: 514,
				Proto: flow.ProtoUDP, Packets: uint64((end - start) / 1e6 * each / 1000), Bytes: uint64((end-start)/1e6*each/1000) * 300,
				Sampling: 1, InIf: 1, OutIf: 2,
			})
			start, end = end, end+x.timeout*second
		}
	}
	return out
}

// gauge is a detector that finds nothing and notes the highest rate of a host that
// any second ever showed.
type gauge struct {
	host flow.Addr
	s    window.Seconds
	peak int64
}

func (g *gauge) Name() string { return "gauge" }

func (g *gauge) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	for i := range w.Revised() {
		if h := w.Host(i); h.Addr == g.host {
			w.Seconds(h, &g.s)
			g.peak = max(g.peak, slices.Max(g.s.Packets[window.In][:g.s.N]))
		}
	}
	return out
}

// exportStudy is what one exporter gives.
type exportStudy struct {
	exporter

	error            float64 // of the highest second under the steady load, in percent
	alarms           int     // under the steady load
	packet, datagram float64 // seconds from the attack's first packet and first datagram
}

// study sends a host a steady load for some timeouts, then attack packets a second
// more when there are any.
func study(t *testing.T, x exporter, host string, steady, attack int64) exportStudy {
	t.Helper()
	e, err := NewEngine(testConfig("10.0.0.0/8", "fd00::/16"), nil)
	if err != nil {
		t.Fatal(err)
	}
	victim := flow.AddrFrom(netip.MustParseAddr(host))
	g := &gauge{host: victim}
	s := e.shards[0]
	s.detectors, s.found, s.spent = append(s.detectors, g), append(s.found, 0), append(s.spent, 0)
	const begin = int64(1_700_000_000)
	turn := begin + 4*x.timeout + 60
	end := turn + 2*x.timeout + 60
	recs := x.cut(victim, 1, steady, begin, end)
	if attack > 0 {
		// The timeout counts from a flow's begin, and an attack's begin together.
		recs = append(recs, exporter{x.timeout, true}.cut(victim, 2, attack, turn, end)...)
	}
	slices.SortStableFunc(recs, func(a, b flow.Record) int { return cmp.Compare(a.Received, b.Received) })
	b := flow.NewBatch(len(recs))
	datagram := int64(0)
	for i := range recs {
		b.Append(&recs[i])
		if r := &recs[i]; r.Start >= turn*1e9 && r.Src[14] == 2 && datagram == 0 {
			datagram = r.Received
		}
	}
	e.Process(b)
	e.Drain()
	out := exportStudy{exporter: x, error: 100 * (float64(g.peak)/float64(steady) - 1)}
	for _, i := range e.Incidents() {
		switch {
		case i.Category != detect.DDoSAttack:
		case i.Detected.Unix() < turn || attack == 0:
			out.alarms++
			t.Errorf("%+v of %d packets/s: false alarm: %s", x, steady, i.Headline())
		default:
			out.packet = float64(i.Detected.UnixNano()-turn*1e9) / 1e9
			out.datagram = float64(i.Detected.UnixNano()-datagram) / 1e9
		}
	}
	return out
}

// A steady load under the limit crosses nothing, however late and at once its flows
// are exported, since their volume is spread over their duration; and an attack is
// seen with the export that carries it. The table is that in docs/detectors.md.
func TestActiveTimeouts(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString("| active timeout | steady flows are cut | false alarms | highest second | attack seen after its first packet | after its first datagram |\n|---|---|---|---|---|---|\n")
	for _, timeout := range []int64{15, 60, 300} {
		for _, burst := range []bool{false, true} {
			x, worst, alarms := exporter{timeout, burst}, 0.0, 0
			for _, host := range []string{"10.0.0.7", "fd00::7"} {
				for _, steady := range []int64{6000, 9000} {
					got := study(t, x, host, steady, 0)
					worst, alarms = max(worst, got.error), alarms+got.alarms
				}
			}
			if worst > 1 {
				t.Errorf("%+v: a second shows %.1f %% more than there was", x, worst)
			}
			got := study(t, x, "10.0.0.7", 6000, 20_000)
			if got.packet == 0 || got.datagram > 2 {
				t.Errorf("%+v: the attack is seen %.0f s after its first packet, %.0f s after its first datagram", x, got.packet, got.datagram)
			}
			how := "each at its own time"
			if burst {
				how = "all at once"
			}
			_, _ = fmt.Fprintf(&page, "| %d s | %s | %d | %+.1f %% | %.0f s | %.0f s |\n", timeout, how, alarms, worst, got.packet, got.datagram)
		}
	}
	text, err := os.ReadFile(filepath.Join(shareddata.Root(t), "docs", "detectors.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), page.String()) {
		t.Errorf("docs/detectors.md lacks\n%s", page.String())
	}
}
