// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tidewatch/flow"
)

func threats(tb testing.TB, limit int, files ...string) *Threats {
	tb.Helper()
	dir := tb.TempDir()
	paths := make([]string, 0, len(files))
	for i, text := range files {
		path := filepath.Join(dir, fmt.Sprintf("list%d.txt", i))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
		paths = append(paths, path)
	}
	t, err := OpenThreats(paths, limit)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// Lists come in many shapes; each entry of them is found by its narrowest network, and
// nothing else is.
func TestThreatLists(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want map[string]string // the entry that an address finds; "" for none
		bad  int
	}{
		"plain": {
			"# a list\n\n192.0.2.1\n198.51.100.0/24 ; SBL123\r\n2001:db8::1 # seen today\n2001:db8:1::/48\tseen\n203.0.113.9 some text, and more\n",
			map[string]string{"192.0.2.1": "192.0.2.1/32", "198.51.100.77": "198.51.100.0/24", "2001:db8::1": "2001:db8::1/128", "2001:db8:1:2::3": "2001:db8:1::/48", "192.0.2.2": "", "2001:db8::2": "", "203.0.113.9": "203.0.113.9/32"},
			0,
		},
		"the narrowest": {
			"198.51.0.0/16\n198.51.100.0/24\n198.51.100.9/24\n198.51.100.7\n",
			map[string]string{"198.51.100.7": "198.51.100.7/32", "198.51.100.8": "198.51.100.0/24", "198.51.9.9": "198.51.0.0/16"},
			0,
		},
		"CSV by the first column": {"192.0.2.1,443,online\n\"198.51.100.1\",80\n", map[string]string{"192.0.2.1": "192.0.2.1/32", "198.51.100.1": "198.51.100.1/32"}, 0},
		"CSV with a header":       {"first_seen,IP_Address,port\n2026-01-01,192.0.2.1,443\n2026-01-02,2001:db8::1,443\n", map[string]string{"192.0.2.1": "192.0.2.1/32", "2001:db8::1": "2001:db8::1/128"}, 0},
		"a header in a comment":   {"# Feodo\n# \"first_seen_utc\",\"dst_ip\",\"dst_port\"\n\"2026-01-01 00:00:00\",\"192.0.2.1\",\"443\"\n", map[string]string{"192.0.2.1": "192.0.2.1/32"}, 0},
		"addresses with ports":    {"ioc_id,ioc_value\n1,192.0.2.1:8080\n2,[2001:db8::1]:443\n", map[string]string{"192.0.2.1": "192.0.2.1/32", "2001:db8::1": "2001:db8::1/128"}, 0},
		"mapped and with a mark":  {"\ufeff::ffff:192.0.2.1\n", map[string]string{"192.0.2.1": "192.0.2.1/32"}, 0},
		"bad lines": {
			"evil.example\n192.0.2.1\n0.0.0.0/0\n::/0\n10.0.0.0/7\n192.0.2.1/33\n0.0.0.0\n" + strings.Repeat("1", 9000) + "\n192.0.2.3",
			map[string]string{"192.0.2.1": "192.0.2.1/32", "192.0.2.3": "192.0.2.3/32", "198.51.100.1": ""},
			7,
		},
	} {
		got := threats(t, 100, tc.text)
		for addr, want := range tc.want {
			entry, list, ok := got.Match(flow.AddrFrom(netip.MustParseAddr(addr)))
			a := flow.AddrFrom(netip.MustParseAddr(addr))
			if ok != (want != "") || ok && (entry.String() != want || list != "list0.txt") || got.Listed(&a) != ok {
				t.Errorf("%s: %s is in %v of %q, want %q", name, addr, entry, list, want)
			}
		}
		if bad := got.Lists()[0].Bad; bad != tc.bad {
			t.Errorf("%s: %d bad lines, want %d: %q", name, bad, tc.bad, got.Notes())
		}
	}
}

// What is left out is counted and said, with the file and the line.
func TestThreatListBounds(t *testing.T) {
	got := threats(t, 3, "192.0.2.1\n192.0.2.1\nwhat\nis this\n192.0.2.2\n", "192.0.2.2\n192.0.2.3\n192.0.2.4\n192.0.2.5\n")
	notes := got.Notes()
	if got.Len() != 3 || len(notes) != 2 || !strings.HasSuffix(notes[0], "list0.txt: 2 lines hold neither an address nor a network and are left out; the first is line 3, \"what\"") ||
		!strings.HasSuffix(notes[1], "list1.txt: 2 entries from line 3 on are left out, because threat.max_entries is reached") {
		t.Errorf("%d entries, %q", got.Len(), notes)
	}
	if _, list, _ := got.Match(flow.AddrFrom(netip.MustParseAddr("192.0.2.2"))); list != "list0.txt" {
		t.Errorf("an entry of two lists is told of %q", list)
	}
	dir := t.TempDir()
	page := filepath.Join(dir, "page.html")
	if err := os.WriteFile(page, []byte("<html>\nnot found\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, path := range map[string]string{"no such file": filepath.Join(dir, "none"), "is no file": dir, "line 1 is \"<html>\"": page} {
		if _, err := OpenThreats([]string{path}, 3); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
	var none *Threats
	if _, _, ok := none.Match(flow.Addr{}); ok || none.Len() != 0 || none.Notes() != nil {
		t.Error("a nil list knows something")
	}
	if got, err := OpenThreats(nil, 3); got != nil || err != nil {
		t.Error("no list is a list")
	}
}

// FuzzThreatList: whatever a file holds, reading ends, the bound holds, and each
// entry is found by its own address and is no wider than a list may say.
func FuzzThreatList(f *testing.F) {
	for _, text := range []string{
		"192.0.2.1\n198.51.100.0/24 ; x\n", "# \"a\",\"dst_ip\"\n1,2001:db8::1\n", "::ffff:1.2.3.4/128,\n", "ip\n\"", ",,,\n#;\n", "1.2.3.4:5\n[::1]:2",
		strings.Repeat("9", 5000) + "\n1.2.3.4", "fe80::1%eth0\n", "\ufeff#ip,\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 5
		got, l := &Threats{}, ThreatList{Name: "list"}
		if err := got.read(strings.NewReader(string(data)), &l, limit); err != nil {
			t.Fatal(err)
		}
		got.lists = append(got.lists, l)
		lines := strings.Count(string(data), "\n") + 1
		if got.Len() > limit || l.Entries != got.Len() || l.Entries+l.Bad+l.Lost > lines || l.Bad > 0 && (l.firstNo < 1 || l.firstNo > lines) || len(l.first) > 3*shownLine {
			t.Fatalf("%d entries of %d lines, %+v", got.Len(), lines, l)
		}
		for p := range got.table.All() {
			entry, list, ok := got.Match(flow.AddrFrom(p.Addr()))
			if !ok || list != "list" || entry.Bits() < p.Bits() || p.Bits() < widest(p.Addr()) {
				t.Fatalf("%v is found as %v of %q", p, entry, list)
			}
		}
	})
}

// BenchmarkThreats measures a list of a million addresses: the memory of an entry, and
// what a question costs.
func BenchmarkThreats(b *testing.B) {
	const n = 1_000_000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	t, state := &Threats{lists: []ThreatList{{Name: "list"}}}, uint64(1)
	next := func() flow.Addr {
		state = state*6364136223846793005 + 1442695040888963407
		return flow.AddrFrom4([4]byte{byte(state >> 56), byte(state >> 48), byte(state >> 40), byte(state >> 32)})
	}
	for range n {
		a := next().Netip()
		t.table.Insert(netip.PrefixFrom(a, 32), 0)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportAllocs()
	for b.Loop() {
		a := next()
		_ = t.Listed(&a)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/entry")
}
