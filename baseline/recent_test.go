// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"testing"
	"time"
)

// A workstation whose user was away for half of the month is judged by the days at
// work: coming back is no news, ten times the traffic is.
func TestAbsence(t *testing.T) {
	teach := newTeacher(t, nil)
	teach.days(14, nil)
	teach.days(14, func(int) float64 { return 1e-9 })
	if z := teach.z(t, teach.noon(), 600e6); math.Abs(z) > 2 {
		t.Errorf("the first day after two weeks away is %.1f sigma", z)
	}
	if z := teach.z(t, teach.noon(), 6000e6); z < 5 {
		t.Errorf("ten times the traffic after two weeks away is %.1f sigma", z)
	}
	if n, _ := teach.At(device, teach.noon(), BytesIn); math.Abs(n.Sigma(n.Above(4))-4) > 1e-6 || math.Abs(n.Sigma(n.Above(-3))+3) > 1e-6 && n.Above(-3) > 0 {
		t.Errorf("four sigma and minus three come back as %.2f and %.2f", n.Sigma(n.Above(4)), n.Sigma(n.Above(-3)))
	}
}

// What most of the last days came to is told as recent and not taken for normal; a
// change of two days is not recent yet.
func TestRecent(t *testing.T) {
	for days, want := range map[int]float64{0: 100e6, 2: 100e6, 3: 1000e6, 4: 1000e6} {
		teach := newTeacher(t, nil)
		teach.days(21, nil) // to a Sunday's end
		teach.days(days, func(int) float64 { return 10 })
		n, ok := teach.At(device, time.Unix(teach.hour*3600, 0).Add(12*time.Hour), BytesIn)
		if !ok || n.Recent < want/1.5 || n.Recent > want*1.5 {
			t.Errorf("after %d days of ten times the traffic the recent level is %.0f MB, want about %.0f", days, n.Recent/1e6, want/1e6)
		}
		if n.Median > 150e6 {
			t.Errorf("after %d days of ten times the traffic %.0f MB are normal", days, n.Median/1e6)
		}
	}
}
