// SPDX-License-Identifier: Apache-2.0

package triage_test

import (
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tidewatch/triage"
)

// TestMask: what is ours gets a pseudonym in every way of writing it, always the same one
// in one conversation, and comes back; what is not ours stays.
func TestMask(t *testing.T) {
	t.Parallel()
	m := triage.NewMask((&known{}).Internal)
	m.Own("192.0.2.0/28") // the subject, whatever internal says
	for _, tc := range []struct{ text, hidden, restored string }{
		{"10.0.0.5", "device-1", ""},
		{"from 10.0.0.5.", "from device-1.", ""},
		{"10.0.0.5:443 and 10.0.0.6", "device-1:443 and device-2", ""},
		{"10.0.0.50", "device-3", ""},
		{"fd00::5", "device-4", ""},
		{"FD00:0:0::5 and [fd00::5]:443", "device-4 and [device-4]:443", "fd00::5 and [fd00::5]:443"},
		{"::ffff:10.0.0.5", "::ffff:device-1", ""},
		{"10.0.0.0/24", "network-1", ""},
		{"fd00:1::/48,10.0.0.0/24", "network-2,network-1", ""},
		{"192.0.2.0/28", "network-3", ""},
		{"198.51.100.7, 2001:db8::7, 198.51.100.0/24", "198.51.100.7, 2001:db8::7, 198.51.100.0/24", ""},
		{"::/0 and 0.0.0.0/0", "::/0 and 0.0.0.0/0", ""},
		{"at 10:30:05, ratio 1:2, AS64500, T1048.003, 443/tcp", "at 10:30:05, ratio 1:2, AS64500, T1048.003, 443/tcp", ""},
		{"called device-2 by somebody", "called device_2 by somebody", "called device_2 by somebody"},
	} {
		got := m.Hide(tc.text)
		if got != tc.hidden {
			t.Errorf("%q is hidden as %q, want %q", tc.text, got, tc.hidden)
		}
		want := tc.restored
		if want == "" {
			want = tc.text
		}
		if back := m.Restore(got); back != want {
			t.Errorf("%q comes back as %q", tc.text, back)
		}
	}
	if got := m.Restore("Device-1, device-12, device-99, network-1's, name-1"); got != "10.0.0.5, device-12, device-99, 10.0.0.0/24's, name-1" {
		t.Errorf("restored as %q", got)
	}
	var none *triage.Mask
	if none.Hide("10.0.0.5 device-1") != "10.0.0.5 device-1" || none.Restore("device-1") != "device-1" {
		t.Error("no mask changes something")
	}
}

// TestMaskLeavesNothing: no own address is left in any text.
func TestMaskLeavesNothing(t *testing.T) {
	t.Parallel()
	internal := (&known{}).Internal
	part := rapid.OneOf(
		rapid.SampledFrom([]string{"10.0.0.5", "10.1.2.3/8", "fd00::1", "fd00:1:2::/48", ":", ".", "/", "%eth0", "::", "device-1", " ", "010.0.0.1", "1.", "ffff"}),
		rapid.StringOfN(rapid.RuneFrom([]rune("0123456789abcdefF.:/[] -")), 0, 6, -1),
	)
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(part, 0, 6).Draw(t, "parts"), "")
		got := triage.NewMask(internal).Hide(s)
		for _, word := range strings.FieldsFunc(got, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF.:", r) }) {
			if a, err := netip.ParseAddr(word); err == nil && internal(a.Unmap()) {
				t.Fatalf("%q is hidden as %q, which names %s", s, got, a)
			}
		}
	})
}
