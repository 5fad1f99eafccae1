// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"bytes"
	"encoding/json"
	"flag"
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

var update = flag.Bool("update", false, "rewrite the golden files")

func at(s float64) time.Time {
	return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(s * float64(time.Second)))
}

// ddos is an incident about 192.0.2.10, detected two seconds after the start.
func ddos(change func(*incident.Incident)) incident.Incident {
	i := incident.Incident{
		ID: "inc-1", Category: detect.DDoSAttack, Kind: "ddos", Vector: "syn_flood", Subject: "192.0.2.10",
		Severity: detect.High, Detected: at(2),
		Metrics: detect.Metrics{PeakPacketsPerSecond: 20_000, PeakBitsPerSecond: 9.6e6},
	}
	if change != nil {
		change(&i)
	}
	return i
}

func label(class, subtype string, who ...string) Label {
	l := Label{Path: "x.pcap", Class: class, Subtype: subtype, First: at(0), Duration: 84 * time.Hour}
	for _, s := range who {
		l.Who = append(l.Who, netip.MustParseAddr(s))
	}
	return l
}

// TestScore says when an attack counts as found and normal traffic as quiet.
func TestScore(t *testing.T) {
	subject := func(s string) func(*incident.Incident) {
		return func(i *incident.Incident) { i.ID, i.Subject = "inc-2", s }
	}
	flood := label("ddos", "syn_flood", "192.0.2.10")
	for name, tc := range map[string]struct {
		label     Label
		incidents []incident.Incident
		want      Capture // what matters of it
	}{
		"found": {
			flood,
			[]incident.Incident{ddos(nil)},
			Capture{OK: true, Severity: detect.High, VectorRight: true, SecondsToDetect: 2, Reason: "high: SYN flood on"},
		},
		"found by the first of two": {
			flood,
			[]incident.Incident{ddos(func(i *incident.Incident) { i.Detected = at(60) }), ddos(nil)},
			Capture{OK: true, Severity: detect.High, VectorRight: true, SecondsToDetect: 2, Further: 1},
		},
		"told three times is not found": {
			flood,
			[]incident.Incident{ddos(nil), ddos(nil), ddos(nil)},
			Capture{Severity: detect.High, VectorRight: true, SecondsToDetect: 2, Further: 2, Reason: "told 3 times"},
		},
		"a low incident is no further one": {
			flood,
			[]incident.Incident{ddos(nil), ddos(nil), ddos(func(i *incident.Incident) { i.Severity = detect.Low })},
			Capture{OK: true, Severity: detect.High, VectorRight: true, SecondsToDetect: 2, Further: 1},
		},
		"an anomaly of the victim is a further one, that of another is not": {
			flood,
			[]incident.Incident{
				ddos(nil),
				ddos(func(i *incident.Incident) { i.Category, i.Kind = detect.BaselineAnomaly, "volume" }),
				ddos(func(i *incident.Incident) {
					i.Category, i.Kind, i.Subject = detect.BaselineAnomaly, "volume", "192.0.2.99"
				}),
			},
			Capture{OK: true, Severity: detect.High, VectorRight: true, SecondsToDetect: 2, Further: 1, Others: 1},
		},
		"with the wrong vector": {
			flood,
			[]incident.Incident{ddos(func(i *incident.Incident) { i.Vector = "udp_flood" })},
			Capture{OK: true, Severity: detect.High, SecondsToDetect: 2},
		},
		"too mild": {
			flood,
			[]incident.Incident{ddos(func(i *incident.Incident) { i.Severity = detect.Medium })},
			Capture{Severity: detect.Medium, Further: 1, Reason: "only as medium"},
		},
		"another victim":    {flood, []incident.Incident{ddos(subject("192.0.2.11"))}, Capture{Further: 1, Reason: "nothing about it"}},
		"only its prefix":   {flood, []incident.Incident{ddos(subject("192.0.2.0/24"))}, Capture{Further: 1, Reason: "nothing about it"}},
		"another kind":      {flood, []incident.Incident{ddos(func(i *incident.Incident) { i.Kind = "ddos_outbound" })}, Capture{Further: 1, Reason: "seen as ddos_outbound"}},
		"missed":            {flood, nil, Capture{Reason: "nothing at all"}},
		"no detector (yet)": {label("c2", "tcp/443 C2", "192.0.2.10"), nil, Capture{Reason: "nothing at all"}},
		"a scan is found at medium": {
			label("scan", "vertical_syn", "192.0.2.10"),
			[]incident.Incident{ddos(func(i *incident.Incident) {
				i.Category, i.Kind, i.Vector, i.Severity = detect.Reconnaissance, "port_scan", "", detect.Medium
			})},
			Capture{OK: true, Severity: detect.Medium, SecondsToDetect: 2},
		},
		"quiet": {
			label("benign", "office"),
			nil,
			Capture{OK: true, Reason: "nothing", DeviceWeeks: 1, Alerts: map[detect.Severity]int{}},
		},
		"a medium alert leaves benign traffic quiet": {
			label("benign", "office"),
			[]incident.Incident{ddos(func(i *incident.Incident) { i.Severity = detect.Medium })},
			Capture{OK: true, Severity: detect.Medium, DeviceWeeks: 1, Alerts: map[detect.Severity]int{detect.Medium: 1}},
		},
		"but not that of a VPN": {
			label("vpn_tor", "policy"),
			[]incident.Incident{ddos(func(i *incident.Incident) { i.Severity = detect.Medium })},
			Capture{Severity: detect.Medium, DeviceWeeks: 1, Alerts: map[detect.Severity]int{detect.Medium: 1}},
		},
		"a false alarm": {
			label("benign", "office"),
			[]incident.Incident{ddos(nil)},
			Capture{Severity: detect.High, DeviceWeeks: 1, Alerts: map[detect.Severity]int{detect.High: 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Score([]Result{{Path: "x.pcap", Incidents: tc.incidents, Devices: 2}}, []Label{tc.label})
			if err != nil {
				t.Fatal(err)
			}
			got := r.Captures[0]
			if !strings.Contains(got.Reason, tc.want.Reason) || !got.Ran {
				t.Errorf("reason %q, want %q", got.Reason, tc.want.Reason)
			}
			ignore := cmpopts.IgnoreFields(Capture{}, "Path", "Class", "Subtype", "Expect", "Ran", "Reason", "Incident", "Vector", "VectorExpected", "Judged")
			if diff := cmp.Diff(tc.want, got, ignore); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAttackStartCanBeGiven(t *testing.T) {
	r, err := Score([]Result{{Path: "x.pcap", Incidents: []incident.Incident{ddos(nil)}, Attack: at(1.5)}},
		[]Label{label("ddos", "syn_flood", "192.0.2.10")})
	if err != nil || r.Captures[0].SecondsToDetect != 0.5 {
		t.Errorf("%+v %v", r, err)
	}
}

func TestResultWithoutLabel(t *testing.T) {
	if _, err := Score([]Result{{Path: "y.pcap"}}, nil); err == nil || !strings.Contains(err.Error(), "no label for y.pcap") {
		t.Error(err)
	}
}

// TestReport compares a whole report with its golden table and object.
func TestReport(t *testing.T) {
	labels := []Label{
		label("ddos", "syn_flood", "192.0.2.10"), label("ddos", "reflection_dns (q)", "192.0.2.10"),
		label("c2", "malware C2", "192.0.2.10"), label("benign", "office"), label("mixed", "exercise"), label("scan", "vertical"),
	}
	for i, p := range []string{"syn.pcap", "dns.pcap", "c2.pcap", "office.pcap", "exercise.pcap", "later.pcap"} {
		labels[i].Path = p
	}
	r, err := Score([]Result{
		{Path: "syn.pcap", Incidents: []incident.Incident{ddos(nil)}},
		{Path: "dns.pcap", Incidents: []incident.Incident{ddos(func(i *incident.Incident) { i.Detected = at(5) })}},
		{Path: "c2.pcap"},
		{Path: "office.pcap", Devices: 4, Incidents: []incident.Incident{ddos(func(i *incident.Incident) { i.Severity = detect.Critical })}},
		{Path: "exercise.pcap", Incidents: []incident.Incident{ddos(nil)}},
	}, labels)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.txt", text.String())
	object, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", string(object)+"\n")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestReadLabels(t *testing.T) {
	row := "a.pcap\tddos\tsyn_flood\tvictim=192.0.2.1\t2026-03-01T00:00:00\t1.5\t10\t2\t192.0.2.1/32, 2001:db8::/32\n"
	got, err := ReadLabels(strings.NewReader(columns + "\n# a note\n\n" + row))
	if err != nil {
		t.Fatal(err)
	}
	want := []Label{{
		Path: "a.pcap", Class: "ddos", Subtype: "syn_flood", Role: "victim", Who: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		First: at(0), Duration: 1500 * time.Millisecond, Packets: 10, Flows: 2,
		Internal: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/32")},
	}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	for name, tc := range map[string]struct{ text, want string }{
		"empty":         {"", "unexpected EOF"},
		"only a header": {columns + "\n", "unexpected EOF"},
		"another table": {"a,b,c\n", "line 1: the header"},
		"short":         {columns + "\n\na.pcap\tddos\n", "line 3: 2 columns, want 9"},
		"no class":      {columns + "\na.pcap\t\t\t\t\t\t\t\t\n", "line 2: path and class"},
		"bad who":       {columns + "\na\tb\t\t192.0.2.1\t\t\t\t\t\n", "line 2: who \"192.0.2.1\" is not role=address"},
		"bad address":   {columns + "\na\tb\t\tvictim=nobody\t\t\t\t\t\n", "\"nobody\" is no address"},
		"bad time":      {columns + "\na\tb\t\t\tnoon\t\t\t\t\n", "line 2: first_packet \"noon\""},
		"bad duration":  {columns + "\na\tb\t\t\t\t-1\t\t\t\n", "line 2: duration_s \"-1\""},
		"bad count":     {columns + "\na\tb\t\t\t\t\tmany\t\t\n", "line 2: packets: \"many\" is no count"},
		"bad prefix":    {columns + "\na\tb\t\t\t\t\t\t\t192.0.2.1\n", "line 2: internal \"192.0.2.1\" is no prefix"},
	} {
		if _, err := ReadLabels(strings.NewReader(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSharedLabels: every real label is read, has an expectation, and every
// attack says what it should be found as.
func TestSharedLabels(t *testing.T) {
	f, err := os.Open(filepath.Join(shareddata.Dir(t), "labels.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	labels, err := ReadLabels(f)
	if err != nil {
		t.Fatal(err)
	}
	table, err := expectations()
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for i := range labels {
		l := &labels[i]
		e := find(table, l)
		count[e.expect]++
		if e.expect == ExpectAttack && (len(e.kinds) == 0 || !e.anySubject && len(l.Who) == 0) {
			t.Errorf("%s: %s %q does not say what is expected", l.Path, l.Class, l.Subtype)
		}
		if l.Class == "ddos" && len(e.vectors) == 0 {
			t.Errorf("%s: no vector for %q", l.Path, l.Subtype)
		}
	}
	want := map[string]int{ExpectAttack: 63, ExpectQuiet: 8, ExpectNone: 16}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("labels by expectation:\n%s", diff)
	}
}

func FuzzReadLabels(f *testing.F) {
	f.Add(columns + "\na.pcap\tddos\tx\tvictim=192.0.2.1\t2026-03-01T00:00:00\t1.5\t10\t2\t192.0.2.1/32\n")
	f.Add(columns + "\r\na\tb\t\tendpoints=::1<->192.0.2.1\t\t\t\t\t\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		labels, err := ReadLabels(strings.NewReader(text))
		if err == nil && len(labels) == 0 {
			t.Error("neither labels nor an error")
		}
		if err == nil {
			if _, err := Score(nil, labels); err != nil {
				t.Error(err)
			}
		}
	})
}
