// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/incident"
	"tidewatch/schedule"
)

var (
	campaignAt = time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)
	shop       = netip.MustParseAddr("2001:db8::5")
)

// campaign lets a device serve about 5 MB a minute to ever other clients for ten
// days, and ten times that from 12:00 to 13:00 of the last day. It returns the
// incidents of that day and the most that an hour at that time was learned to have.
func campaign(t *testing.T, shards int, events ...schedule.Event) ([]incident.Incident, float64) {
	t.Helper()
	cfg := testConfig("2001:db8::/64")
	cfg.Schedule.Events = events
	cfg.Shards = shards
	a := &analysis{result: &Result{}, byID: map[string]int{}}
	e, err := NewEngine(cfg, a.keep)
	if err != nil {
		t.Fatal(err)
	}
	b := flow.NewBatch(1)
	for at := campaignAt.Add(-10 * 24 * time.Hour); at.Before(campaignAt.Add(3 * time.Hour)); at = at.Add(2 * time.Minute) {
		b.Reset()
		minute := at.Unix() / 120
		factor := 40 + uint64(minute%7) // they differ a little
		if !at.Before(campaignAt) && at.Before(campaignAt.Add(time.Hour)) {
			factor *= 10
		}
		client := netip.MustParseAddr(fmt.Sprintf("198.51.100.%d", minute%250+1))
		if minute%2 == 0 {
			client = netip.MustParseAddr(fmt.Sprintf("2001:db8:1::%x", minute%60000+1))
		}
		for _, r := range []flow.Record{
			{Src: flow.AddrFrom(shop), Dst: flow.AddrFrom(client), SrcPort: 443, DstPort: 40000, Packets: 200 * factor, Bytes: 250_000 * factor},
			{Src: flow.AddrFrom(client), Dst: flow.AddrFrom(shop), SrcPort: 40000, DstPort: 443, Packets: 100 * factor, Bytes: 20_000 * factor},
		} {
			r.Start, r.End = at.UnixNano(), at.Add(20*time.Second).UnixNano()
			r.Received, r.Proto, r.TCPFlags, r.Sampling = r.End, 6, 0x1b, 1
			b.Append(&r)
		}
		e.Process(b)
	}
	e.Drain()
	var out []incident.Incident
	for i := range a.result.Incidents {
		if inc := &a.result.Incidents[i]; inc.Started.After(campaignAt.Add(-time.Hour)) {
			out = append(out, *inc)
		}
	}
	for _, s := range e.shards {
		if p, ok := s.past.Profile(flow.AddrFrom(shop), baseline.FieldBytesOut); ok {
			return out, p.Days[campaignAt.Hour()].Max
		}
	}
	t.Fatal("the device has no past")
	return nil, 0
}

func TestPlannedCampaign(t *testing.T) {
	no := false
	event := func(fx schedule.Effects) schedule.Event {
		fx.Targets = []string{"2001:db8::/64"}
		return schedule.Event{Name: "spring sale", Start: "2026-03-01 12:00", End: "2026-03-01 13:00", RRule: "FREQ=WEEKLY", Effects: fx}
	}
	elsewhere := event(schedule.Effects{Alert: &no, Learn: &no, Expect: 20})
	elsewhere.Targets = []string{"2001:db8:2::/64", "10.0.0.0/8"}
	later := event(schedule.Effects{Alert: &no, Learn: &no, Expect: 20})
	later.Name, later.Start, later.End = "evening", "2026-03-01 14:00", "2026-03-01 15:00"
	for name, tc := range map[string]struct {
		events          []schedule.Event
		alerts, learned bool
		named           bool // a low incident names the event
	}{
		"unplanned":              {nil, true, false, false},
		"another device or hour": {[]schedule.Event{elsewhere, later}, true, false, false},
		"do not alert":           {[]schedule.Event{event(schedule.Effects{Alert: &no})}, false, true, true},
		"do not alert of floods": {[]schedule.Event{event(schedule.Effects{Alert: &no, Kinds: []string{"ddos"}})}, true, false, false},
		"neither":                {[]schedule.Event{event(schedule.Effects{Alert: &no, Learn: &no})}, false, false, true},
		"expect twelve times":    {[]schedule.Event{event(schedule.Effects{Expect: 12})}, false, true, false},
		"expect twice":           {[]schedule.Event{event(schedule.Effects{Expect: 2, Learn: &no})}, true, false, false},
	} {
		shards := 1
		if name == "neither" {
			shards = 3
		}
		got, busiest := campaign(t, shards, tc.events...)
		alerts, named := 0, 0
		for i := range got {
			if got[i].Severity.Rank() > detect.Low.Rank() {
				alerts++
			}
			for _, ind := range got[i].Indicators {
				if ind.Name != "scheduled_event" {
					continue
				}
				named++
				if ind.Detail != "spring sale" || !strings.Contains(ind.Text, `"spring sale"`) || got[i].Score > 0.59 {
					t.Errorf("%s: score %g, %+v", name, got[i].Score, ind)
				}
			}
		}
		learned := busiest > 1e9 // bytes in an hour: ten times 5 MB a minute, or once
		if alerts > 0 != tc.alerts || named > 0 != tc.named || learned != tc.learned {
			t.Errorf("%s, %d shards: %d alerts (want some: %v), %d name the event (%v), learned %v (%v)",
				name, shards, alerts, tc.alerts, named, tc.named, learned, tc.learned)
			for i := range got {
				t.Log(got[i].Headline(), got[i].Started, got[i].LastSeen)
			}
		}
	}
}

// A flood under a no-alert event is listed, and never learned.
func TestSilence(t *testing.T) {
	no := false
	cfg := testConfig()
	cfg.Schedule.Events = []schedule.Event{{
		Name: "backup", Start: "2026-03-01 02:00", Duration: "2h", RRule: "FREQ=DAILY", Effects: schedule.Effects{Alert: &no},
	}}
	s, err := newSchedule(cfg)
	if err != nil {
		t.Fatal(err)
	}
	v := s.View()
	at := func(clock string) time.Time {
		d, err := time.Parse("15:04:05", clock)
		if err != nil {
			t.Fatal(err)
		}
		return time.Date(2026, 3, 9, d.Hour(), d.Minute(), d.Second(), 0, time.UTC)
	}
	for _, tc := range []struct {
		category      detect.Category
		started, last string
		want          bool
	}{
		{detect.DDoSAttack, "01:59:00", "02:00:01", true},
		{detect.DDoSAttack, "03:00:00", "04:00:00", true},
		{detect.DDoSAttack, "03:00:00", "04:01:00", false}, // it goes on after the event
		{detect.BaselineAnomaly, "03:55:00", "04:04:00", true},
		{detect.BaselineAnomaly, "03:55:00", "04:05:00", false},
		{detect.DataExfiltration, "02:00:00", "04:00:00", true},
		{detect.DataExfiltration, "02:10:00", "05:00:00", true},  // mostly under the event
		{detect.DataExfiltration, "02:00:00", "09:00:00", false}, // mostly not
		{detect.DataExfiltration, "00:00:00", "02:30:00", true},
	} {
		f := &detect.Finding{
			Category: tc.category, Kind: "any", Subject: netip.MustParsePrefix("10.0.0.1/32"),
			Started: at(tc.started), Last: at(tc.last), Score: 0.95, Severity: detect.Critical,
		}
		got := silence(v, f)
		if got != tc.want || got != (f.Severity == detect.Low && f.Score == 0.59 && len(f.Indicators) == 1) {
			t.Errorf("%s from %s to %s: silenced %v, want %v (%s, %g)", tc.category, tc.started, tc.last, got, tc.want, f.Severity, f.Score)
		}
	}
}

func TestCalendarFiles(t *testing.T) {
	no := false
	path := filepath.Join(t.TempDir(), "plan.ics")
	cfg := testConfig()
	cfg.Schedule.Calendars = []schedule.Calendar{{File: path, Effects: schedule.Effects{Alert: &no}}}
	if _, err := NewEngine(cfg, nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a missing file: error %v", err)
	}
	text := "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Move\r\nDTSTART:20260301T120000Z\r\nDURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := e.planned.At(flow.Addr{}, time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC), ""); !got.NoAlert || got.Name != "Move" {
		t.Errorf("%+v", got)
	}
	if err := os.WriteFile(path, []byte("<html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewEngine(cfg, nil); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("no calendar: error %v", err)
	}
}
