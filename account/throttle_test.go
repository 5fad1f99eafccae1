// SPDX-License-Identifier: Apache-2.0

package account

import (
	"net/netip"
	"testing"
	"time"
)

// However many addresses guess, a bounded number is remembered.
func TestThrottleIsBounded(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	th := NewThrottle[netip.Prefix](func() time.Time { return now }, 10)
	who := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)
	}
	for i := range 5000 {
		th.Failed(who(i))
	}
	if n := len(th.until); n > maxAccounts+1 {
		t.Errorf("%d are remembered", n)
	}
	if th.Wait(who(9000)) == 0 {
		t.Error("those without an account of their own do not wait together")
	}
	if th.Wait(who(1)) != 0 {
		t.Error("one failure makes somebody wait")
	}
	now = now.Add(24 * time.Hour)
	th.Failed(who(6000))
	if n := len(th.until); n > 2 || th.Wait(who(9000)) != 0 {
		t.Errorf("a day later %d are remembered", n)
	}
}
