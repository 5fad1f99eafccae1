// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tidewatch/window"
)

// A saved ledger of the first format, without what accounts usually get, is read.
func TestLedgerFirstFormat(t *testing.T) {
	t.Parallel()
	l := testLedger(t, 10, time.UTC)
	device := addrOf("10.0.0.1")
	l.Learn(device, 20_000*24, []window.Peer{given("198.51.100.7", 1, 1e9)}) // known, but gave nothing
	buf := l.AppendBinary(nil)
	const tests = 1 + 4*4 // bytes of a rise, at the end of an account
	at := len(buf) - 2
	old := slices.Concat([]byte{1}, buf[1:at-tests], buf[at:])
	m := testLedger(t, 10, time.UTC)
	if rest, err := m.Decode(old); err != nil || len(rest) != 0 || m.Device(device) == nil {
		t.Errorf("%v, %d bytes left, device %v", err, len(rest), m.Device(device))
	}
	if _, err := m.Decode(append([]byte{9}, buf[1:]...)); err == nil {
		t.Error("a format to come was read")
	}
}

// The test of an account's own past: days alike for years never reach it, three days of
// three times the usual do, one day of a hundred times does not.
func TestRise(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	usual := func() float64 { return math.Log(300) + 0.4*r.NormFloat64() }
	var x rise
	for day := range 3650 {
		if x.day(usual()); x.sum >= Risen {
			t.Fatalf("risen on day %d, though nothing changed", day)
		}
	}
	high := x
	if high.day(math.Log(30_000)); high.sum >= Risen {
		t.Error("one large day is a rise")
	}
	days := 0
	for ; x.sum < Risen && days < 30; days++ {
		x.day(math.Log(900) + 0.2*r.NormFloat64())
	}
	if days < 2 || days > 5 {
		t.Errorf("three times the usual is a rise after %d days", days)
	}
}

// A few days that happen to look alike are not believed to be all there is: of those
// whose days differ by a factor of 1.8, few have risen in their first two months. Who
// does not differ that much is found with a past of eleven days.
func TestRiseOfFewDays(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	const users, days = 2000, 60
	risen, missed := 0, 0
	for range users {
		var x rise
		for range days {
			if x.day(math.Log(800) + 0.6*r.NormFloat64()); x.sum >= Risen {
				risen++
				break
			}
		}
		var y rise
		for range 11 {
			y.day(math.Log(300) + 0.25*r.NormFloat64())
		}
		for range 7 {
			y.day(math.Log(900) + 0.25*r.NormFloat64())
		}
		if y.sum < Risen {
			missed++
		}
	}
	t.Logf("of %d, %d rose by chance; %d who sent three times as much for a week were missed", users, risen, missed)
	if risen > users/200 {
		t.Errorf("%d of %d rose by chance", risen, users)
	}
	if missed > users/10 {
		t.Errorf("%d of %d were missed", missed, users)
	}
}
