// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"testing"
	"time"
)

// A device that is taught to send 5 % more every day is still called abnormal when
// it has tripled, and the audit names the growth.
func TestRampIsNotLearned(t *testing.T) {
	teach := newTeacher(t, nil)
	teach.days(30, nil)
	days := int(math.Ceil(math.Log(3) / math.Log(1.05)))
	teach.days(days, func(day int) float64 { return math.Pow(1.05, float64(day)) })
	for teach.now().UTC().Weekday() != time.Tuesday {
		teach.days(1, func(int) float64 { return 3 })
	}
	if z := teach.z(t, teach.noon(), 1.8e9); z < 3 {
		t.Errorf("three times the old noon is only %.1f sigma", z)
	}
	found := false
	for _, r := range teach.Audit(device) {
		t.Log(r.Text)
		found = found || r.Kind == "creep" || r.Kind == "level_shift"
	}
	if !found {
		t.Error("the audit says nothing")
	}
}

// Growth within the limit is followed.
func TestSlowGrowthIsFollowed(t *testing.T) {
	teach := newTeacher(t, nil)
	growth := func(day int) float64 { return math.Pow(1.04, float64(day)/7) }
	teach.days(30, nil)
	seen := teach.days(140, growth)
	if z := teach.z(t, teach.noon(), 600e6*growth(140)); math.Abs(z) > 2 {
		t.Errorf("after growing 4 %% a week for 20 weeks a normal noon is %.1f sigma", z)
	}
	if seen[Suspicious] > 2 {
		t.Errorf("%d hours were suspicious", seen[Suspicious])
	}
	if r := teach.Audit(device); len(r) != 0 {
		t.Errorf("the audit says %q", r[0].Text)
	}
}

// Traffic that doubles and stays is named with its day, is not learned by itself,
// and is normal as soon as a person approves it.
func TestLevelShift(t *testing.T) {
	teach := newTeacher(t, nil)
	teach.days(28, nil)
	change := teach.now()
	teach.days(12, func(int) float64 { return 4 })
	remarks := teach.Audit(device)
	if len(remarks) == 0 || remarks[0].Kind != "level_shift" {
		t.Fatalf("the audit says %v", remarks)
	}
	r := remarks[0]
	if d := r.Since.Sub(change).Abs(); d > 24*time.Hour || r.Factor < 3 || r.Factor > 5 {
		t.Errorf("found %.1f times since %v, want 4 times since %v", r.Factor, r.Since, change)
	}
	for teach.now().UTC().Weekday() != time.Tuesday {
		teach.days(1, func(int) float64 { return 4 })
	}
	if z := teach.z(t, teach.noon(), 2.4e9); z < 3 {
		t.Errorf("before it is approved the new level is %.1f sigma", z)
	}
	if teach.Approve(device, change) == 0 {
		t.Error("nothing was to approve")
	}
	if z := teach.z(t, teach.noon(), 2.4e9); math.Abs(z) > 1 {
		t.Errorf("after it is approved the new level is %.1f sigma", z)
	}
}

// Steady devices get no remarks.
func TestAuditIsQuiet(t *testing.T) {
	for seed := range 20 {
		teach := newTeacher(t, nil)
		for range seed {
			teach.random.Uint64()
		}
		teach.days(40, nil)
		if r := teach.Audit(device); len(r) != 0 {
			t.Errorf("seed %d: %q", seed, r[0].Text)
		}
	}
}

// An attack that is not recognised as one is judged before it is learned: the
// same on the next day is as abnormal as on the first.
func TestAttackIsNotLearned(t *testing.T) {
	teach := newTeacher(t, nil)
	teach.days(30, nil)
	attacked := func() (z float64) {
		at := teach.noon()
		z = teach.z(t, at, 6e9)
		for range 24 {
			v := office(teach.now().UTC())
			if teach.now().Equal(at) {
				v = 6e9
			}
			teach.Learn(device, teach.hour, hourOf(v), false)
			teach.Observed(teach.hour)
			teach.hour++
		}
		return z
	}
	first := attacked()
	for day := range 4 {
		if z := attacked(); z < 0.9*first {
			t.Errorf("day %d: %.1f sigma, the first day %.1f", day+2, z, first)
		}
	}
}
