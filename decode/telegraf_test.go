// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"tidewatch/flow"
)

// lineField matches one field of InfluxDB line protocol: name=value, where a
// value is quoted or a number with a type suffix.
var lineField = regexp.MustCompile(`([a-z0-9_]+)=("(?:[^"\\]|\\.)*"|[^ ,]+)`)

// telegrafLine is one expected record: its measurement and its fields.
type telegrafLine struct {
	options bool
	fields  map[string]string
}

func telegrafLines(tb testing.TB, dir string) []telegrafLine {
	tb.Helper()
	var out []telegrafLine
	for line := range strings.Lines(string(readFile(tb, filepath.Join(dir, "expected.out")))) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		l := telegrafLine{options: strings.HasPrefix(line, "netflow_options,"), fields: map[string]string{}}
		for _, m := range lineField.FindAllStringSubmatch(line, -1) {
			l.fields[m[1]] = strings.Trim(m[2], `"`)
		}
		out = append(out, l)
	}
	return out
}

// number reads an unsigned field, plain (12u) or as raw bytes (0x0c).
func (l *telegrafLine) number(tb testing.TB, name string) (n uint64, ok bool) {
	tb.Helper()
	s, ok := l.fields[name]
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(s, "u"), 0, 64)
	if err != nil {
		tb.Fatalf("field %s: %v", name, err)
	}
	return n, true
}

// want translates telegraf's names for a flow.
func (l *telegrafLine) want(tb testing.TB) want {
	tb.Helper()
	var w want
	num := func(get func(*flow.Record) uint64, names ...string) {
		for _, name := range names {
			if n, ok := l.number(tb, name); ok {
				w.add(name, n, func(r *flow.Record) bool { return get(r) == n })
				return
			}
		}
	}
	for name, get := range map[string]func(*flow.Record) flow.Addr{
		"src": func(r *flow.Record) flow.Addr { return r.Src }, "dst": func(r *flow.Record) flow.Addr { return r.Dst },
	} {
		if s, ok := l.fields[name]; ok {
			a := netip.MustParseAddr(s)
			w.add(name, a, func(r *flow.Record) bool { return get(r).Netip() == a })
		}
	}
	if p, ok := l.fields["protocol"]; ok && p != "hopopt" { // telegraf stops at the extension header
		w.add("protocol", p, func(r *flow.Record) bool {
			return flow.ProtoName(r.Proto) == strings.ReplaceAll(p, "ipv6-icmp", "icmpv6")
		})
		if !strings.Contains(p, "icmp") {
			num(func(r *flow.Record) uint64 { return uint64(r.SrcPort) }, "src_port")
			num(func(r *flow.Record) uint64 { return uint64(r.DstPort) }, "dst_port")
		}
	}
	num(func(r *flow.Record) uint64 { return uint64(r.SrcAS) }, "bgp_src_as")
	num(func(r *flow.Record) uint64 { return uint64(r.DstAS) }, "bgp_dst_as")
	num(func(r *flow.Record) uint64 { return uint64(r.OutIf) }, "out_snmp")
	if _, ok := l.fields["agent_ip"]; ok { // sFlow
		num(func(r *flow.Record) uint64 { return uint64(r.Sampling) }, "sampling_interval")
		num(func(r *flow.Record) uint64 { return r.Bytes }, "ipv4_total_len")
		return w // its in_snmp is the sampled interface, not the input (tshark agrees with us)
	}
	num(func(r *flow.Record) uint64 { return uint64(r.InIf) }, "in_snmp")
	num(func(r *flow.Record) uint64 { return r.Bytes }, "in_bytes", "in_total_bytes")
	num(func(r *flow.Record) uint64 { return r.Packets }, "in_packets", "in_total_packets")
	if f, ok := l.fields["tcp_flags"]; ok {
		// telegraf writes the eight flags as letters, a dot for each that is clear.
		w.add("tcp_flags", f, func(r *flow.Record) bool { return flow.TCPFlagNames(r.TCPFlags) == f })
	}
	if d, ok := l.fields["direction"]; ok {
		w.add("direction", d, func(r *flow.Record) bool { return (r.Mark&flow.Egress != 0) == (d == "egress") })
	}
	// One case was made from a capture days old: its times are cut and marked.
	for name, get := range map[string]func(*flow.Record) int64{
		"flow_start_ms": func(r *flow.Record) int64 { return r.Start }, "flow_end_ms": func(r *flow.Record) int64 { return r.End },
	} {
		if n, ok := l.number(tb, name); ok {
			w.add(name, n, func(r *flow.Record) bool { return r.Mark&flow.Clamped != 0 || uint64(get(r)/millisecond) == n })
		}
	}
	return w
}

// TestTelegrafGoldens decodes telegraf's test messages and compares every field
// that its output and a flow.Record have in common.
func TestTelegrafGoldens(t *testing.T) {
	dirs, err := filepath.Glob(wire(t, "telegraf/*"))
	if err != nil || len(dirs) != 12 {
		t.Fatalf("%d cases, want 12 (%v)", len(dirs), err)
	}
	lines := 0
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(dir, "*.bin"))
			if err != nil {
				t.Fatal(err)
			}
			var in []datagram
			for _, name := range files { // sorted, as telegraf's own test sends them
				in = append(in, datagram{payload: readFile(t, name), from: netip.MustParseAddr("127.0.0.1"), received: 1_700_000_000e9})
			}
			d := newDecoder(t, nil)
			got := decodeAll(d, in)
			s := only(t, d)
			flows, options, counters, discards, reverse := 0, 0, 0, 0, 0
			for _, l := range telegrafLines(t, dir) {
				lines++
				_, isSFlow := l.fields["agent_ip"]
				_, sampled := l.fields["sampling_interval"]
				_, discard := l.fields["reason"]
				switch {
				case l.options:
					options++
					continue
				case discard:
					discards++
					continue
				case isSFlow && !sampled:
					counters++
					continue
				}
				flows++
				w := l.want(t)
				if !found(got.batch, &w) {
					t.Errorf("no record with %v among\n%s", w.text, dump(got.batch))
				}
				if n, ok := l.number(t, "type_29305_85"); ok {
					reverse++
					back := want{text: []string{fmt.Sprint("reverse bytes ", n)}}
					back.add("src", l.fields["dst"], func(r *flow.Record) bool {
						return r.Mark&flow.Reverse != 0 && r.Bytes == n && r.Src.String() == l.fields["dst"] && r.Dst.String() == l.fields["src"]
					})
					if n != 0 && !found(got.batch, &back) {
						t.Errorf("no record with %v among\n%s", back.text, dump(got.batch))
					}
				}
			}
			if got.records != flows+reverse || int(s.Options) != options || int(s.Counters) != counters || int(s.Broken[UnknownSample]) != discards {
				t.Errorf("%d records, %d options, %d counters, %d discards, want %d, %d, %d, %d\n%s", got.records, s.Options, s.Counters,
					s.Broken[UnknownSample], flows+reverse, options, counters, discards, dump(got.batch))
			}
		})
	}
	if lines != 197 {
		t.Errorf("compared %d lines, want 197", lines)
	}
}
