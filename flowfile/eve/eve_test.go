// SPDX-License-Identifier: Apache-2.0

package eve_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"tidewatch/flow"
	"tidewatch/flowfile"
	"tidewatch/flowfile/eve"
	"tidewatch/flowfile/flowfiletest"
	"tidewatch/test/shareddata"
)

const tcp = `{"timestamp":"2021-06-06T15:57:37.272281+0200","flow_id":1,"event_type":"flow","src_ip":"192.168.1.132","src_port":1900,` +
	`"dest_ip":"192.0.2.9","dest_port":443,"proto":"TCP","flow":{"pkts_toserver":12,"pkts_toclient":9,"bytes_toserver":4056,` +
	`"bytes_toclient":900,"start":"2021-06-06T16:38:55.855844+0200","end":"2021-06-06T16:38:56.963027+0200","age":1},` +
	`"tcp":{"tcp_flags":"1f","tcp_flags_ts":"1b","tcp_flags_tc":"1f","syn":true}}` + "\n"

func TestEvents(t *testing.T) {
	edit := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(tcp) }
	for name, tc := range map[string]struct{ in, want string }{
		"flow": {tcp, `1622990335855+1107 192.168.1.132:1900>192.0.2.9:443 p6 ...AP.SF 12/4056 m0
			1622990335855+1107 192.0.2.9:443>192.168.1.132:1900 p6 ...APRSF 9/900 m40`},
		"one direction": {
			edit(`"pkts_toclient":9`, `"pkts_toclient":0`),
			`1622990335855+1107 192.168.1.132:1900>192.0.2.9:443 p6 ...AP.SF 12/4056 m0`,
		},
		"union of flags alone": {
			edit(`"pkts_toclient":9`, `"pkts_toclient":0`, `"tcp_flags_ts":"1b","tcp_flags_tc":"1f",`, ""),
			`1622990335855+1107 192.168.1.132:1900>192.0.2.9:443 p6 ...APRSF 12/4056 m0`,
		},
		"no flags": {
			edit(`"pkts_toclient":9`, `"pkts_toclient":0`, `"tcp":`, `"x":`),
			`1622990335855+1107 192.168.1.132:1900>192.0.2.9:443 p6 ........ 12/4056 m8`,
		},
		"netflow": {
			`{"timestamp":"2021-06-06T15:57:37Z","event_type":"netflow","src_ip":"2001:db8::1","src_port":5,"dest_ip":"2001:db8::2","dest_port":53,` +
				`"proto":"UDP","netflow":{"pkts":2,"bytes":180,"start":"2021-06-06T15:57:30Z","end":"2021-06-06T15:57:31Z"}}`,
			`1622995050000+1000 2001:db8::1:5>2001:db8::2:53 p17 ........ 2/180 m0`,
		},
		"ping": {
			`{"timestamp":"2021-06-06T15:57:37Z","event_type":"flow","src_ip":"10.0.0.1","dest_ip":"10.0.0.2","proto":"ICMP","icmp_type":8,"icmp_code":0,` +
				`"response_icmp_type":0,"response_icmp_code":0,"flow":{"pkts_toserver":1,"pkts_toclient":1,"bytes_toserver":98,"bytes_toclient":98,` +
				`"start":"2021-06-06T15:57:30Z"}}`,
			`1622995050000+7000 10.0.0.1:0>10.0.0.2:2048 p1 ........ 1/98 m0
			 1622995050000+7000 10.0.0.2:0>10.0.0.1:0 p1 ........ 1/98 m40`,
		},
	} {
		b, s, err := flowfiletest.Bytes(t, []byte(tc.in), eve.Format(), flowfile.Options{})
		if err != nil || s.Skipped != 0 {
			t.Errorf("%s: %v %+v", name, err, s)
			continue
		}
		var got []string
		for i := range b.Len() {
			r := b.Record(i)
			got = append(got, fmt.Sprintf("%d+%d %s:%d>%s:%d p%d %s %d/%d m%x", r.Start/1e6, (r.End-r.Start)/1e6, r.Src, r.SrcPort,
				r.Dst, r.DstPort, r.Proto, flow.TCPFlagNames(r.TCPFlags), r.Packets, r.Bytes, uint16(r.Mark&^flow.NoInterface)))
		}
		want := strings.ReplaceAll(tc.want, "\t", "")
		if want = strings.ReplaceAll(want, "\n ", "\n"); strings.Join(got, "\n") != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), want)
		}
	}
}

func TestOtherEventsAreIgnoredAndDamageIsCounted(t *testing.T) {
	in := tcp + `{"timestamp":"2021-06-06T15:57:37Z","event_type":"alert","src_ip":"10.0.0.1"}` + "\n\n" +
		`{"event_type":"dns"}` + "\n" + `{"event_type":"dns"}` + "\n" + // the dns events are whole
		strings.Replace(tcp, "192.0.2.9", "192.0.2", 1) +
		strings.Replace(tcp, `"TCP"`, `"FOO"`, 1) +
		strings.Replace(tcp, `"src_port":1900`, `"src_port":70000`, 1) +
		strings.Replace(tcp, "2021-06-06T16:38:55", "when", 1) +
		strings.Replace(tcp, `"pkts_toserver":12`, `"pkts_toserver":"many"`, 1) +
		strings.Replace(tcp, `"flow":{`, `"stream":{`, 1) +
		"not json\n" + `{"no":"event"}` + "\n" + tcp
	b, s, err := flowfiletest.Bytes(t, []byte(in), eve.Format(), flowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{
		flowfile.ReasonAddress: 1, flowfile.ReasonProtocol: 1, flowfile.ReasonNumber: 2, flowfile.ReasonTime: 1,
		flowfile.ReasonNoField: 2, flowfile.ReasonLine: 1, "ignored_event_alert": 1, "ignored_event_dns": 2,
	}
	if b.Len() != 4 || fmt.Sprint(s.Reasons) != fmt.Sprint(want) || s.Skipped != 8 {
		t.Errorf("%d records, %d skipped, reasons %v, want %v", b.Len(), s.Skipped, s.Reasons, want)
	}
	if s.Notes[0] != `line 6: dest_ip is "192.0.2"` {
		t.Errorf("notes %q", s.Notes)
	}
}

func TestTruncated(t *testing.T) {
	flowfiletest.Truncations(t, []byte(strings.Repeat(tcp, 10)), eve.Format(), 1000, func(data []byte, cut int) bool {
		return data[cut-1] == '\n' || data[cut] == '\n'
	})
}

// TestSuricata counts what INDEX.md tells of the file: 3 512 flow events.
func TestSuricata(t *testing.T) {
	path := filepath.Join(shareddata.Dir(t), "suricata/slips/test6-malicious.suricata.json.gz")
	b, s, err := flowfiletest.Open(t, path, eve.Format(), flowfile.Options{})
	if err != nil || s.Skipped != 0 {
		t.Fatalf("%v %+v", err, s)
	}
	flows := int(s.Reasons["ignored_no_packets"])
	for _, m := range b.Mark {
		if m&flow.Reverse == 0 {
			flows++
		}
	}
	if flows != 3512 || b.Len() != 6047 || s.Reasons["ignored_event_alert"] != 745 {
		t.Errorf("%d flow events, %d records, %v", flows, b.Len(), s.Reasons)
	}
}

func TestOtherFilesAreNotTaken(t *testing.T) {
	flowfiletest.Foreign(t, shareddata.Dir(t), eve.Format(), "suricata/")
}

func FuzzEve(f *testing.F) {
	f.Add([]byte(tcp))
	f.Add([]byte(`{"event_type":"netflow","src_ip":"::1","dest_ip":"::2","proto":"58","netflow":{"pkts":1},"timestamp":"0"}`))
	f.Fuzz(func(t *testing.T, data []byte) { flowfiletest.Fuzz(t, data, eve.Format()) })
}

func BenchmarkEve(b *testing.B) {
	flowfiletest.Bench(b, []byte(strings.Repeat(tcp, 50_000)), eve.Format())
}
