// SPDX-License-Identifier: Apache-2.0

package zeek_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"tidewatch/flow"
	"tidewatch/flowfile"
	"tidewatch/flowfile/flowfiletest"
	"tidewatch/flowfile/zeek"
	"tidewatch/test/shareddata"
)

const header = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n" +
	"#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\t" +
	"conn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\n" +
	"#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tbool\tcount\tstring\t" +
	"count\tcount\tcount\tcount\tset[string]\n"

func tsv(cells string) string { return strings.ReplaceAll(cells, " ", "\t") + "\n" }

// show writes a batch line by line, without the mark that Zeek names no interface.
func show(b *flow.Batch) []string {
	var out []string
	for i := range b.Len() {
		r := b.Record(i)
		out = append(out, fmt.Sprintf("%d+%d %s:%d>%s:%d p%d %s %d/%d m%x s%d", r.Start/1e6, (r.End-r.Start)/1e6, r.Src, r.SrcPort,
			r.Dst, r.DstPort, r.Proto, flow.TCPFlagNames(r.TCPFlags), r.Packets, r.Bytes, uint16(r.Mark&^flow.NoInterface), r.Sampling))
	}
	return out
}

func TestConnections(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"session": {
			header + tsv("1547127288.026074 C1 192.168.1.197 58312 104.24.96.120 80 tcp http 3.909013 83 67212 SF - - 0 ShADadttFf 54 3371 50 69224 -"),
			`1547127288026+3909 192.168.1.197:58312>104.24.96.120:80 p6 ...AP.SF 54/3371 m0 s1
			 1547127288026+3909 104.24.96.120:80>192.168.1.197:58312 p6 ...AP.SF 50/69224 m40 s1`,
		},
		"rejected scan": {
			header + tsv("100.5 C1 10.0.0.1 1288 10.0.0.2 30003 tcp - 0.000062 0 0 REJ F T 0 Sr 1 60 1 40 -"),
			`100500+0 10.0.0.1:1288>10.0.0.2:30003 p6 ......S. 1/60 m0 s1
			 100500+0 10.0.0.2:30003>10.0.0.1:1288 p6 .....R.. 1/40 m40 s1`,
		},
		"unanswered, unset duration": {
			header + tsv("100 C1 2001:db8::1 85 2001:db8::2 53 udp dns - - - S0 T F 0 D 1 85 0 0 -"),
			`100000+0 2001:db8::1:85>2001:db8::2:53 p17 ........ 1/85 m0 s1`,
		},
		"no history": {
			header + tsv("100 C1 10.0.0.1 1 10.0.0.2 2 tcp - 1 0 0 S0 - - 0 - 3 180 0 0 -"),
			`100000+1000 10.0.0.1:1>10.0.0.2:2 p6 ......S. 3/180 m0 s1`,
		},
		"flags unknown": {
			header + tsv("100 C1 10.0.0.1 1 10.0.0.2 2 tcp - 1 0 0 OTH - - 0 Cc 3 180 0 0 -"),
			`100000+1000 10.0.0.1:1>10.0.0.2:2 p6 ........ 3/180 m8 s1`,
		},
		"ping": {
			header + tsv("100 C1 10.0.0.1 8 10.0.0.2 0 icmp - 1 56 56 OTH - - 0 - 1 84 1 84 -"),
			`100000+1000 10.0.0.1:0>10.0.0.2:2048 p1 ........ 1/84 m0 s1
			 100000+1000 10.0.0.2:0>10.0.0.1:0 p1 ........ 1/84 m40 s1`,
		},
		"ping of IPv6": {
			header + tsv("100 C1 fe80::1 128 fe80::2 129 icmp - 1 56 56 OTH - - 0 - 1 84 1 84 -"),
			`100000+1000 fe80::1:0>fe80::2:32768 p58 ........ 1/84 m0 s1
			 100000+1000 fe80::2:0>fe80::1:33024 p58 ........ 1/84 m40 s1`,
		},
		"port unreachable": {
			header + tsv("100 C1 10.0.0.1 3 10.0.0.2 3 icmp - 1 56 0 OTH - - 0 - 1 84 0 0 -"),
			`100000+1000 10.0.0.1:0>10.0.0.2:771 p1 ........ 1/84 m0 s1`,
		},
		"unknown transport": {
			header + tsv("100 C1 10.0.0.1 0 10.0.0.2 0 unknown_transport - 1 56 0 OTH - - 0 - 1 84 0 0 -"),
			`100000+1000 10.0.0.1:0>10.0.0.2:0 p255 ........ 1/84 m0 s1`,
		},
		"json": {
			`{"ts":22.335172,"id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"10.0.0.2","id.resp_p":53,"proto":"udp",` +
				`"duration":0.5,"conn_state":"S0","history":"D","orig_pkts":2,"orig_ip_bytes":146,"resp_pkts":0,"resp_ip_bytes":0}` + "\n",
			`22335+500 10.0.0.1:1>10.0.0.2:53 p17 ........ 2/146 m0 s1`,
		},
		"json with other names and written times": {
			`{"@stream":"dns","ts":"2020-04-30T00:06:39.000Z"}` + "\n" +
				`{"@stream":"conn","ts":"2020-04-30T00:06:39.500Z","id_orig_h":"10.0.0.1","id_orig_p":1,"id_resp_h":"10.0.0.2",` +
				`"id_resp_p":53,"proto":"udp","orig_pkts":2,"orig_ip_bytes":146}` + "\n",
			`1588205199500+0 10.0.0.1:1>10.0.0.2:53 p17 ........ 2/146 m0 s1`,
		},
		"columns in another order, without packet counts": {
			"#fields\tproto\tid.resp_h\tid.resp_p\tid.orig_h\tid.orig_p\tts\torig_bytes\tresp_bytes\n" + tsv("udp 10.0.0.2 53 10.0.0.1 99 100 3000 0"),
			`100000+0 10.0.0.1:99>10.0.0.2:53 p17 ........ 3/3000 m0 s1`,
		},
		"sorted by end, not by start": {
			header + tsv("100 C1 10.0.0.1 1 10.0.0.2 2 udp - 9 0 0 S0 - - 0 - 1 60 0 0 -") +
				tsv("101 C1 10.0.0.1 3 10.0.0.2 2 udp - 1 0 0 S0 - - 0 - 1 60 0 0 -"),
			`101000+1000 10.0.0.1:3>10.0.0.2:2 p17 ........ 1/60 m0 s1
			 100000+9000 10.0.0.1:1>10.0.0.2:2 p17 ........ 1/60 m0 s1`,
		},
	} {
		b, s, err := flowfiletest.Bytes(t, []byte(tc.in), zeek.Format(), flowfile.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := strings.Join(show(b), "\n")
		if want := strings.ReplaceAll(strings.ReplaceAll(tc.want, "\t", ""), "\n ", "\n"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
		if s.Skipped != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestDamagedLinesAreSkippedAndCounted(t *testing.T) {
	good := "100 C1 10.0.0.1 1 10.0.0.2 2 udp - 9 0 0 S0 - - 0 - 1 60 0 0 -"
	edit := func(old, with string) string { return tsv(strings.Replace(good, old, with, 1)) }
	in := header + tsv(good) +
		edit("100 ", "soon ") + edit("10.0.0.1 ", "10.0.0.999 ") + edit("udp", "smoke") + edit(" 1 60", " -7 60") +
		edit(" 9 ", " forever ") + edit("10.0.0.2 ", "- ") + "10.0.0.1\n" + tsv(good) + "#close\t2020\n"
	b, s, err := flowfiletest.Bytes(t, []byte(in), zeek.Format(), flowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{
		flowfile.ReasonTime: 2, flowfile.ReasonAddress: 1, flowfile.ReasonProtocol: 1, flowfile.ReasonNumber: 1,
		flowfile.ReasonNoField: 1, flowfile.ReasonLine: 1,
	}
	if b.Len() != 2 || fmt.Sprint(s.Reasons) != fmt.Sprint(want) {
		t.Errorf("%d records, reasons %v, want %v", b.Len(), s.Reasons, want)
	}
	if s.Notes[0] != `line 9: ts is "soon"` {
		t.Errorf("notes %q", s.Notes)
	}
}

func TestOtherLogsAreRefused(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"dns":          {strings.Replace(header, "#path\tconn", "#path\tdns", 1), "Zeek's dns.log has no flows"},
		"no path":      {"#separator \\x09\n#fields\tts\tuid\tquery\n", "without the columns of conn.log"},
		"json by path": {`{"_path":"ssl","ts":1,"id.orig_h":"10.0.0.1"}` + "\n", "Zeek's ssl.log has no flows"},
		"json":         {`{"ts":1,"id.orig_h":"10.0.0.1","query":"x"}` + "\n", "without the columns of conn.log"},
	} {
		if !zeek.Format().Detect([]byte(tc.in)) {
			t.Errorf("%s: not detected", name)
		}
		_, _, err := flowfiletest.Bytes(t, []byte(tc.in), zeek.Format(), flowfile.Options{})
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want %q in it", name, err, tc.want)
		}
	}
}

func TestSamplingOption(t *testing.T) {
	in := header + tsv("100 C1 10.0.0.1 1 10.0.0.2 2 udp - 9 0 0 S0 - - 0 - 1 60 0 0 -")
	b, _, err := flowfiletest.Bytes(t, []byte(in), zeek.Format(), flowfile.Options{Sampling: 50})
	if err != nil || b.Sampling[0] != 50 || b.Packets[0] != 1 {
		t.Errorf("%v, sampling %v, packets %v", err, b.Sampling, b.Packets)
	}
}

func TestTruncated(t *testing.T) {
	in := header + strings.Repeat(tsv("100.25 C1 10.0.0.1 1 10.0.0.2 2 tcp - 9.5 0 0 SF - - 0 ShAFa 14 860 10 600 -"), 20)
	lineEnd := func(data []byte, cut int) bool {
		// A line is whole up to its last column; in the header nothing is a record.
		rest := string(data[cut:])
		return cut <= len(header) || data[cut-1] == '\n' || rest[0] == '\n' || strings.HasPrefix(rest, "-\n")
	}
	flowfiletest.Truncations(t, []byte(in), zeek.Format(), 1000, lineEnd)
	json := strings.Repeat(`{"ts":22.335172,"id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"10.0.0.2","id.resp_p":53,"proto":"udp",`+
		`"orig_pkts":2,"orig_ip_bytes":146}`+"\n", 20)
	flowfiletest.Truncations(t, []byte(json), zeek.Format(), 1000, func(data []byte, cut int) bool {
		return data[cut-1] == '\n' || data[cut] == '\n'
	})
}

func FuzzZeek(f *testing.F) {
	f.Add([]byte(header + tsv("100 C1 10.0.0.1 1 10.0.0.2 2 tcp - 9 0 0 SF - - 0 ShAdDaFf 1 60 2 80 -")))
	f.Add([]byte(header + tsv("100 C1 fe80::1 128 fe80::2 129 icmp - 1 56 56 OTH - - 0 - 1 84 1 84 -") + "#close\n"))
	f.Add([]byte(`{"ts":22.3,"id.orig_h":"10.0.0.1","id.resp_h":"10.0.0.2","proto":"udp","orig_pkts":2,"duration":1e3}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) { flowfiletest.Fuzz(t, data, zeek.Format()) })
}

func BenchmarkZeek(b *testing.B) {
	line := tsv("1547127288.026074 CXY5uG2sSmjJ0grfY2 192.168.1.197 58312 104.24.96.120 80 tcp http 3.909013 83 67212 SF - - 4380 ShADadttFf 54 3371 50 69224 -")
	json := `{"ts":26.38,"uid":"Clie9n1LVZgk5YlTh5","id.orig_h":"192.168.1.240","id.orig_p":63386,"id.resp_h":"173.194.76.189","id.resp_p":443,` +
		`"proto":"udp","duration":12.821130990982056,"orig_bytes":264,"resp_bytes":181,"conn_state":"SF","local_orig":true,"local_resp":false,` +
		`"missed_bytes":0,"history":"Dd","orig_pkts":8,"orig_ip_bytes":488,"resp_pkts":7,"resp_ip_bytes":377,"orig_l2_addr":"08:00:07:f8:3d:02"}` + "\n"
	for name, data := range map[string]string{"tab separated": header + strings.Repeat(line, 50_000), "JSON": strings.Repeat(json, 50_000)} {
		b.Run(name, func(b *testing.B) { flowfiletest.Bench(b, []byte(data), zeek.Format()) })
	}
}

func TestSharedData(t *testing.T) {
	flowfiletest.Shared(t, shareddata.Dir(t), zeek.Format(), map[string]string{
		"zeek/slips/test10-mixed-zeek-dir/conn.log":                                 "223 records",
		"zeek/slips/test9-mixed-zeek-dir/conn.log":                                  "1107 records",
		"zeek/slips/test14-malicious-zeek-dir/conn.log":                             "5 records",
		"zeek/slips/test15-malicious-zeek-dir/conn.log":                             "4 records",
		"zeek/slips/test9-mixed-zeek-dir/dns.log":                                   "without the columns of conn.log",
		"zeek/slips/test9-mixed-zeek-dir/files.log.gz":                              "without the columns of conn.log",
		"zeek/slips/test10-mixed-zeek-dir/ssl.log":                                  "Zeek's ssl.log has no flows",
		"zeek/iot23-devarship/CTU-Honeypot-Capture-4-1/bro/conn.log.labeled":        "890 records",
		"zeek/iot23-devarship/CTU-IoT-Malware-Capture-42-1/bro/conn.log.labeled.gz": "7287 records",
		"zeek/apt29/apt29/day1/zeek/combined_zeek.log.gz":                           "1174 records",
		"zeek/data-leak-detector/conn_dataset/good/conn.log":                        "2564 records",
		"zeek/data-leak-detector/dns_dataset/good/dns.log.gz":                       "Zeek's dns.log has no flows",
		"zeek/rita-3days-beacon/2024-04-19/open_conn.00:00:00-01:00:00.log.gz":      "2 records",
	})
}

// TestRitaHasEveryConnection counts connections the way INDEX.md does: 105 918
// lines in 72 files.
func TestRitaHasEveryConnection(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shareddata.Dir(t), "zeek/rita-3days-beacon/*/conn.*.log.gz"))
	if err != nil || len(files) != 72 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	connections := 0
	for _, path := range files {
		b, s, err := flowfiletest.Open(t, path, zeek.Format(), flowfile.Options{})
		if err != nil || s.Skipped > 0 {
			t.Fatalf("%s: %v %+v", path, err, s)
		}
		connections += int(s.Reasons[flowfile.IgnoredPrefix+"no_packets"])
		connections += countConnections(b)
	}
	if connections != 105_918 {
		t.Errorf("%d connections, want 105 918", connections)
	}
}

// countConnections counts both records of a connection once.
func countConnections(b *flow.Batch) int {
	type pair struct {
		start, end int64
		from, to   flow.Addr
		fp, tp     uint16
	}
	n, first := 0, map[pair]int{}
	for i := range b.Len() {
		if r := b.Record(i); r.Mark&flow.Reverse == 0 {
			n++
			if r.Proto == flow.ProtoICMP {
				r.DstPort = 0
			}
			first[pair{r.Start, r.End, r.Src, r.Dst, r.SrcPort, r.DstPort}]++
		}
	}
	for i := range b.Len() {
		if r := b.Record(i); r.Mark&flow.Reverse != 0 {
			if r.Proto == flow.ProtoICMP {
				r.DstPort = 0
			}
			k := pair{r.Start, r.End, r.Dst, r.Src, r.DstPort, r.SrcPort}
			if first[k] == 0 { // the responder alone had packets
				n++
				continue
			}
			first[k]--
		}
	}
	return n
}

func TestOtherFilesAreNotTaken(t *testing.T) {
	flowfiletest.Foreign(t, shareddata.Dir(t), zeek.Format(), "zeek/")
}

// A connection that is still open is told again and again: each line is its last
// minute, a piece as routers export them, whose flags do not begin one.
func TestOpenConnections(t *testing.T) {
	open := strings.Replace(header, "#path\tconn", "#path\topen_conn", 1)
	for _, hour := range []string{"3600", "7200"} {
		in := open + tsv("1000 C1 10.0.0.1 40000 192.0.2.7 22 tcp ssh "+hour+" 0 0 S1 - - 0 ShADad 120 "+hour+"0 60 "+hour+" -")
		b, _, err := flowfiletest.Bytes(t, []byte(in), zeek.Format(), flowfile.Options{})
		if err != nil || b.Len() != 2 {
			t.Fatalf("%d records, %v", b.Len(), err)
		}
		r := b.Record(0)
		if r.End-r.Start != 60e9 || r.Bytes != 600 || r.Packets < 1 || r.Packets > 2 || r.TCPFlags&flow.SYN != 0 || r.TCPFlags&flow.ACK == 0 {
			t.Errorf("after %s s: %+v", hour, r)
		}
	}
}
