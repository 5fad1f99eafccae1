// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tidewatch/flow"
)

// tshark dissects datagrams with Wireshark's dissector and returns the values
// of each field in order of appearance. Anything that Wireshark finds malformed
// or out of sequence fails the test, and for flow exports any remark at all; in
// sFlow it also remarks on the sampled packets ("connection establish request").
func tshark(t *testing.T, dissector string, datagrams [][]byte, fields ...string) map[string][]string {
	t.Helper()
	bin := tool(t, "tshark", "tshark")
	file := filepath.Join(t.TempDir(), "sent.pcap")
	if err := os.WriteFile(file, pcapOf(datagrams), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := []string{"_ws.malformed", "cflow.unexpected_sequence_number"}
	if dissector == "cflow" {
		bad = append(bad, "_ws.expert.message")
	}
	fields = append(fields, bad...)
	args := []string{"-n", "-r", file, "-d", "udp.port==9995," + dissector, "-T", "fields", "-E", "separator=;", "-E", "aggregator=|"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.CommandContext(t.Context(), bin, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, out)
	}
	got := make(map[string][]string, len(fields))
	for line := range strings.Lines(string(out)) {
		for i, values := range strings.Split(strings.TrimRight(line, "\n"), ";") {
			if values != "" {
				got[fields[i]] = append(got[fields[i]], strings.Split(values, "|")...)
			}
		}
	}
	for _, f := range bad {
		if len(got[f]) > 0 {
			t.Errorf("tshark complains in %s: %v", f, got[f][:1])
		}
	}
	return got
}

// pcapOf frames UDP payloads as a capture of raw IPv4 packets (link type 228).
func pcapOf(datagrams [][]byte) []byte {
	le, be := binary.LittleEndian, binary.BigEndian
	w := le.AppendUint32(nil, 0xa1b2c3d4)
	w = le.AppendUint32(w, 2|4<<16)
	w = append(w, make([]byte, 8)...)
	w = le.AppendUint32(w, 65535)
	w = le.AppendUint32(w, 228)
	for i, d := range datagrams {
		size := len(d) + ipv4Header + udpHeader
		w = le.AppendUint32(w, uint32(exportTime.Unix()))
		w = le.AppendUint32(w, uint32(i))
		w = le.AppendUint32(w, uint32(size))
		w = le.AppendUint32(w, uint32(size))
		ip := make([]byte, ipv4Header)
		ip[0], ip[8], ip[9] = 0x45, hopLimit, flow.ProtoUDP
		be.PutUint16(ip[2:], uint16(size))
		copy(ip[12:], []byte{192, 0, 2, 1, 192, 0, 2, 2})
		be.PutUint16(ip[10:], checksum(ip))
		w = append(w, ip...)
		w = be.AppendUint16(w, 40000)
		w = be.AppendUint16(w, 9995)
		w = be.AppendUint16(w, uint16(len(d)+udpHeader))
		w = be.AppendUint16(w, 0)
		w = append(w, d...)
	}
	return w
}

// number reads what tshark prints: decimal or 0x.
func number(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		t.Fatalf("tshark printed %q where a number belongs", s)
	}
	return n
}

// TestTsharkSeesTheSameFlows compares record by record, in order.
func TestTsharkSeesTheSameFlows(t *testing.T) {
	for _, tc := range []struct {
		protocol Protocol
		fam      family
	}{{V5, only4}, {V9, only4}, {V9, only6}, {IPFIX, only4}, {IPFIX, only6}} {
		suffix := ""
		if tc.fam == only6 {
			suffix = "v6"
		}
		t.Run(string(tc.protocol)+suffix, func(t *testing.T) {
			b := sampleBatch(700, tc.fam, 100_000)
			datagrams, _ := collect(t, Config{Protocol: tc.protocol, Domain: 5}, b)
			src, dst := "cflow.srcaddr"+suffix, "cflow.dstaddr"+suffix
			got := tshark(t, "cflow", datagrams, src, dst, "cflow.srcport", "cflow.dstport",
				"cflow.protocol", "cflow.packets", "cflow.octets", "cflow.tcpflags", "cflow.inputint", "cflow.outputint")
			for f, values := range got {
				if len(values) != b.Len() {
					t.Fatalf("%s: %d values for %d records", f, len(values), b.Len())
				}
			}
			for i := range b.Len() {
				r := b.Record(i)
				seen := fmt.Sprint(got[src][i], got[dst][i], number(t, got["cflow.srcport"][i]), number(t, got["cflow.dstport"][i]),
					number(t, got["cflow.protocol"][i]), number(t, got["cflow.packets"][i]), number(t, got["cflow.octets"][i]),
					number(t, got["cflow.tcpflags"][i]), number(t, got["cflow.inputint"][i]), number(t, got["cflow.outputint"][i]))
				sent := fmt.Sprint(r.Src.String(), r.Dst.String(), uint64(r.SrcPort), uint64(r.DstPort),
					uint64(r.Proto), r.Packets, r.Bytes, uint64(r.TCPFlags), uint64(r.InIf), uint64(r.OutIf))
				if seen != sent {
					t.Fatalf("record %d: tshark sees %s, sent was %s", i, seen, sent)
				}
			}
		})
	}
}

// TestTsharkSeesMixedFamilies: sets of both templates in one datagram, several
// times the templates, no complaint about a sequence.
func TestTsharkSeesMixedFamilies(t *testing.T) {
	b := sampleBatch(900, mixed, 100)
	var packets, octets uint64
	for i := range b.Len() {
		packets, octets = packets+b.Packets[i], octets+b.Bytes[i]
	}
	for _, p := range []Protocol{V9, IPFIX} {
		t.Run(string(p), func(t *testing.T) {
			datagrams, _ := collect(t, Config{Protocol: p, TemplateEvery: 4}, b)
			got := tshark(t, "cflow", datagrams, "cflow.packets", "cflow.octets")
			sum := func(field string) (n uint64) {
				for _, v := range got[field] {
					n += number(t, v)
				}
				return n
			}
			if n := len(got["cflow.packets"]); n != b.Len() || sum("cflow.packets") != packets || sum("cflow.octets") != octets {
				t.Errorf("tshark sees %d records, %d packets, %d bytes; sent were %d, %d, %d",
					n, sum("cflow.packets"), sum("cflow.octets"), b.Len(), packets, octets)
			}
		})
	}
}

func TestTsharkSeesTheSamplingRate(t *testing.T) {
	b := sampleBatch(50, only4, 10_000)
	for _, tc := range []struct {
		protocol Protocol
		field    string
		want     string
	}{
		{V9, "cflow.sampling_interval", "250"},
		{IPFIX, "cflow.sampling_packet_interval", "1"},
		{IPFIX, "cflow.sampling_packet_space", "249"},
	} {
		datagrams, _ := collect(t, Config{Protocol: tc.protocol, Sampling: 250}, b)
		got := tshark(t, "cflow", datagrams, tc.field)
		if !slices.Equal(got[tc.field], []string{tc.want}) {
			t.Errorf("%s: %s is %v, want %s", tc.protocol, tc.field, got[tc.field], tc.want)
		}
	}
}

// TestTsharkSeesTheSamples: the packets that sFlow carries are those of the
// flows, multiplied by the rate, and every header is sound.
func TestTsharkSeesTheSamples(t *testing.T) {
	for name, fam := range map[string]family{"v4": only4, "v6": only6} {
		t.Run(name, func(t *testing.T) {
			const n = 50
			b := sampleBatch(400, fam, 500)
			datagrams, stats := collect(t, Config{Protocol: SFlow, Sampling: n}, b)
			ip := map[family][3]string{
				only4: {"ip.src", "ip.dst", "ip.len"}, only6: {"ipv6.src", "ipv6.dst", "ipv6.plen"},
			}[fam]
			got := tshark(t, "sflow", datagrams, ip[0], ip[1], ip[2], "sflow.flow_sample.sampling_rate",
				"sflow.flow_sample.sequence_number", "sflow_245.header.frame_length", "ip.checksum.status")
			samples := len(got["sflow.flow_sample.sequence_number"])
			if samples != int(stats.Records) {
				t.Fatalf("tshark sees %d samples of %d", samples, stats.Records)
			}
			for i, s := range got["sflow.flow_sample.sequence_number"] {
				if number(t, s) != uint64(i+1) || got["sflow.flow_sample.sampling_rate"][i] != "50" {
					t.Fatalf("sample %d has number %s and rate %s", i, s, got["sflow.flow_sample.sampling_rate"][i])
				}
			}
			var packets, octets, frames uint64
			seen := map[string]uint64{}
			outer := 0
			for i, s := range got[ip[0]] {
				if s == "192.0.2.1" { // the datagram that carries the samples
					outer++
					continue
				}
				packets++
				octets += number(t, got[ip[2]][i])
				seen[s+" "+got[ip[1]][i]]++
			}
			for _, f := range got["sflow_245.header.frame_length"] {
				frames += number(t, f)
			}
			header := uint64(ethernetHeader + frameCheck)
			if fam == only6 {
				octets += packets * ipv6Header
			}
			if frames < octets+packets*header || frames > octets+packets*(header+6) {
				t.Errorf("frames have %d bytes, packets %d", frames, octets)
			}
			var wantPackets, wantOctets uint64
			for i := range b.Len() {
				wantPackets, wantOctets = wantPackets+b.Packets[i], wantOctets+b.Bytes[i]
				k := b.Src[i].String() + " " + b.Dst[i].String()
				if mean := b.Packets[i] / n; seen[k] < mean || seen[k] > mean+1 {
					t.Errorf("%s: %d samples of %d packets", k, seen[k], b.Packets[i])
				}
			}
			within(t, "packets", packets*n, wantPackets, 0.001)
			within(t, "bytes", octets*n, wantOctets, 0.02)
		})
	}
}

func within(t *testing.T, what string, got, want uint64, tolerance float64) {
	t.Helper()
	if r := float64(got) / float64(want); r < 1-tolerance || r > 1+tolerance {
		t.Errorf("%d %s seen, %d sent", got, what, want)
	}
}
