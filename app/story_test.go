// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/exclude"
	"tidewatch/feedback"
	"tidewatch/flow"
	"tidewatch/incident"
	"tidewatch/store"
)

// intruder is one device in flows made by hand.
type intruder struct {
	device, stranger, drop flow.Addr // it, who commands it, and who gets the data
	early                  bool      // it scans and calls before it steals
}

func anIntruder(device, stranger, drop string, early bool) intruder {
	a := func(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }
	return intruder{a(device), a(stranger), a(drop), early}
}

// session is the k-th connection of a device, of a second, and what came back.
func session(b *flow.Batch, at, k int64, x *intruder, to service) {
	r := flow.Record{
		Received: (at + 2) * 1e9, Start: at * 1e9, End: (at + 1) * 1e9, Src: x.device, Dst: to.addr, SrcPort: 40000 + uint16(k), DstPort: to.port,
		Proto: flow.ProtoTCP, Packets: 8 + to.out/1400, Bytes: to.out, Sampling: 1, TCPFlags: 0x1b,
	}
	b.Append(&r)
	r.Src, r.Dst, r.SrcPort, r.DstPort, r.Packets, r.Bytes = r.Dst, r.Src, r.DstPort, r.SrcPort, 8+to.in/1400, to.in
	b.Append(&r)
}

// service is whom a device talks to, and how many bytes each time.
type service struct {
	addr    flow.Addr
	port    uint16
	out, in uint64
}

// A device scans; a week later it calls a stranger by the clock; a week after that it
// gives data to another. That is one story, in which each part names the others and the
// later ones weigh more. A device that only gave the data has no story, and of one that
// is excluded all stays low.
func TestStoryOfADevice(t *testing.T) {
	t.Parallel()
	cfg := testConfig("10.0.0.0/8", "2001:db8::/64")
	cfg.Exclusions = []exclude.Rule{{Device: "10.0.0.7", Reason: "the intruder of an exercise", Kind: "exfiltration", Expires: "2099-12-31"}}
	last := map[string]incident.Incident{}
	e, err := NewEngine(cfg, func(events []incident.Event) {
		for i := range events {
			last[events[i].Incident.Kind+" "+events[i].Incident.Subject] = events[i].Incident
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	all := []intruder{
		anIntruder("10.0.0.5", "198.51.100.7", "203.0.113.9", true),
		anIntruder("2001:db8::5", "2001:db8:bad::7", "2001:db8:d::9", true),
		anIntruder("10.0.0.6", "198.51.100.8", "203.0.113.10", false),
		anIntruder("10.0.0.7", "198.51.100.9", "203.0.113.11", true),
	}
	// Each moment is played for all devices, in the order of time.
	play := func(from, step, n int64, f func(b *flow.Batch, at, k int64, x *intruder)) {
		for k := range n {
			b := flow.NewBatch(64)
			for i := range all {
				f(b, from+k*step, k, &all[i])
			}
			e.Process(b)
		}
		e.Advance(from + n*step + 120)
	}
	const week = 7 * 86400
	t0 := time.Date(2026, 11, 3, 10, 0, 0, 0, time.UTC).Unix()
	play(t0, 2, 60, func(b *flow.Batch, at, k int64, x *intruder) {
		if !x.early {
			return
		}
		to := x.stranger.Netip().As16()
		to[15] += byte(k)
		b.Append(&flow.Record{
			Received: (at + 2) * 1e9, Start: at * 1e9, End: at * 1e9, Src: x.device, Dst: flow.AddrFrom(netip.AddrFrom16(to).Unmap()),
			SrcPort: 40000 + uint16(k), DstPort: 445, Proto: flow.ProtoTCP, Packets: 1, Bytes: 60, Sampling: 1, TCPFlags: 0x02,
		})
	})
	play(t0+week, 5, 600, func(b *flow.Batch, at, k int64, x *intruder) {
		if x.early {
			session(b, at, k, x, service{x.stranger, 4444, 900, 1500})
		}
	})
	// Too few to be calls by the clock.
	play(t0+2*week, 300, 12, func(b *flow.Batch, at, k int64, x *intruder) {
		session(b, at, k, x, service{x.drop, 443, 180e6, 60e6})
	})
	e.Drain()
	for _, x := range all {
		device := x.device.Netip().String()
		theft, ok := last["exfiltration "+device]
		context := slices.IndexFunc(theft.Indicators, func(i incident.Indicator) bool { return i.Name == incident.EarlierStages })
		if !x.early {
			if !ok || theft.Severity != detect.Medium || len(theft.Earlier) > 0 || context >= 0 {
				t.Errorf("%s, which did nothing before: %+v", device, theft)
			}
			continue
		}
		scan, beacon := last["host_scan "+device], last["beacon "+device]
		if names(scan.Earlier, scan.Later) != " < command theft" || names(beacon.Earlier, beacon.Later) != "scanning < theft" || names(theft.Earlier, theft.Later) != "scanning command < " {
			t.Errorf("%s: the scan tells %s, the beacon %s, the theft %s", device, names(scan.Earlier, scan.Later), names(beacon.Earlier, beacon.Later), names(theft.Earlier, theft.Later))
			continue
		}
		if scan.Later[1].ID != theft.ID || beacon.Later[0].ID != theft.ID || theft.Earlier[0].ID != scan.ID || theft.Earlier[1].ID != beacon.ID {
			t.Errorf("%s: wrong ids", device)
		}
		if context < 0 || theft.Indicators[context].Observed != 2 || theft.Indicators[context].Weight != 0.15 {
			t.Errorf("%s: no context: %+v", device, theft.Indicators)
		}
		if excluded := device == "10.0.0.7"; excluded != (theft.Severity == detect.Low) || !excluded && theft.Severity.Rank() < detect.High.Rank() {
			t.Errorf("%s: the theft is %s, %.2f", device, theft.Severity, theft.Score)
		}
		var text strings.Builder
		writeIncident(&text, &theft)
		for _, want := range []string{
			"\n  story: 2026-11-03T10:00:06Z host_scan (medium) " + scan.ID + ", done by the device\n         2026-11-10T10:00:00Z beacon (",
			"the same device went through 2 earlier stages: host scan, beacon",
		} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%s: %q is not in\n%s", device, want, text.String())
			}
		}
	}
}

// A restart keeps the stories: what was alerted, and what was low until a person
// confirmed it, when it was forgotten by the program long before.
func TestStoryOverARestart(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	s, err := store.New(&store.Config{Dir: t.TempDir(), MaxIncidents: 100})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now().UTC().Truncate(time.Second)
	about := func(device string, score float64, verdict incident.Verdict, days int) incident.Incident {
		at := now.AddDate(0, 0, -days)
		return incident.Incident{
			ID: "inc-" + device, Category: detect.Reconnaissance, Kind: "port_scan", Subject: device, State: incident.Resolved, Verdict: verdict,
			Severity: detect.SeverityOf(score), Score: score, Started: at, Detected: at, LastSeen: at, Updated: at, Ended: at,
		}
	}
	saved := []incident.Incident{
		about("10.0.0.1", 0.6, "", 20),
		about("2001:db8::2", 0.4, incident.VerdictAttack, 20),
		about("10.0.0.3", 0.4, "", 20),
		about("10.0.0.4", 0.9, incident.VerdictNormal, 20),
		about("10.0.0.5", 0.9, "", 40),
	}
	want := map[string]bool{"10.0.0.1": true, "2001:db8::2": true}
	for i := range saved {
		c := &store.Change{Audit: store.Audit{At: now, What: "incident.feedback"}, Incident: &saved[i]}
		if v := saved[i].Verdict; v != "" {
			e := feedback.New(saved[i].ID, saved[i].Subject, saved[i].Kind, feedback.Verdict(v))
			e.At, c.Verdict = saved[i].Updated, &e
		}
		if err := s.Record(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	e, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := recall(t.Context(), cfg, s, e); err != nil {
		t.Fatal(err)
	}
	for i := range saved {
		device := netip.MustParseAddr(saved[i].Subject)
		f := []detect.Finding{{
			Category: detect.CommandControl, Kind: "beacon", Subject: netip.PrefixFrom(device, device.BitLen()), Started: now, Last: now,
			Score: 0.6, Severity: detect.Medium, Baseline: detect.NoBaseline(),
		}}
		e.fold(now, f)
		if raised := f[0].Score == 0.7; raised != want[saved[i].Subject] {
			t.Errorf("%s: %v, %+v", device, f[0].Score, f[0].Indicators)
		}
	}
}

// names lists the stages before, and after.
func names(earlier, later []incident.Chapter) string {
	text := func(all []incident.Chapter) string {
		var out []string
		for i := range all {
			out = append(out, string(all[i].Stage))
		}
		return strings.Join(out, " ")
	}
	return text(earlier) + " < " + text(later)
}
