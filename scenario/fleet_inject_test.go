// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tidewatch/flow"
)

// injected is a fleet of five weeks with these injections after two days.
func injected(tb testing.TB, names ...string) (with, without *Scenario) {
	tb.Helper()
	cfg := Config{Seed: 9, Devices: 200, Duration: 35 * day, AttackAt: 2 * day}
	without = build(tb, "fleet", cfg)
	cfg.Inject = names
	return build(tb, "fleet", cfg), without
}

func truths(s *Scenario, name string) (out []Truth) {
	for _, t := range s.Truth() {
		if t.Injection == name {
			out = append(out, t)
		}
	}
	return out
}

// TestInjectionsAreTold: every injection has its truths, about devices of their
// own, and nothing is told when nothing was asked for.
func TestInjectionsAreTold(t *testing.T) {
	with, without := injected(t, Injections()...)
	if n := len(without.Truth()); n != 0 {
		t.Errorf("a fleet to which nothing is done tells of %d events", n)
	}
	owner := map[netip.Addr]string{}
	for name, n := range map[string]int{"flood-hour": 3, "ramp": 3, "shift": 3, "twice": 4, "night": 3, "campaign": 1} {
		got := truths(with, name)
		if len(got) != n {
			t.Errorf("%s: %d events, want %d", name, len(got), n)
		}
		for _, truth := range got {
			if other, taken := owner[truth.Subject]; taken && other != name {
				t.Errorf("%v has both %s and %s", truth.Subject, other, name)
			}
			owner[truth.Subject] = name
			if truth.MustNotAlert != (name == "campaign") || truth.Start.Before(with.cfg.Start.Add(2*day)) || truth.Note == "" {
				t.Errorf("%s: %+v", name, truth)
			}
		}
	}
	if ramp := truths(with, "ramp")[0]; ramp.End.Sub(ramp.Start) != rampDays*day {
		t.Errorf("a ramp of %v", ramp.End.Sub(ramp.Start))
	}
	two := truths(with, "twice")
	if gap := two[1].Start.Sub(two[0].Start); two[0].Subject != two[1].Subject || gap != day {
		t.Errorf("the same attack comes %v later on %v and %v", gap, two[0].Subject, two[1].Subject)
	}
}

// TestFloodHourIsTenfold: the device receives about ten times what it receives
// without, within the hour; and nobody else has a byte more or less.
func TestFloodHourIsTenfold(t *testing.T) {
	t.Parallel()
	with, without := injected(t, "flood-hour")
	for _, truth := range truths(with, "flood-hour") {
		inWith, outWith := totals(with, truth.Start, truth.End)
		inWithout, outWithout := totals(without, truth.Start, truth.End)
		// One hour of one device is what chance makes of it, so the scale is wide.
		if ratio := inWith[truth.Subject] / inWithout[truth.Subject]; ratio < 4 || ratio > 25 {
			t.Errorf("%s: received %.1f times as much", truth.Note, ratio)
		}
		for a, v := range inWith {
			if a != truth.Subject && strings.HasPrefix(a.String(), "10.30.") && v != inWithout[a] {
				t.Errorf("%v received %.0f bytes, %.0f without the injection", a, v, inWithout[a])
			}
		}
		for a, v := range outWithout {
			if a != truth.Subject && strings.HasPrefix(a.String(), "10.30.") && v != outWith[a] {
				t.Errorf("%v sent %.0f bytes, %.0f without the injection", a, outWith[a], v)
			}
		}
	}
}

// TestNightIsNew: a device that begins to send at night sent nothing in the
// night before.
func TestNightIsNew(t *testing.T) {
	t.Parallel()
	with, _ := injected(t, Injections()...)
	for _, truth := range truths(with, "night") {
		_, before := totals(with, truth.Start.Add(-day), truth.Start.Add(-day+nightHours*time.Hour))
		_, during := totals(with, truth.Start, truth.Start.Add(nightHours*time.Hour))
		if before[truth.Subject] != 0 {
			t.Errorf("%s: sent %.0f bytes in the night before", truth.Note, before[truth.Subject])
		}
		if want := nightBytes * nightHours * 12; !near(during[truth.Subject], want, 0.15) {
			t.Errorf("%s: sends %.3g bytes, want about %.3g", truth.Note, during[truth.Subject], want)
		}
	}
}

// TestGrowthIsAsTold: the factors of ramp, shift and campaign.
func TestGrowthIsAsTold(t *testing.T) {
	with, _ := injected(t, Injections()...)
	f := with.fleet
	at := func(truth *Truth, after time.Duration) float64 {
		i := slices.IndexFunc(f.devices, func(d fleetDevice) bool { return d.addr == flow.AddrFrom(truth.Subject) })
		return f.crowd(&f.devices[i], truth.Start.Add(after).Unix())
	}
	ramp, shift, campaign := truths(with, "ramp")[0], truths(with, "shift")[0], truths(with, "campaign")[0]
	for what, c := range map[string]struct{ got, want float64 }{
		"before a ramp":            {at(&ramp, -time.Second), 1},
		"a ramp's first day":       {at(&ramp, time.Hour), 1.05},
		"a ramp's thirtieth day":   {at(&ramp, 29*day), math.Pow(1.05, 30)},
		"the day after a ramp":     {at(&ramp, 30*day), 1},
		"before a shift":           {at(&shift, -time.Second), 1},
		"after a shift":            {at(&shift, 9*day), 2},
		"a campaign at its height": {at(&campaign, time.Hour), 4},
		"after a campaign":         {at(&campaign, 3*time.Hour), 1},
	} {
		if math.Abs(c.got-c.want) > 1e-9 {
			t.Errorf("%s: %.4f times the usual, want %.4f", what, c.got, c.want)
		}
	}
}

func TestBadFleetIsRefused(t *testing.T) {
	for want, cfg := range map[string]Config{
		"99 devices":       {Devices: 99},
		"50001 devices":    {Devices: 50_001},
		`"sleet" is unkno`: {Inject: []string{"ramp", "sleet"}},
	} {
		if _, err := New("fleet", cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
