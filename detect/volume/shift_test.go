// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
)

// moved is a device that brings 100 MB in five minutes, and lately factor times as
// much at the hours of the day from eight to to.
type moved struct {
	factor float64
	to     int64
}

func (p moved) At(_ flow.Addr, at time.Time, m baseline.Measure) (baseline.Normal, bool) {
	n := baseline.Normal{Median: 100e6, Spread: 0.2, Ever: 300e6, Recent: 100e6, Basis: baseline.Basis{Level: "hour_of_day", Samples: 20}}
	if m >= baseline.HourBytesIn {
		n.Median, n.Recent, n.Ever = 1200e6, 1200e6, 3600e6
	}
	if h := at.Unix() / 3600 % 24; h >= 8 && h < p.to {
		n.Recent *= p.factor
	}
	return n, m == baseline.BytesIn || m == baseline.HourBytesIn
}

func (moved) Shift(flow.Addr, int64) (baseline.Shift, bool) { return baseline.Shift{}, false }

// A change that stayed is one finding an hour of the kind level_shift; what is like
// it is not told again, and what is far above it is.
func TestShift(t *testing.T) {
	for name, tc := range map[string]struct {
		past   moved
		factor uint64
		shift  detect.Severity
		volume detect.Severity
	}{
		"as ever":                      {moved{1, 18}, 1, "", ""},
		"a day of five times":          {moved{1, 18}, 5, "", detect.High},
		"five times, like lately":      {moved{5, 18}, 5, detect.Medium, ""},
		"twice, like lately":           {moved{2, 18}, 2, detect.Medium, ""},
		"one job that grew":            {moved{5, 9}, 5, detect.Low, detect.High},
		"lately five times, now fifty": {moved{5, 18}, 50, detect.Medium, detect.High},
	} {
		got := map[string]detect.Severity{}
		play(t, tc.past, 24*60, func(m int64) uint64 { return pick(m >= 8*60+5 && m < 18*60-5, 20*tc.factor, 20) }, func(f *detect.Finding) {
			if f.Severity.Rank() > got[f.Kind].Rank() || got[f.Kind] == "" {
				got[f.Kind] = f.Severity
			}
		})
		if got["level_shift"] != tc.shift || got["volume"] != tc.volume || len(got) > 2 {
			t.Errorf("%s: %v, want a shift %q and a volume %q", name, got, tc.shift, tc.volume)
		}
	}
}

// A device that is gone takes no room for a change that was told of it.
func TestShiftOfTheGone(t *testing.T) {
	d, err := New(DefaultConfig(), Deps{Past: moved{5, 18}})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := d.changed(flow.Addr{15: 1}, 9, 10*3600); !ok || len(d.shifts) != 1 {
		t.Fatal("the change is not told")
	}
	if d.sweep(10*3600 + 6*86400); len(d.shifts) != 1 {
		t.Error("it is forgotten after six days")
	}
	if d.sweep(10*3600 + 8*86400); len(d.shifts) != 0 {
		t.Error("it is kept after eight days")
	}
}
