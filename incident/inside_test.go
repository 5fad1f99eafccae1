// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"fmt"
	"net/netip"
	"testing"

	"tidewatch/detect"
)

// on is an attack on a host or a prefix between two seconds.
func on(subject string, from, to, pps float64) detect.Finding {
	f := flood(from, to, 0.9, pps)
	if p, err := netip.ParsePrefix(subject); err == nil {
		f.Subject = p
	} else {
		f.Subject = host(subject)
	}
	return f
}

// An attack on a prefix is one incident: what it does to single hosts, or to smaller
// prefixes, is a part of it, whether it was told of before or after.
func TestPrefixTakesHosts(t *testing.T) {
	for name, tc := range map[string]struct {
		script func(s float64) []detect.Finding
		want   map[string]string // how each subject's incident ended: by a reason, or still open
	}{
		"hosts after the prefix": {func(s float64) []detect.Finding {
			all := []detect.Finding{on("192.0.2.0/24", 5, s, 200_000)}
			for i := range 200 {
				all = append(all, on(fmt.Sprintf("192.0.2.%d", 1+i), 5, s, 20_000))
			}
			return all
		}, map[string]string{"192.0.2.0/24": ""}},
		"a host before the prefix": {func(s float64) []detect.Finding {
			all := []detect.Finding{on("192.0.2.1", 5, s, 20_000)}
			if s > 10 {
				all = append(all, on("192.0.2.0/24", 9, s, 200_000))
			}
			return all
		}, map[string]string{"192.0.2.0/24": "", "192.0.2.1": ReasonAbsorbed}},
		"a /24 before the /20": {func(s float64) []detect.Finding {
			if s < 10 {
				return []detect.Finding{on("2001:db8:1::/48", 5, s, 50_000)}
			}
			return []detect.Finding{on("2001:db8::/32", 8, s, 900_000)}
		}, map[string]string{"2001:db8::/32": "", "2001:db8:1::/48": ReasonAbsorbed}},
		"a host that carries most": {func(s float64) []detect.Finding {
			return []detect.Finding{on("192.0.2.0/24", 5, s, 200_000), on("192.0.2.1", 5, s, 150_000)}
		}, map[string]string{"192.0.2.0/24": "", "192.0.2.1": ""}},
		"a host elsewhere": {func(s float64) []detect.Finding {
			return []detect.Finding{on("192.0.2.0/24", 5, s, 200_000), on("192.0.3.1", 5, s, 20_000)}
		}, map[string]string{"192.0.2.0/24": "", "192.0.3.1": ""}},
		"another vector on a host": {func(s float64) []detect.Finding {
			f := on("192.0.2.1", 5, s, 20_000)
			f.Vector = "slow_http"
			return []detect.Finding{on("192.0.2.0/24", 5, s, 200_000), f}
		}, map[string]string{"192.0.2.0/24": "", "192.0.2.1": ""}},
		"a host that attacks": {func(s float64) []detect.Finding {
			f := on("192.0.2.1", 5, s, 20_000)
			f.Kind = "ddos_outbound"
			return []detect.Finding{on("192.0.2.0/24", 5, s, 200_000), f}
		}, map[string]string{"192.0.2.0/24": "", "192.0.2.1": ""}},
	} {
		b := newBook(t, nil)
		run(b, 6, 30, func(s int) []detect.Finding { return tc.script(float64(s)) })
		got := map[string]*Incident{}
		for inc := range b.All() {
			got[inc.Subject] = &inc
		}
		for subject, reason := range tc.want {
			if inc := got[subject]; inc == nil || inc.Reason != reason {
				t.Errorf("%s: %s is %+v, want reason %q", name, subject, inc, reason)
			} else if reason == ReasonAbsorbed && got[inc.Parent] == nil && inc.Parent == "" {
				t.Errorf("%s: %s has no parent", name, subject)
			}
		}
		if len(got) != len(tc.want) {
			t.Errorf("%s: %d incidents, want %d", name, len(got), len(tc.want))
		}
	}
}

// What goes on with one host when the attack on its prefix is over is an incident of
// its own.
func TestPrefixEndsBeforeHost(t *testing.T) {
	b := newBook(t, nil)
	run(b, 6, 200, func(s int) []detect.Finding {
		if s < 20 {
			return []detect.Finding{on("192.0.2.0/24", 5, float64(s), 200_000), on("192.0.2.1", 5, float64(s), 20_000)}
		}
		return []detect.Finding{on("192.0.2.1", 5, float64(s), 20_000)}
	})
	states := map[string]State{}
	for inc := range b.All() {
		states[inc.Subject] = inc.State
	}
	if states["192.0.2.0/24"] != Resolved || states["192.0.2.1"] != Open {
		t.Errorf("%v", states)
	}
}

// That others scan a device explains nothing that it does.
func TestBeingScannedExplainsNothing(t *testing.T) {
	b := newBook(t, nil)
	odd := detect.Finding{
		Detector: "volume", Category: detect.BaselineAnomaly, Kind: "volume", Subject: host("192.0.2.10"),
		Started: at(0), Last: at(10), Score: 0.4, Severity: detect.Low,
	}
	scanned := detect.Finding{
		Detector: "scan", Category: detect.Reconnaissance, Kind: "port_scan", Subject: host("192.0.2.10"),
		Started: at(5), Last: at(10), Score: 0.4, Severity: detect.Low, Top: detect.Top{Sources: []detect.Share{{Key: "198.51.100.1"}}},
	}
	b.Apply(at(10), []detect.Finding{odd}, nil)
	b.Apply(at(11), []detect.Finding{scanned}, nil)
	odd.Last, scanned.Last = at(12), at(12)
	b.Apply(at(12), []detect.Finding{odd, scanned}, nil)
	n := 0
	for i := range b.All() {
		if n++; i.State != Open || len(i.Timeline) != 1 {
			t.Errorf("%s is %s: %+v", i.Kind, i.State, i.Timeline)
		}
	}
	if n != 2 {
		t.Errorf("%d incidents", n)
	}
}
