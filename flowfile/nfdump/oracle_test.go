// SPDX-License-Identifier: Apache-2.0

package nfdump_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tidewatch/flow"
	"tidewatch/flowfile"
	"tidewatch/flowfile/flowfiletest"
	"tidewatch/flowfile/nfdump"
	"tidewatch/test/shareddata"
)

// tool finds a program of Debian's package nfdump; without it there is nothing
// to check against, which is a failure and not a skip.
func tool(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		tb.Fatalf("%s is not there: install Debian's package nfdump", name)
	}
	return path
}

// theirs is a flow as nfdump writes it.
type theirs struct {
	First    string `json:"first"`
	Last     string `json:"last"`
	Packets  uint64 `json:"in_packets"`
	Bytes    uint64 `json:"in_bytes"`
	Proto    uint8  `json:"proto"`
	Flags    string `json:"tcp_flags"`
	SrcPort  uint16 `json:"src_port"`
	DstPort  uint16 `json:"dst_port"`
	ICMPType uint16 `json:"icmp_type"`
	ICMPCode uint16 `json:"icmp_code"`
	Src4     string `json:"src4_addr"`
	Dst4     string `json:"dst4_addr"`
	Src6     string `json:"src6_addr"`
	Dst6     string `json:"dst6_addr"`
	In       uint32 `json:"input_snmp"`
	Out      uint32 `json:"output_snmp"`
	SrcAS    uint32 `json:"src_as"`
	DstAS    uint32 `json:"dst_as"`
	Dir      int    `json:"direction"`
}

func (f *theirs) String() string {
	src, dst := f.Src4, f.Dst4
	if src == "" {
		src, dst = f.Src6, f.Dst6
	}
	sp, dp := f.SrcPort, f.DstPort
	if f.Proto == flow.ProtoICMP || f.Proto == flow.ProtoICMPv6 {
		sp, dp = 0, f.ICMPType<<8|f.ICMPCode
	}
	flags := f.Flags
	if f.Proto != flow.ProtoTCP { // there nfdump leaves them out
		flags = flow.TCPFlagNames(0)
	}
	// An end before the start, which softflowd writes at times, is cut to it here.
	return fmt.Sprint(f.First, " ", max(f.First, f.Last), " ", addr(src), " ", addr(dst), " ", sp, " ", dp, " ", f.Proto, " ", flags, " ",
		f.Packets, " ", f.Bytes, " ", f.In, " ", f.Out, " ", f.SrcAS, " ", f.DstAS, " ", f.Dir)
}

func addr(s string) string {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return s
	}
	return a.Unmap().String()
}

// nfdumpReads returns the flows that Debian's nfdump reads in a file, sorted.
func nfdumpReads(tb testing.TB, path string) []string {
	tb.Helper()
	cmd := exec.Command(tool(tb, "nfdump"), "-r", path, "-o", "json")
	cmd.Env = append(os.Environ(), "TZ=UTC")
	text, err := cmd.Output()
	if err != nil {
		tb.Fatalf("nfdump -r %s: %v", path, err)
	}
	var flows []theirs
	if err := json.Unmarshal(text, &flows); err != nil {
		tb.Fatalf("nfdump -r %s -o json: %v", path, err)
	}
	out := make([]string, len(flows))
	for i := range flows {
		out[i] = flows[i].String()
	}
	slices.Sort(out)
	return out
}

// weRead returns the flows that our reader reads, in the same words.
func weRead(tb testing.TB, path string) ([]string, flowfile.Stats, *flow.Batch) {
	tb.Helper()
	b, s, err := flowfiletest.Open(tb, path, nfdump.Format(), flowfile.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	out := make([]string, b.Len())
	const layout = "2006-01-02T15:04:05.000"
	for i := range b.Len() {
		r := b.Record(i)
		dir := 0
		if r.Proto != flow.ProtoTCP {
			r.TCPFlags = 0
		}
		if r.Mark&flow.Egress != 0 {
			dir = 1
		}
		out[i] = fmt.Sprint(time.Unix(0, r.Start).UTC().Format(layout), " ", time.Unix(0, r.End).UTC().Format(layout), " ", r.Src, " ", r.Dst, " ",
			r.SrcPort, " ", r.DstPort, " ", r.Proto, " ", flow.TCPFlagNames(r.TCPFlags), " ", r.Packets*uint64(r.Sampling), " ",
			r.Bytes*uint64(r.Sampling), " ", r.InIf, " ", r.OutIf, " ", r.SrcAS, " ", r.DstAS, " ", dir)
	}
	slices.Sort(out)
	return out, s, b
}

// agree checks that nfdump and we read the same flows in a file.
func agree(tb testing.TB, path string) (flowfile.Stats, *flow.Batch) {
	tb.Helper()
	want := nfdumpReads(tb, path)
	got, s, b := weRead(tb, path)
	if s.Skipped != 0 || len(got) != len(want) {
		tb.Fatalf("%s: %d flows, nfdump reads %d; %+v", path, len(got), len(want), s)
	}
	for i := range got {
		if got[i] != want[i] {
			tb.Fatalf("%s: flow %d of the sorted list is\n%s\nnfdump reads\n%s", path, i, got[i], want[i])
		}
	}
	return s, b
}

// TestAgainstNfdump reads the two real files as Debian's nfdump does, and gives
// the totals of INDEX.md.
func TestAgainstNfdump(t *testing.T) {
	dir := shareddata.Dir(t)
	s, _ := agree(t, filepath.Join(dir, "nfdump/slips/test1-malicious.nfdump"))
	if s.Records != 4593 || s.Packets != 4652 || s.Bytes != 241025 || s.Exporters != 1 {
		t.Errorf("layout 1: %+v", s)
	}
	s, b := agree(t, filepath.Join(dir, "nfdump/derived/nfcapd.pmacct101-v9"))
	tcp, udp := 0, 0
	for _, p := range b.Proto {
		switch p {
		case flow.ProtoTCP:
			tcp++
		case flow.ProtoUDP:
			udp++
		}
	}
	if s.Records != 51 || tcp != 48 || udp != 3 {
		t.Errorf("layout 2: %d flows, %d TCP, %d UDP", s.Records, tcp, udp)
	}
}

// TestEveryCompression has nfdump write the same flows with each of its
// compressions; zstd, which Debian's version cannot write yet, is packed here.
func TestEveryCompression(t *testing.T) {
	nf := tool(t, "nfdump")
	in := filepath.Join(shareddata.Dir(t), "nfdump/slips/test1-malicious.nfdump")
	want := nfdumpReads(t, in)
	dir := t.TempDir()
	for name, option := range map[string][]string{"none": nil, "lzo": {"-z"}, "lz4": {"-y"}, "bzip2": {"-j"}} {
		out := filepath.Join(dir, name)
		args := append([]string{"-r", in, "-w", out}, option...)
		if text, err := exec.Command(nf, args...).CombinedOutput(); err != nil {
			t.Fatalf("nfdump %s: %v: %s", strings.Join(args, " "), err, text)
		}
		agree(t, out)
		if got, _, _ := weRead(t, out); !slices.Equal(got, want) {
			t.Errorf("%s: other flows than in the file it was made of", name)
		}
	}
	for name, pack := range map[string]func([]byte) []byte{
		"zstd":         func(b []byte) []byte { return repack(t, b, 4) },
		"layout 1 lz4": func([]byte) []byte { return repack(t, read(t, in), 3) },
	} {
		out := filepath.Join(dir, name)
		if err := os.WriteFile(out, pack(read(t, filepath.Join(dir, "none"))), 0o600); err != nil {
			t.Fatal(err)
		}
		if name != "zstd" {
			agree(t, out) // so the file is right to nfdump, too
		}
		if got, _, _ := weRead(t, out); !slices.Equal(got, want) {
			t.Errorf("%s: %d flows, other than in the file it was made of", name, len(got))
		}
	}
}

func read(tb testing.TB, path string) []byte {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}
