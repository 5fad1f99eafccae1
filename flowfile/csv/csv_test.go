// SPDX-License-Identifier: Apache-2.0

package csv_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tidewatch/flow"
	"tidewatch/flowfile"
	"tidewatch/flowfile/csv"
	"tidewatch/flowfile/flowfiletest"
	"tidewatch/test/shareddata"
)

func show(b *flow.Batch) string {
	var out []string
	for i := range b.Len() {
		r := b.Record(i)
		out = append(out, fmt.Sprintf("%d+%d %s:%d>%s:%d p%d %s %d/%d m%x s%d", r.Start/1e6, (r.End-r.Start)/1e6, r.Src, r.SrcPort,
			r.Dst, r.DstPort, r.Proto, flow.TCPFlagNames(r.TCPFlags), r.Packets, r.Bytes, uint16(r.Mark), r.Sampling))
	}
	return strings.Join(out, "\n")
}

const argus = "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label\n"

func TestRows(t *testing.T) {
	east := time.FixedZone("east", 3600)
	for name, tc := range map[string]struct {
		in, want string
		o        flowfile.Options
	}{
		"own header": {
			in: "start,end,src,dst,src_port,dst_port,proto,tcp_flags,packets,bytes,sampling,in_if,out_if\n" +
				"2024-01-02T03:04:05Z,2024-01-02T03:04:06.5Z,10.0.0.1,10.0.0.2,1000,80,tcp,S,3,180,100,1,2\n",
			want: "1704164645000+1500 10.0.0.1:1000>10.0.0.2:80 p6 ......S. 3/180 m0 s100",
		},
		"other order, semicolons, quotes, epoch, duration": {
			in:   "\"Bytes\";\"Packets\";proto;dst ip;src ip;Duration;Start Time\n\"180\";3;17;2001:db8::2;\"2001:db8::1\";1.5;1704164645.25\n",
			want: "1704164645250+1500 2001:db8::1:0>2001:db8::2:0 p17 ........ 3/180 m6 s1",
		},
		"tabs, both directions, zone, sampling option": {
			in: "# made by hand\nstart\tsrc\tdst\tsrc_port\tdst_port\tproto\ttcp_flags\tpackets\tbytes\trev_packets\trev_bytes\trev_tcp_flags\n" +
				"2024-01-02 03:04:05\t10.0.0.1\t10.0.0.2\t1\t2\tTCP\t0x02\t3\t180\t2\t90\t20\n",
			o: flowfile.Options{Zone: east, Sampling: 10},
			want: "1704161045000+0 10.0.0.1:1>10.0.0.2:2 p6 ......S. 3/180 m4 s10\n" +
				"1704161045000+0 10.0.0.2:2>10.0.0.1:1 p6 ...A.R.. 2/90 m44 s10",
		},
		"no flags known": {
			in:   "start,src,dst,proto,packets,bytes\n0,10.0.0.1,10.0.0.2,6,1,40\n",
			want: "0+0 10.0.0.1:0>10.0.0.2:0 p6 ........ 1/40 me s1",
		},
		"ICMP as nfdump writes it, and its table of totals": {
			in: "ts,te,td,sa,da,sp,dp,pr,flg,ipkt,ibyt,in,out\n2024-01-02 03:04:05,2024-01-02 03:04:05,0.0,10.0.0.1,10.0.0.2,0,8.0,ICMP,........,1,84,1,0\n" +
				"Summary\nflows,bytes,packets\n1,84,1\n",
			want: "1704164645000+0 10.0.0.1:0>10.0.0.2:2048 p1 ........ 1/84 m2 s1",
		},
		"ICMP in columns": {
			in:   "start,src,dst,proto,packets,bytes,icmp_type,icmp_code\n0,10.0.0.1,10.0.0.2,icmp,1,40,3,4\n",
			want: "0+0 10.0.0.1:0>10.0.0.2:772 p1 ........ 1/40 m6 s1",
		},
		"Westermo": {
			in: "sIPs,rIPs,protocol,start,end,sPackets,rPackets,sBytesSum,rBytesSum,sAckRate,rAckRate,sSynRate,rSynRate\n" +
				"198.18.134.11,198.18.134.12,IPV4-TCP,100.5,101,42,30,2478,1866,1.0,0.5,0.0,0.1\n,,ARP,0,0,4,0,240,0,,,,\n",
			want: "100500+500 198.18.134.11:0>198.18.134.12:0 p6 ...A.... 42/2478 m6 s1\n" +
				"100500+500 198.18.134.12:0>198.18.134.11:0 p6 ...A..S. 30/1866 m46 s1",
		},
		"binetflow": {
			in:   argus + "2019/04/04 16:23:00.325010,1.5,tcp,10.8.0.69,48427,   ->,8.8.8.8,0x01bb,FSPA_SRA,0,0,10,1000,250,flow=x,y\n",
			want: "1554394980325+1500 10.8.0.69:48427>8.8.8.8:443 p6 ...AP.SF 3/250 m4 s1\n1554394980325+1500 8.8.8.8:443>10.8.0.69:48427 p6 ...A.RS. 7/750 m44 s1",
		},
		"binetflow with packets of the source": {
			in: strings.Replace(argus, "SrcBytes", "SrcBytes,SrcPkts", 1) +
				"1970/01/01 00:00:00,0,udp,10.8.0.69,5,  <-> ,8.8.8.8,53,CON,0,0,10,1000,250,9,\n",
			want: "0+0 10.8.0.69:5>8.8.8.8:53 p17 ........ 9/250 m4 s1\n0+0 8.8.8.8:53>10.8.0.69:5 p17 ........ 1/750 m44 s1",
		},
		"binetflow opened by the second address": {
			in:   argus + "1970/01/01 00:00:00,0,udp,10.8.0.69,5,  <-,8.8.8.8,53,INT,0,,1,100,100,\n",
			want: "0+0 10.8.0.69:5>8.8.8.8:53 p17 ........ 1/100 m44 s1",
		},
		"binetflow ICMP, and a request without answer": {
			in: argus + "1970/01/01 00:00:00,0,icmp,10.8.0.69,0x0403,  ->,8.8.8.8,0x0000,URF,0,,1,100,100,\n" +
				"1970/01/01 00:00:01,0,tcp,10.8.0.69,99,  ->,8.8.8.8,443,REQ,0,,2,120,120,\n" +
				"1970/01/01 00:00:01,0,arp,10.8.0.69,,  who,8.8.8.8,,CON,,,2,120,60,\n",
			want: "0+0 10.8.0.69:0>8.8.8.8:772 p1 ........ 1/100 m4 s1\n1000+0 10.8.0.69:99>8.8.8.8:443 p6 ......S. 2/120 m4 s1",
		},
	} {
		b, s, err := flowfiletest.Bytes(t, []byte(tc.in), csv.Format(), tc.o)
		if err != nil || s.Skipped != 0 {
			t.Errorf("%s: %v %+v", name, err, s)
			continue
		}
		if got := show(b); got != tc.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, tc.want)
		}
	}
}

func TestDamagedRowsAreSkippedAndCounted(t *testing.T) {
	good := "100,10.0.0.1,10.0.0.2,1,2,tcp,S,3,180\n"
	edit := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	head := "start,src,dst,src_port,dst_port,proto,tcp_flags,packets,bytes\n"
	in := head + good + edit("100,", "soon,") + edit("10.0.0.2", "nobody") + edit("tcp", "smoke") + edit(",180", ",-5") +
		edit(",1,", ",65536,") + edit(",S,", ",Q,") + edit("3,180", ",180") + "100,10.0.0.1\n" + head + edit(",3,", ",0,") + good
	b, s, err := flowfiletest.Bytes(t, []byte(in), csv.Format(), flowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{
		flowfile.ReasonTime: 1, flowfile.ReasonAddress: 1, flowfile.ReasonProtocol: 1, flowfile.ReasonNumber: 3,
		flowfile.ReasonNoField: 1, flowfile.ReasonLine: 1, "ignored_no_packets": 1,
	}
	if b.Len() != 2 || fmt.Sprint(s.Reasons) != fmt.Sprint(want) {
		t.Errorf("%d records, reasons %v, want %v", b.Len(), s.Reasons, want)
	}
	if s.Notes[0] != `line 3: start is "soon"` {
		t.Errorf("notes %q", s.Notes)
	}
}

func TestHeadersWithoutFlowsAreRefused(t *testing.T) {
	for in, want := range map[string]string{
		"date,l_ipn,r_asn,f\n2006-07-01,0,701,1\n":     `the header lacks start, src, dst, proto, packets, bytes; it has "date, l_ipn, r_asn, f"`,
		"start,src,dst,proto,packets\n1,1.1.1.1,2,3\n": "the header lacks bytes",
		"a,b,c":  "the header lacks",
		"hello,": "the header lacks",
	} {
		_, _, err := flowfiletest.Bytes(t, []byte(in), csv.Format(), flowfile.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q in it", in, err, want)
		}
	}
}

func TestDetect(t *testing.T) {
	for in, want := range map[string][2]bool{
		argus:                                  {true, true},
		"start,src,dst,proto,packets,bytes\n1": {true, false},
		"date,l_ipn,r_asn,f\n":                 {true, false}, // refused by Open, with what it lacks
		"one, two\n":                           {false, false},
		"2024-01-02,10.0.0.1,10.0.0.2,6\n":     {false, false},
		"Dear reader, this is prose! Yes, it is, and so on\n": {false, false},
		"{\"a\":1,\"b\":2,\"c\":3}\n":                         {false, false},
		"":                                                    {false, false},
	} {
		if got := [2]bool{csv.Format().Detect([]byte(in)), csv.Binetflow().Detect([]byte(in))}; got != want {
			t.Errorf("%q: csv, binetflow = %v, want %v", in, got, want)
		}
	}
}

func TestTruncated(t *testing.T) {
	row := "2019/04/04 16:23:00.325010,1.500000,tcp,10.8.0.69,48427,   ->,8.8.8.8,443,FSPA_SRA,0,0,10,1000,250,x\n"
	flowfiletest.Truncations(t, []byte(argus+strings.Repeat(row, 20)), csv.Binetflow(), 3000, func(data []byte, cut int) bool {
		// The label may be empty, so a row is whole once its last comma is there.
		return cut <= len(argus) || data[cut-1] == '\n' || data[cut] == '\n' || data[cut] == 'x'
	})
}

func TestSharedData(t *testing.T) {
	flowfiletest.Shared(t, shareddata.Dir(t), csv.Binetflow(), map[string]string{
		"flows/slips-binetflow/test2-malicious.binetflow.gz": "13412 records",
		"flows/slips-binetflow/test4-malicious.binetflow":    "512 records",
	})
	flowfiletest.Shared(t, shareddata.Dir(t), csv.Format(), map[string]string{
		"flows/westermo/output_bottom.csv.gz":       "30351 records",
		"flows/westermo/output_left.csv.gz":         "3455 records",
		"flows/westermo/output_right.csv.gz":        "786 records",
		"flows/cs448b-ipasn/cs448b_hosts_01258.csv": "the header lacks start, src, dst, proto, packets, bytes",
		"flows/westermo/README.md":                  "none of the known formats",
		"flows/westermo/events.txt":                 "none of the known formats",
	})
}

func TestOtherFilesAreNotTaken(t *testing.T) {
	flowfiletest.Foreign(t, shareddata.Dir(t), csv.Format(), "flows/", "timeseries/", "labels.tsv", "c2/mta-headers/labels.tsv")
	flowfiletest.Foreign(t, shareddata.Dir(t), csv.Binetflow(), "flows/slips-binetflow")
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("start,end,src,dst,src_port,dst_port,proto,tcp_flags,packets,bytes\n1,2,10.0.0.1,10.0.0.2,1,2,tcp,S,3,180\n"))
	f.Add([]byte(argus + "2019/04/04 16:23:00.325010,1.5,tcp,10.8.0.69,48427,   ->,8.8.8.8,0x01bb,FSPA_SRA,0,0,10,1000,250,\n"))
	f.Add([]byte("\"start\";\"src\";dst;proto;packets;bytes;dp\n0;\"::1\";::2;icmp;1;40;8.0\n"))
	f.Fuzz(func(t *testing.T, data []byte) { flowfiletest.Fuzz(t, data, csv.Format()) })
}

func BenchmarkCSV(b *testing.B) {
	own := "start,end,src,dst,src_port,dst_port,proto,tcp_flags,packets,bytes\n" + strings.Repeat(
		"2024-01-02T03:04:05.123Z,2024-01-02T03:04:06.5Z,10.0.0.1,192.168.100.200,1000,80,tcp,.A..S.,3,180\n", 50_000)
	bi := argus + strings.Repeat("2019/04/04 16:23:00.325010,1.5,tcp,10.8.0.69,48427,   ->,8.8.8.8,443,FSPA_SRA,0,0,10,1000,250,flow=x\n", 50_000)
	b.Run("own header", func(b *testing.B) { flowfiletest.Bench(b, []byte(own), csv.Format()) })
	b.Run("binetflow", func(b *testing.B) { flowfiletest.Bench(b, []byte(bi), csv.Binetflow()) })
}
