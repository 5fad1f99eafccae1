// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tidewatch/flow"
)

// golden is one context of logstash-codec-netflow: payloads in order, and
// what logstash makes of them.
type golden struct {
	Context string           `json:"context"`
	Files   []string         `json:"files_in_order"`
	Events  []map[string]any `json:"expected_events"`
}

// want is the part of a record that a golden names.
type want struct {
	text   []string // for the failure message
	checks []func(r *flow.Record) bool
	flow   bool // it names addresses or counters, so it is a flow
}

func (w *want) add(name string, value any, check func(r *flow.Record) bool) {
	w.text = append(w.text, fmt.Sprintf("%s=%v", name, value))
	w.checks = append(w.checks, check)
}

func (w *want) matches(r *flow.Record) bool {
	return !slices.ContainsFunc(w.checks, func(c func(*flow.Record) bool) bool { return !c(r) })
}

// number reads a JSON number.
func number(tb testing.TB, v any) uint64 {
	tb.Helper()
	f, ok := v.(float64)
	if !ok {
		tb.Fatalf("%v is no number", v)
	}
	return uint64(f)
}

// sameTime compares to the millisecond. In the times that logstash computes from
// an uptime (_switched) it errs, so there three more are allowed: one second late
// (its carry is missing, almost always), cut to .999 (Streamcore), and without
// the uptime's wrap. tshark agrees with us in all of them.
func sameTime(got int64, v any, fromUptime bool) bool {
	const wrap = (1 << 32) * millisecond
	var at int64
	switch v := v.(type) {
	case float64:
		if at = int64(v) * second; v > 1e11 {
			at = int64(v) * millisecond
		}
	case string:
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return false
		}
		at = t.UnixNano()
	}
	diff := at - got
	if fromUptime {
		diff = (diff+wrap/2)%wrap - wrap/2
		if at/millisecond%1000 == 999 && diff > second && diff < 2*second || diff > second-millisecond && diff < second+millisecond {
			return true
		}
	}
	return diff > -millisecond && diff < millisecond
}

// goldenWant translates logstash's names.
func goldenWant(tb testing.TB, e map[string]any) want {
	tb.Helper()
	var w want
	first := func(names ...string) (any, bool) {
		for _, n := range names {
			if v, ok := e[n]; ok {
				return v, true
			}
		}
		return nil, false
	}
	addr := func(get func(*flow.Record) flow.Addr, names ...string) {
		if v, ok := first(names...); ok {
			a := netip.MustParseAddr(fmt.Sprint(v))
			w.flow = true
			w.add(names[0], v, func(r *flow.Record) bool { return get(r).Netip() == a })
		}
	}
	num := func(get func(*flow.Record) uint64, names ...string) {
		if v, ok := first(names...); ok {
			n := number(tb, v)
			w.add(names[0], v, func(r *flow.Record) bool { return get(r) == n })
		}
	}
	addr(func(r *flow.Record) flow.Addr { return r.Src }, "ipv4_src_addr", "sourceIPv4Address", "sourceIPv6Address")
	addr(func(r *flow.Record) flow.Addr { return r.Dst }, "ipv4_dst_addr", "destinationIPv4Address", "destinationIPv6Address")
	num(func(r *flow.Record) uint64 { return uint64(r.Proto) }, "protocol", "protocolIdentifier")
	num(func(r *flow.Record) uint64 { return uint64(r.TCPFlags) }, "tcp_flags", "tcpControlBits")
	if p, _ := first("protocol", "protocolIdentifier"); p != 1.0 && p != 58.0 {
		num(func(r *flow.Record) uint64 { return uint64(r.SrcPort) }, "l4_src_port", "sourceTransportPort")
		num(func(r *flow.Record) uint64 { return uint64(r.DstPort) }, "l4_dst_port", "destinationTransportPort")
	} else if v, ok := first("icmpTypeCodeIPv4"); ok && v != 0.0 {
		num(func(r *flow.Record) uint64 { return uint64(r.DstPort) }, "icmpTypeCodeIPv4")
	}
	if in, out := e["in_bytes"], e["out_bytes"]; in == 0.0 && out != nil {
		num(func(r *flow.Record) uint64 { return r.Bytes }, "out_bytes")
		num(func(r *flow.Record) uint64 { return r.Packets }, "out_pkts")
	} else {
		num(func(r *flow.Record) uint64 { return r.Bytes }, "in_bytes", "octetDeltaCount", "octetTotalCount", "fwd_flow_delta_bytes")
		num(func(r *flow.Record) uint64 { return r.Packets }, "in_pkts", "packetDeltaCount", "packetTotalCount")
	}
	num(func(r *flow.Record) uint64 { return uint64(r.InIf) }, "input_snmp", "ingressInterface")
	num(func(r *flow.Record) uint64 { return uint64(r.OutIf) }, "output_snmp", "egressInterface")
	num(func(r *flow.Record) uint64 { return uint64(r.SrcAS) }, "src_as", "bgpSourceAsNumber")
	num(func(r *flow.Record) uint64 { return uint64(r.DstAS) }, "dst_as", "bgpDestinationAsNumber")
	num(func(r *flow.Record) uint64 { return uint64(r.Mark & flow.Egress / flow.Egress) }, "direction", "flowDirection")
	// Times that were implausible are cut and marked; one capture has such.
	if v, ok := first("first_switched", "flow_start_msec", "flowStartMilliseconds", "flowStartSeconds"); ok {
		w.add("start", v, func(r *flow.Record) bool {
			return r.Mark&flow.Clamped != 0 || sameTime(r.Start, v, e["first_switched"] != nil && e["flowStartSeconds"] == nil)
		})
	}
	if v, ok := first("last_switched", "event_time_msec", "flowEndMilliseconds", "flowEndSeconds"); ok {
		w.add("end", v, func(r *flow.Record) bool {
			return r.Mark&flow.Clamped != 0 || sameTime(r.End, v, e["last_switched"] != nil)
		})
	}
	return w
}

// TestLogstashGoldens decodes thirty vendors' exports and compares every field
// that logstash and a flow.Record have in common.
func TestLogstashGoldens(t *testing.T) {
	dir := wire(t, "logstash-codec-netflow")
	files, err := filepath.Glob(filepath.Join(dir, "golden", "*.json"))
	if err != nil || len(files) != 50 {
		t.Fatalf("%d golden files, want 50 (%v)", len(files), err)
	}
	flows, options := 0, 0
	for _, file := range files {
		var g golden
		if err := json.Unmarshal(readFile(t, file), &g); err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			d := newDecoder(t, nil)
			var in []datagram
			for _, name := range g.Files {
				in = append(in, datagram{
					payload: readFile(t, filepath.Join(dir, name)), from: netip.MustParseAddr("192.0.2.1"),
					received: time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano(),
				})
			}
			got := decodeAll(d, in)
			optionsLeft := 0
			for s := range d.Exporters() {
				optionsLeft = int(s.Options)
			}
			for _, e := range g.Events {
				nf, ok := e["netflow"].(map[string]any)
				if !ok {
					continue // Netscaler: logstash's template cache, not a record
				}
				w := goldenWant(t, nf)
				if !w.flow && nf["in_bytes"] == nil {
					options++
					if optionsLeft--; optionsLeft < 0 {
						t.Errorf("no options record for %v", nf)
					}
					continue
				}
				flows++
				if !found(got.batch, &w) {
					t.Errorf("no record with %s\namong %d:\n%s", strings.Join(w.text, " "), got.records, dump(got.batch))
				}
			}
		})
	}
	if flows != 54 || options != 8 {
		t.Errorf("compared %d flows and %d options records, want 54 and 8", flows, options)
	}
}

func found(b *flow.Batch, w *want) bool {
	for i := range b.Len() {
		if r := b.Record(i); w.matches(&r) {
			return true
		}
	}
	return false
}

func dump(b *flow.Batch) string {
	var s strings.Builder
	for i := range min(b.Len(), 12) {
		r := b.Record(i)
		fmt.Fprintf(&s, "%v:%d > %v:%d proto %d flags %#x bytes %d packets %d if %d>%d as %d>%d mark %#x %v %v\n",
			r.Src, r.SrcPort, r.Dst, r.DstPort, r.Proto, r.TCPFlags, r.Bytes, r.Packets, r.InIf, r.OutIf, r.SrcAS, r.DstAS, r.Mark,
			time.Unix(0, r.Start).UTC(), time.Unix(0, r.End).UTC())
	}
	return s.String()
}
