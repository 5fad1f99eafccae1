// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"tidewatch/flow"
)

func addr(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

func table(tb testing.TB, text string) *Table {
	tb.Helper()
	t := New(DefaultConfig())
	if err := t.Read(strings.NewReader(text)); err != nil {
		tb.Fatal(err)
	}
	return t
}

// A name keeps its past when it gets another address, and an address that goes to
// another name does not.
func TestLeases(t *testing.T) {
	tab := table(t, `# from the DHCP server
name, Address, from, to
laptop-7, 10.0.0.5, , 2026-11-02T00:00:00Z
laptop-7, 10.0.0.9, 2026-11-02T00:00:00Z,
printer,  10.0.0.5, 2026-11-02T00:00:00Z,
laptop-7, 2001:db8::aaaa:bbbb:cccc:dddd,,
`)
	before, after := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC).Unix()
	for _, tc := range []struct {
		a    string
		at   int64
		name string
	}{
		{"10.0.0.5", before, "laptop-7"},
		{"10.0.0.9", before, ""},
		{"10.0.0.9", after, "laptop-7"},
		{"10.0.0.5", after, "printer"},
		{"2001:db8::aaaa:bbbb:cccc:dddd", after, "laptop-7"},
		{"10.0.0.6", after, ""},
	} {
		if got := tab.Name(addr(tc.a), tc.at); got != tc.name {
			t.Errorf("%s at %d is %q, want %q", tc.a, tc.at, got, tc.name)
		}
		want := addr(tc.a)
		if tc.name != "" {
			want = NameKey(tc.name)
		}
		if got := tab.Key(addr(tc.a), tc.at); got != want {
			t.Errorf("%s at %d has the key %v, want %v", tc.a, tc.at, got.Netip(), want.Netip())
		}
	}
}

// Temporary addresses share the past of their network; all others have their own.
func TestTemporary(t *testing.T) {
	for a, want := range map[string]string{
		"2001:db8:1:2:a8b3:9c1d:22fe:7e01": "2001:db8:1:2::",
		"2001:db8:1:2:211:22ff:fe33:4455":  "",
		"2001:db8:1:2::27":                 "",
		"fd00::1:2:3:4":                    "fd00::",
		"fe80::a8b3:9c1d:22fe:7e01":        "",
		"10.1.2.3":                         "",
	} {
		if want == "" {
			want = a
		}
		if got := New(DefaultConfig()).Key(addr(a), 0); got != addr(want) {
			t.Errorf("%s: %v, want %s", a, got.Netip(), want)
		}
		if got := New(Config{}).Key(addr(a), 0); got != addr(a) {
			t.Errorf("%s is %v although it was not asked for", a, got.Netip())
		}
	}
}

// Mistakes in the file are named with their line.
func TestBadLeases(t *testing.T) {
	for text, says := range map[string]string{
		"ip,host\n":                                 "address,name,from,to",
		"address,name\n10.0.0.300,x\n":              "line 2: \"10.0.0.300\" is no address",
		"address,name\n10.0.0.3,\n":                 "line 2: a name",
		"address,name,from\n10.0.0.3,x,yesterday\n": "line 2: \"yesterday\" is no time",
		"address,name\n10.0.0.3,x\n\n10.0.0.3,y\n":  "is x already (line 2)",
		"address,name\n\"10.0.0.3,x\n":              "leases:",
		"address,name,from,to\n10.0.0.3,x,2026-11-02T00:00:00Z,2026-11-01T00:00:00Z\n": "line 2: from must lie before to",
	} {
		if err := New(Config{}).Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
	if err := New(Config{}).Read(strings.NewReader("")); err != nil {
		t.Error("an empty file is an error:", err)
	}
}

func TestNoAllocation(t *testing.T) {
	tab := table(t, "address,name\n10.0.0.3,x\n")
	a, b := addr("10.0.0.3"), addr("2001:db8:1:2:a8b3:9c1d:22fe:7e01")
	if n := testing.AllocsPerRun(100, func() { tab.Key(a, 5); tab.Key(b, 5) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("address,name,from,to\n10.0.0.3,x,2026-11-02T00:00:00Z,\n10.0.0.3,y,,2026-11-02T00:00:00Z\n")
	f.Fuzz(func(_ *testing.T, text string) {
		tab := New(DefaultConfig())
		_ = tab.Read(strings.NewReader(text))
		tab.Key(addr("10.0.0.3"), 1)
	})
}
