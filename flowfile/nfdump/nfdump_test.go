// SPDX-License-Identifier: Apache-2.0

package nfdump_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tidewatch/flow"
	"tidewatch/flowfile"
	"tidewatch/flowfile/flowfiletest"
	"tidewatch/flowfile/nfdump"
	"tidewatch/test/shareddata"
)

func show(b *flow.Batch) string {
	var out []string
	for i := range b.Len() {
		r := b.Record(i)
		out = append(out, fmt.Sprintf("%d-%d %s:%d>%s:%d p%d %s %d/%d s%d e%d if%d,%d as%d,%d m%x", r.Start/1e6, r.End/1e6, r.Src, r.SrcPort,
			r.Dst, r.DstPort, r.Proto, flow.TCPFlagNames(r.TCPFlags), r.Packets, r.Bytes, r.Sampling, r.Exporter,
			r.InIf, r.OutIf, r.SrcAS, r.DstAS, uint16(r.Mark)))
	}
	return strings.Join(out, "\n")
}

func TestRecords(t *testing.T) {
	tcp := generic([5]uint64{1000, 2000, 9000, 10, 600}, [2]uint16{1000, 80}, 6, 0x12)
	misc := func(dir, biflow, back byte) []byte {
		return element(4, append(words(7|8<<32), 24, 24, dir, 0, biflow, 0, back, 0)...)
	}
	counters := element(5, words(1, 20, 1200)...)
	const base = "1000-2000 10.0.0.1:1000>10.0.0.2:80 p6 ...A..S. 10/600 s1 e0 if0,0 as0,0 m6"
	for name, tc := range map[string]struct {
		in   []byte
		want string
		o    flowfile.Options
	}{
		"IPv4":            {in: file2([][]byte{v3(1, 0, tcp, ipv4(1, 2))}), want: base},
		"sampling option": {in: file2([][]byte{v3(1, 0, tcp, ipv4(1, 2))}), o: flowfile.Options{Sampling: 5}, want: strings.NewReplacer("s1 ", "s5 ", "m6", "m4").Replace(base)},
		"IPv6 element of zeros beside IPv4": {
			in:   file2([][]byte{v3(1, 0, element(3, make([]byte, 32)...), ipv4(1, 2), tcp), v3(1, 0, ipv4(1, 2), element(3, make([]byte, 32)...), tcp)}),
			want: base + "\n" + base,
		},
		"IPv6": {
			in:   file2([][]byte{v3(1, 0, tcp, element(3, words(0x20010db8<<32, 1, 0x20010db8<<32, 2)...))}),
			want: strings.NewReplacer("10.0.0.1:", "2001:db8::1:", "10.0.0.2:", "2001:db8::2:").Replace(base),
		},
		"interfaces, egress, AS": {
			in:   file2([][]byte{v3(1, 0, tcp, ipv4(1, 2), misc(1, 0, 0), element(7, words(64512|13335<<32)...))}),
			want: strings.NewReplacer("if0,0 as0,0 m6", "if7,8 as64512,13335 m22").Replace(base),
		},
		"sampled with a known rate": {
			in:   file2([][]byte{sampler(1, -1, 1, 9), v3(1, 2, tcp, ipv4(1, 2))}),
			want: strings.NewReplacer("10/600 s1", "1/60 s10", "m6", "m4").Replace(base),
		},
		"sampled, the rate does not divide": {
			in:   file2([][]byte{sampler(1, -1, 1, 6), v3(1, 2, tcp, ipv4(1, 2))}),
			want: strings.NewReplacer("m6", "m4").Replace(base),
		},
		"sampled by one of several rates": {
			in:   file2([][]byte{sampler(1, 1, 1, 9), sampler(1, 2, 1, 99), v3(1, 2, tcp, ipv4(1, 2))}),
			want: base,
		},
		"a configured rate is stronger": {
			in:   file2([][]byte{sampler(1, 1, 1, 99), sampler(1, -3, 1, 9), v3(1, 2, tcp, ipv4(1, 2))}),
			want: strings.NewReplacer("10/600 s1", "1/60 s10", "m6", "m4").Replace(base),
		},
		"ICMP": {
			in:   file2([][]byte{v3(1, 0, generic([5]uint64{1000, 2000, 0, 1, 84}, [2]uint16{0, 8 << 8}, 1, 0), ipv4(1, 2))}),
			want: "1000-2000 10.0.0.1:0>10.0.0.2:2048 p1 ........ 1/84 s1 e0 if0,0 as0,0 m6",
		},
		"no time": {
			in:   file2([][]byte{v3(1, 0, generic([5]uint64{0, 0, 9000, 10, 600}, [2]uint16{1000, 80}, 6, 0x12), ipv4(1, 2))}),
			want: strings.NewReplacer("1000-2000", "9000-9000", "m6", "m7").Replace(base),
		},
		"end before start": {
			in:   file2([][]byte{v3(1, 0, generic([5]uint64{2000, 1000, 0, 10, 600}, [2]uint16{1000, 80}, 6, 0x12), ipv4(1, 2))}),
			want: strings.NewReplacer("1000-2000", "2000-2000", "m6", "m406").Replace(base),
		},
		"biflow": {
			in: file2([][]byte{v3(1, 0, tcp, ipv4(1, 2), misc(0, 1, 0x10), counters)}),
			want: strings.Replace(base, "if0,0 as0,0 m6", "if7,8 as0,0 m2", 1) + "\n" +
				"1000-2000 10.0.0.2:80>10.0.0.1:1000 p6 ...A.... 20/1200 s1 e0 if8,7 as0,0 m42",
		},
		"outgoing counters of the same traffic": {in: file2([][]byte{v3(1, 0, tcp, ipv4(1, 2), counters)}), want: base},
		"outgoing counters alone": {
			in:   file2([][]byte{v3(1, 0, generic([5]uint64{1000, 2000, 0, 0, 0}, [2]uint16{1000, 80}, 6, 0x12), ipv4(1, 2), counters)}),
			want: strings.Replace(base, "10/600", "20/1200", 1),
		},
		"events without counts, records without addresses, unknown types": {
			in: file2([][]byte{
				v3(1, 1, generic([5]uint64{1000, 2000, 0, 0, 0}, [2]uint16{1000, 80}, 6, 0), ipv4(1, 2)), v3(1, 0, tcp),
				{99, 0, 8, 0, 1, 2, 3, 4},
				v3(1, 0, tcp, element(200, 1, 2, 3, 4), ipv4(1, 2)),
			}),
			want: base,
		},
		"two exporters in several blocks": {
			in:   file2([][]byte{v3(7, 0, tcp, ipv4(1, 2))}, [][]byte{v3(9, 0, tcp, ipv4(1, 2)), v3(7, 0, tcp, ipv4(1, 2))}),
			want: base + "\n" + strings.Replace(base, "e0", "e1", 1) + "\n" + base,
		},
		"layout 1": {
			in: file1([][]byte{
				extensions(5, 5, 7, 8, 13, 27, 0), common(10, 5, 0, append([]byte{1, 0, 0, 10, 2, 0, 0, 10, 4, 0, 0, 0, 240, 0, 0, 0},
					append(words(1|2<<32, 3|4<<32), 0, 1, 24, 24, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)...)...),
			}),
			want: "1000250-1001750 10.0.0.1:1000>10.0.0.2:80 p6 ...A..S. 4/240 s1 e0 if1,2 as3,4 m22",
		},
		"layout 1, IPv6, wide counters, small extensions": {
			in: file1([][]byte{
				extensions(6, 4, 6, 10), common(10, 6, 7, append(words(0x20010db8<<32, 1, 0x20010db8<<32, 2, 1<<33, 1<<40),
					append([]byte{1, 0, 2, 0, 3, 0, 4, 0}, make([]byte, 16)...)...)...),
			}),
			want: "1000250-1001750 2001:db8::1:1000>2001:db8::2:80 p6 ...A..S. 8589934592/1099511627776 s1 e0 if1,2 as3,4 m2",
		},
		"layout 1, oldest record type": {
			in:   file1([][]byte{extensions(0), common(1, 0, 0, 1, 0, 0, 10, 2, 0, 0, 10, 4, 0, 0, 0, 240, 0, 0, 0)}),
			want: "1000250-1001750 10.0.0.1:1000>10.0.0.2:80 p6 ...A..S. 4/240 s1 e0 if0,0 as0,0 m6",
		},
		"layout 1, sampled": {
			in: file1([][]byte{
				{9, 0, 16, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 3, 0},
				extensions(0),
				common(10, 0, 0x80, 1, 0, 0, 10, 2, 0, 0, 10, 4, 0, 0, 0, 240, 0, 0, 0),
			}),
			want: "1000250-1001750 10.0.0.1:1000>10.0.0.2:80 p6 ...A..S. 1/60 s4 e0 if0,0 as0,0 m4",
		},
	} {
		b, s, err := flowfiletest.Bytes(t, tc.in, nfdump.Format(), tc.o)
		if err != nil || s.Skipped != 0 {
			t.Errorf("%s: %v %+v", name, err, s)
			continue
		}
		if got := show(b); got != tc.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, tc.want)
		}
	}
}

func TestDamageIsCounted(t *testing.T) {
	good := v3(1, 0, generic([5]uint64{1000, 2000, 9000, 10, 600}, [2]uint16{1000, 80}, 6, 0x12), ipv4(1, 2))
	lying := bytes.Clone(good)
	le.PutUint16(lying[2:], 5000) // longer than the block
	short := bytes.Clone(good)
	le.PutUint16(short[14:], 3) // an element shorter than its header
	huge := file2([][]byte{good}, [][]byte{good})
	le.PutUint32(huge[40+12+len(good)+4:], 1<<30)
	missing := file2([][]byte{good})
	le.PutUint32(missing[36:], 3)
	broken := repack(t, file2([][]byte{good, good, good, good}, [][]byte{good}), 4)
	broken[40+12+4] ^= 0xff
	for name, tc := range map[string]struct {
		in      []byte
		records int
		reason  string
		note    string
	}{
		"record longer than its block": {file2([][]byte{good, lying}, [][]byte{good}), 2, "bad_record", "block 1 at byte 40: a record of 5000 bytes where"},
		"element shorter than itself":  {file2([][]byte{short, good}), 1, "bad_record", "block 1 at byte 40: a record of type 11 is too short"},
		"block of a gigabyte":          {huge, 1, "bad_block", "a block of 1073741824 bytes; the rest of the file is lost"},
		"blocks missing":               {missing, 1, "cut_off", "the header tells of 3 blocks and there are 1"},
		"broken compression":           {broken, 1, "bad_block", "block 1 at byte 40: its compression is damaged"},
		"cut in a block":               {file2([][]byte{good})[:60], 0, "cut_off", "truncated at byte 60: 68 bytes of a block are missing"},
		"cut in a block header":        {file2([][]byte{good})[:45], 0, "cut_off", "truncated at byte 45: 7 bytes of a block header are missing"},
		"no extension map":             {file1([][]byte{common(10, 7, 0, make([]byte, 16)...)}), 0, "missing_map", "extension map is not in the file"},
		"extensions cut": {
			file1([][]byte{extensions(0, 5), common(10, 0, 0, make([]byte, 16)...)}), 0, "bad_record", "a record of type 10 is too short",
		},
	} {
		b, s, err := flowfiletest.Bytes(t, tc.in, nfdump.Format(), flowfile.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b.Len() != tc.records || s.Reasons[tc.reason] != 1 || s.Skipped != 1 || !strings.Contains(s.Notes[0], tc.note) {
			t.Errorf("%s: %d records, %+v; want %d, %s, %q", name, b.Len(), s, tc.records, tc.reason, tc.note)
		}
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	good := file2([][]byte{v3(1, 0, generic([5]uint64{1, 2, 3, 1, 60}, [2]uint16{1, 2}, 6, 0), ipv4(1, 2))})
	edit := func(at int, v byte) []byte {
		out := bytes.Clone(good)
		out[at] = v
		return out
	}
	for name, tc := range map[string]struct {
		in   []byte
		want string
	}{
		"layout 3":            {edit(2, 3), "layout 3; layouts 1 and 2"},
		"encrypted":           {edit(17, 1), "encrypted"},
		"unknown compression": {edit(16, 9), "compression 9, which is not known; convert it with nfdump -r FILE -w NEW -y"},
		"big endian":          {[]byte{0xa5, 0x0c, 0, 1, 0, 0, 0, 0}, "big-endian"},
		"cut in its header":   {good[:30], "cut in its header: 30 of 40 bytes"},
		"cut at once":         {good[:3], "cut in its header"},
	} {
		_, _, err := flowfiletest.Bytes(t, tc.in, nfdump.Format(), flowfile.Options{})
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q in it", name, err, tc.want)
		}
	}
}

func TestTruncated(t *testing.T) {
	rec := v3(1, 0, generic([5]uint64{1000, 2000, 9000, 10, 600}, [2]uint16{1000, 80}, 6, 0x12), ipv4(1, 2))
	block := [][]byte{rec, rec, rec, rec, rec, rec, rec, rec}
	never := func([]byte, int) bool { return false }
	file := file2(block, block, block)
	flowfiletest.Truncations(t, file, nfdump.Format(), 2000, never)
	flowfiletest.Truncations(t, repack(t, file, 3), nfdump.Format(), 2000, never)
	flowfiletest.Truncations(t, repack(t, file, 4), nfdump.Format(), 2000, never)
}

func TestTruncatedRealFiles(t *testing.T) {
	for name, appendix := range map[string]int{"nfdump/slips/test1-malicious.nfdump": 0, "nfdump/derived/nfcapd.pmacct101-v9": 10112} {
		data, err := os.ReadFile(filepath.Join(shareddata.Dir(t), name))
		if err != nil {
			t.Fatal(err)
		}
		flowfiletest.Truncations(t, data, nfdump.Format(), 300, func(_ []byte, cut int) bool { return cut == appendix })
	}
}

func TestOtherFilesAreNotTaken(t *testing.T) {
	flowfiletest.Foreign(t, shareddata.Dir(t), nfdump.Format(), "nfdump/")
}

func FuzzNfdump(f *testing.F) {
	rec := v3(1, 2, generic([5]uint64{1000, 2000, 9000, 10, 600}, [2]uint16{1000, 80}, 6, 0x12), ipv4(1, 2), element(4, make([]byte, 16)...), element(5, words(1, 2, 3)...))
	two := file2([][]byte{sampler(1, -1, 1, 9), rec, rec}, [][]byte{rec})
	f.Add(two)
	f.Add(repack(f, two, 3))
	f.Add(repack(f, two, 4))
	f.Add(file1([][]byte{
		extensions(0, 4, 7, 14, 17, 37), common(10, 0, 0x80, make([]byte, 60)...), common(1, 0, 7, make([]byte, 100)...),
		{9, 0, 16, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 3, 0},
	}))
	for _, option := range []string{"-z", "-j"} { // LZO and bzip2 as nfdump packs them
		f.Add(packedBy(f, two, option))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		flowfiletest.Fuzz(t, data, nfdump.Format())
	})
}

// packedBy has Debian's nfdump write a file again with an option.
func packedBy(tb testing.TB, file []byte, option string) []byte {
	tb.Helper()
	dir := tb.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, file, 0o600); err != nil {
		tb.Fatal(err)
	}
	if text, err := exec.Command(tool(tb, "nfdump"), "-r", in, "-w", out, option).CombinedOutput(); err != nil {
		tb.Fatalf("nfdump: %v: %s", err, text)
	}
	return read(tb, out)
}

func BenchmarkNfdump(b *testing.B) {
	rec := v3(1, 0, generic([5]uint64{1000, 2000, 9000, 10, 600}, [2]uint16{1000, 80}, 6, 0x12), ipv4(1, 2), element(4, make([]byte, 16)...))
	block := make([][]byte, 8000)
	for i := range block {
		block[i] = rec
	}
	file := file2(block, block, block, block, block, block, block, block)
	for name, data := range map[string][]byte{"uncompressed": file, "LZ4": repack(b, file, 3), "zstd": repack(b, file, 4)} {
		b.Run(name, func(b *testing.B) { flowfiletest.Bench(b, data, nfdump.Format()) })
	}
}

// Whoever opens a file is told the addresses of its exporters, in both forms.
func TestExportersAreNamed(t *testing.T) {
	info := func(family, sysid byte, ip ...byte) []byte {
		rec := append([]byte{7, 0, 32, 0, 9, 0, 0, 0}, ip...)
		return append(rec, family, 0, sysid, 0, 0, 0, 0, 0)
	}
	v4 := info(2, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 192)
	v6 := info(10, 9, 0, 0, 0, 0, 0xb8, 0x0d, 1, 0x20, 5, 0, 0, 0, 0, 0, 0, 0)
	got := map[uint32]string{}
	named := func(i uint32, a netip.Addr) { got[i] = a.String() }
	_, s, err := flowfiletest.Bytes(t, file2([][]byte{v4, v6, v4}), nfdump.Format(), flowfile.Options{Exporter: named})
	if err != nil || s.Exporters != 2 || len(got) != 2 || got[0] != "192.0.2.1" || got[1] != "2001:db8::5" {
		t.Errorf("%v, %d exporters: %v", got, s.Exporters, err)
	}
}
