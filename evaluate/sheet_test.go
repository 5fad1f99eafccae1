// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/test/shareddata"
)

const (
	argusRows = `StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label
2026/03/01 00:00:00.000000,1.5,tcp,192.0.2.7,52893,  ->,10.0.0.1,22,CON,0,0,35,3766,1224,flow=From-Botnet-V42-TCP-CC6
2026/03/01 00:10:00.000000,1.0,tcp,10.0.0.1,52893,  ->,2001:db8::7,22,CON,0,0,35,3766,1224,flow=From-Botnet-V42-TCP-CC6
2026/03/01 02:00:00.000000,0,udp,10.0.0.1,1,  ->,192.0.2.7,22,CON,0,0,35,3766,1224,flow=From-Botnet-V42-TCP-CC6
2026/03/01 02:00:00.000000,0,udp,10.0.0.2,1,  ->,192.0.2.8,22,CON,0,0,35,3766,1224,flow=Background-UDP
2026/03/01 02:00:00.000000,0,udp,10.0.0.3,1,  ->,192.0.2.8,22,CON,0,0,35,3766,1224,
2026/03/01 02:00:00.000000,0,arp,ff:ff,1,  ->,aa:aa,22,CON,0,0,35,3766,1224,flow=Background
`
	zeekRows = "#separator \\x09\n#set_separator\t,\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\ttunnel_parents   label   detailed-label\n#types\ttime\n" +
		"1772323200.5\tC1\t10.0.0.1\t1\t192.0.2.7\t23\ttcp\t2.5\t-   Malicious   PartOfAHorizontalPortScan\n" +
		"1772323201.5\tC2\tfd00::2\t1\t2001:db8::1\t23\ttcp\t-\t-   benign   -\n"
	eventRows = `[1772326800.0 -- 2026-03-01 01:00:00 -- 0.00] [INFO] data collection starts
[1772326810.0 -- 2026-03-01 01:00:10 -- 10.00] [BAD-SSH-START] SSH 248 times, target: 10.0.0.6
[1772326820.0 -- 2026-03-01 01:00:20 -- 20.00] [BAD-SSH-END]done
[1772326830.0 -- 2026-03-01 01:00:30 -- 30.00] [GOOD-SSH-START] target: 10.0.0.5 top
`
)

// TestReadSheets: each format is known by its content, and read into events and devices.
func TestReadSheets(t *testing.T) {
	addr := netip.MustParseAddr
	for name, tc := range map[string]struct {
		text string
		want Sheet
	}{
		"binetflow": {argusRows, Sheet{
			Format: "binetflow", Flows: 4, Benign: []netip.Addr{addr("10.0.0.2"), addr("192.0.2.8")},
			Events: []Event{
				{Name: "flow=From-Botnet-V42-TCP-CC6", Class: "c2", Who: []netip.Addr{addr("192.0.2.7"), addr("10.0.0.1"), addr("2001:db8::7")}, From: at(0), To: at(601)},
				{Name: "flow=From-Botnet-V42-TCP-CC6", Class: "c2", Who: []netip.Addr{addr("10.0.0.1"), addr("192.0.2.7")}, From: at(7200), To: at(7200)},
			},
		}},
		"zeek": {zeekRows, Sheet{
			Format: "zeek", Flows: 2, Benign: []netip.Addr{addr("2001:db8::1"), addr("fd00::2")},
			Events: []Event{{Name: "PartOfAHorizontalPortScan", Class: "scan", Subtype: "horizontal", Who: []netip.Addr{addr("10.0.0.1"), addr("192.0.2.7")}, From: at(0.5), To: at(3)}},
		}},
		"westermo": {"sAddress,sIPs,rIPs,start,end,IT_B_Label,IT_M_Label,NST_B_Label,NST_M_Label\nx,10.0.0.1,10.0.0.2,1772323200,1772323201,1,BAD-MITM,0,Normal\nx,10.0.0.1,10.0.0.3,1772323200,1772323202,1,BAD-MITM,1,BAD-MITM\n", Sheet{
			Format: "flows", Flows: 2, Benign: []netip.Addr{addr("10.0.0.2")},
			Events: []Event{{Name: "BAD-MITM", Class: "mitm", Who: []netip.Addr{addr("10.0.0.1"), addr("10.0.0.3")}, From: at(0), To: at(2)}},
		}},
		"events": {eventRows, Sheet{
			Format: "events",
			Events: []Event{
				{Name: "BAD-SSH", Class: "guessing", Who: []netip.Addr{addr("10.0.0.6")}, From: at(10), To: at(20)},
				{Name: "GOOD-SSH", Class: "benign", Who: []netip.Addr{addr("10.0.0.5")}, From: at(30), To: at(30)},
			},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Read(strings.NewReader(tc.text))
			if err != nil || got.Sheet == nil {
				t.Fatalf("%+v %v", got, err)
			}
			got.Sheet.place(at(0))
			opts := cmp.Options{cmpopts.IgnoreUnexported(Event{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}
			if diff := cmp.Diff(&tc.want, got.Sheet, opts); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadOthers(t *testing.T) {
	if got, err := Read(strings.NewReader(columns + "\na.pcap\tddos\tsyn_flood\t\t\t\t\t\t\nb.pcap\tbenign\t\t\t\t\t\t\t\n")); err != nil || len(got.Captures) != 2 {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := Read(strings.NewReader(`{"a.csv": [["2026-03-01 00:00:00.000000", "2026-03-01 00:10:00.000000"]], "b.csv": []}`)); err != nil || len(got.Windows) != 2 || got.Windows["a.csv"][0].To != at(600) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := Read(strings.NewReader("timestamp,value,label\n1772323200,1,0\n")); err != nil || !got.Series {
		t.Errorf("%+v %v", got, err)
	}
	for _, text := range []string{"", "hello\n", "a,b,c\n1,2,3\n"} {
		if _, err := Read(strings.NewReader(text)); !errors.Is(err, ErrNoLabels) {
			t.Errorf("%q: %v", text, err)
		}
	}
	unlabelled, _, _ := strings.Cut(argusRows, "2026")
	if _, err := Read(strings.NewReader(unlabelled + "2026/03/01 00:00:00,1,tcp,10.0.0.1,1,->,10.0.0.2,2,CON,0,0,1,1,1,\n")); err == nil {
		t.Error("a file whose label column is empty counts as labelled")
	}
}

// TestScoreSheet: what finds an event, and whose alarm is false.
func TestScoreSheet(t *testing.T) {
	addr := netip.MustParseAddr
	sheet := func() *Sheet {
		return &Sheet{
			Path: "x", Benign: []netip.Addr{addr("10.0.0.2"), addr("10.0.0.3"), addr("192.0.2.8")},
			Events: []Event{{Name: "scan", Class: "scan", Who: []netip.Addr{addr("10.0.0.1"), addr("192.0.2.7")}, From: at(10), To: at(60)}},
		}
	}
	said := func(subject, kind string, c detect.Category, s detect.Severity, from float64) incident.Incident {
		return incident.Incident{ID: subject + kind, Subject: subject, Kind: kind, Category: c, Severity: s, Started: at(from), Detected: at(from + 5), LastSeen: at(from + 50)}
	}
	for name, tc := range map[string]struct {
		incidents       []incident.Incident
		detected, right bool
		beside          int
		alerts          map[detect.Severity]int
		perWeek         float64
		confused        string
	}{
		"nothing":          {nil, false, false, 0, map[detect.Severity]int{}, 0, "nothing 1"},
		"right":            {[]incident.Incident{said("10.0.0.1", "host_scan", detect.Reconnaissance, detect.Medium, 20)}, true, true, 0, map[detect.Severity]int{}, 0, "host_scan 1"},
		"another kind":     {[]incident.Incident{said("10.0.0.1", "beacon", detect.CommandControl, detect.High, 20)}, true, false, 0, map[detect.Severity]int{}, 0, "beacon 1"},
		"too weak":         {[]incident.Incident{said("10.0.0.1", "host_scan", detect.Reconnaissance, detect.Low, 20)}, false, false, 0, map[detect.Severity]int{}, 0, "nothing 1"},
		"too late":         {[]incident.Incident{said("10.0.0.1", "host_scan", detect.Reconnaissance, detect.Medium, 2000)}, false, false, 1, map[detect.Severity]int{}, 0, "nothing 1"},
		"of a good device": {[]incident.Incident{said("10.0.0.2", "host_scan", detect.Reconnaissance, detect.High, 20)}, false, false, 0, map[detect.Severity]int{detect.High: 1}, 1, "nothing 1"},
		"of another's":     {[]incident.Incident{said("192.0.2.8", "host_scan", detect.Reconnaissance, detect.High, 20)}, false, false, 1, map[detect.Severity]int{}, 0, "nothing 1"},
	} {
		got, err := ScoreSheet(sheet(), &Result{Incidents: tc.incidents, Duration: 84 * time.Hour, Began: at(0)})
		if err != nil {
			t.Fatal(err)
		}
		e := got.Events[0]
		if e.Detected != tc.detected || e.Right != tc.right || got.Beside != tc.beside || got.BenignDevices != 2 || got.DeviceWeeks != 1 {
			t.Errorf("%s: %+v", name, got)
		}
		if tc.detected && e.Seconds != 15 {
			t.Errorf("%s: %g s", name, e.Seconds)
		}
		if diff := cmp.Diff(tc.alerts, got.Alerts); diff != "" || got.PerDeviceWeek[detect.High] != tc.perWeek {
			t.Errorf("%s: %s %v", name, diff, got.PerDeviceWeek)
		}
		if c := got.Confusion[len(got.Confusion)-1]; c.Class != "scan" || c.Text() != tc.confused {
			t.Errorf("%s: %+v", name, got.Confusion)
		}
	}
}

// TestRealSheets reads the labels of real data sets.
func TestRealSheets(t *testing.T) {
	dir := shareddata.Dir(t)
	open := func(path string) *os.File {
		f, err := os.Open(filepath.Join(dir, filepath.FromSlash(path)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	got, err := Read(open("zeek/iot23-devarship/CTU-Honeypot-Capture-4-1/bro/conn.log.labeled"))
	if err != nil || got.Sheet.Flows != 452 || len(got.Sheet.Events) != 0 || got.Sheet.Lost != 0 {
		t.Errorf("%+v %v", got, err)
	}
	got, err = Read(open("flows/westermo/events.txt"))
	if err != nil || len(got.Sheet.Events) != 47 {
		t.Errorf("%+v %v", got, err)
	}
	for i := range got.Sheet.Events {
		if e := &got.Sheet.Events[i]; e.Class == "unknown" || e.until < e.after || len(e.Who) == 0 && e.Class != "mitm" {
			t.Errorf("%+v", e)
		}
	}
}

// FuzzRead: no label file, however made, may break reading or grow without bound.
func FuzzRead(f *testing.F) {
	for _, s := range []string{argusRows, zeekRows, eventRows, columns + "\n", `{"a": [["2026-03-01 00:00:00", "2026-03-01 00:00:00"]]}`, "timestamp,value,label\n1,2,3\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Read(strings.NewReader(text))
		if err == nil && got.Sheet != nil && (len(got.Sheet.Events) > maxEvents || len(got.Sheet.Benign) > maxDevices) {
			t.Errorf("%d events, %d devices", len(got.Sheet.Events), len(got.Sheet.Benign))
		}
		_, _ = ReadSeries(strings.NewReader(text))
	})
}
