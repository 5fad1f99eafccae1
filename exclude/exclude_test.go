// SPDX-License-Identifier: Apache-2.0

package exclude

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tidewatch/detect"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func host(s string) netip.Prefix {
	a := netip.MustParseAddr(s)
	return netip.PrefixFrom(a, a.BitLen())
}

// part is how much went to one place.
type part struct {
	to      string
	percent int
}

// upload is a theft whose bytes went to some places, in percent.
func upload(subject string, bytes uint64, to ...part) *detect.Finding {
	f := &detect.Finding{
		Category: detect.DataExfiltration, Kind: "exfiltration", Subject: host(subject), Score: 0.9, Severity: detect.Critical,
		Metrics: detect.Metrics{Bytes: bytes}, Indicators: []detect.Indicator{{Name: "upload_volume"}},
	}
	for _, p := range to {
		share := float64(p.percent) / 100
		f.Top.Destinations = append(f.Top.Destinations, detect.Share{Key: p.to, Bytes: uint64(share * float64(bytes)), Share: share})
	}
	f.Top.Ports = []detect.Share{{Key: "443/tcp", Bytes: bytes * 97 / 100, Share: 0.97}, {Key: "22/tcp", Bytes: bytes * 3 / 100, Share: 0.03}}
	return f
}

// book holds exclusions, each written as device, destination, port, kind.
func book(t *testing.T, rules ...string) *Book {
	t.Helper()
	all := make([]Entry, len(rules))
	for i, text := range rules {
		word := strings.Split(text, " ")
		for k := range word {
			word[k] = strings.TrimPrefix(word[k], "-")
		}
		e, err := New(&Rule{Device: word[0], Destination: word[1], Port: word[2], Kind: word[3], Reason: "backup"}, "anna", noon.Add(time.Duration(i)), time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = e
	}
	b := NewBook()
	if err := b.Take(all); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestApply(t *testing.T) {
	const four, six = "192.0.2.10", "2001:db8:1::10"
	slow := func() *detect.Finding { // what goes to a network, a tenth of what the device sends
		f := upload(six, 1e9, part{"2001:db8:f::/48", 10}, part{"2001:db8:f::1", 7}, part{"2001:db8:f::2", 3}, part{"2001:db8:e::1", 80})
		f.Kind, f.About, f.Metrics.Bytes = "slow_exfiltration", 1, 1e8
		f.Top.Ports = []detect.Share{{Key: "443/tcp", Bytes: 1e8, Share: 0.1}}
		return f
	}
	ddos := &detect.Finding{Category: detect.DDoSAttack, Kind: "ddos", Subject: host(four), Score: 0.9, Severity: detect.Critical}
	ddos.Top.Ports = []detect.Share{{Key: "443/udp", Share: 1}}
	network := &detect.Finding{Category: detect.BaselineAnomaly, Kind: "volume", Subject: netip.MustParsePrefix("192.0.2.0/25"), Score: 0.8, Severity: detect.High}
	ping := upload(four, 1e9, part{"198.51.100.1", 100})
	ping.Kind, ping.Top.Ports = "icmp_tunnel", []detect.Share{{Key: "icmp", Share: 1}}
	for _, tc := range []struct {
		name    string
		finding *detect.Finding
		rules   []string
		want    bool
	}{
		{"device", upload(four, 1e9, part{"198.51.100.1", 100}), []string{"192.0.2.10 - - -"}, true},
		{"network of devices", upload(four, 1e9, part{"198.51.100.1", 100}), []string{"192.0.2.0/24 - - -"}, true},
		{"another device", upload(four, 1e9, part{"198.51.100.1", 100}), []string{"192.0.2.11 - - -"}, false},
		{"device, IPv6", upload(six, 1e9, part{"2001:db8:f::1", 100}), []string{"2001:db8:1::/64 - - -"}, true},
		{"an address inside IPv6 is no IPv4 one", upload("::ffff:c000:20a", 1e9), []string{"192.0.2.10 - - -"}, false},
		{"destination", upload(four, 1e9, part{"198.51.100.1", 100}), []string{"- 198.51.100.1 - -"}, true},
		{"destination, IPv6", upload(six, 1e9, part{"2001:db8:f::1", 100}), []string{"- 2001:db8:f::/48 - -"}, true},
		{"another destination", upload(four, 1e9, part{"198.51.100.1", 100}), []string{"- 198.51.100.2 - -"}, false},
		{"small change", upload(four, 1e9, part{"198.51.100.1", 96}, part{"203.0.113.1", 4}), []string{"- 198.51.100.1 - -"}, true},
		{"no small change", upload(four, 1e9, part{"198.51.100.1", 90}, part{"203.0.113.1", 10}), []string{"- 198.51.100.1 - -"}, false},
		{"a small share of much", upload(four, 100e9, part{"198.51.100.1", 96}, part{"203.0.113.1", 4}), []string{"- 198.51.100.1 - -"}, false},
		{"more destinations than are listed", upload(four, 1e9, part{"198.51.100.1", 60}), []string{"- 198.51.100.0/24 - -"}, false},
		{"two together", upload(four, 1e9, part{"198.51.100.1", 50}, part{"203.0.113.1", 50}), []string{"- 198.51.100.1 - -", "192.0.2.10 203.0.113.1 - exfiltration"}, true},
		{"one of them for another device", upload(four, 1e9, part{"198.51.100.1", 50}, part{"203.0.113.1", 50}), []string{"- 198.51.100.1 - -", "192.0.2.11 203.0.113.1 - -"}, false},
		{"port", upload(four, 1e9, part{"198.51.100.1", 100}), []string{"- - 443 -"}, true},
		{"port of a protocol", upload(four, 1e9, part{"198.51.100.1", 100}), []string{"- 198.51.100.1 443/tcp -"}, true},
		{"port of another protocol", upload(four, 1e9, part{"198.51.100.1", 100}), []string{"- 198.51.100.1 443/udp -"}, false},
		{"another port", upload(four, 1e9, part{"198.51.100.1", 100}), []string{"192.0.2.10 198.51.100.1 22 -"}, false},
		{"what goes elsewhere by port and by place adds up", upload(four, 1e9, part{"198.51.100.1", 97}, part{"203.0.113.1", 3}), []string{"- 198.51.100.1 443 -"}, false},
		{"protocol without ports", ping, []string{"- - icmp -"}, true},
		{"kind", upload(four, 1e9, part{"198.51.100.1", 100}), []string{"192.0.2.10 - - exfiltration"}, true},
		{"kind alone", upload(four, 1e9, part{"198.51.100.1", 100}), []string{"- - - exfiltration"}, true},
		{"another kind", upload(four, 1e9, part{"198.51.100.1", 100}), []string{"192.0.2.10 - - ddos"}, false},
		{"the whole network of a slow theft", slow(), []string{"- 2001:db8:f::/48 - -"}, true},
		{"the whole network, by port", slow(), []string{"- 2001:db8:f::/48 443 -"}, true},
		{"all that it used of that network", slow(), []string{"- 2001:db8:f::/120 - -"}, true},
		{"a part of it", slow(), []string{"- 2001:db8:f::1 - -"}, false},
		{"where most of the rest goes", slow(), []string{"- 2001:db8:e::/48 - -"}, false},
		{"attacked device", ddos, []string{"192.0.2.10 - 443/udp ddos"}, true},
		{"attacked device as destination", ddos, []string{"- 192.0.2.10 - -"}, false},
		{"network as subject", network, []string{"192.0.2.0/24 - - volume"}, true},
		{"a part of the subject", network, []string{"192.0.2.0/26 - - -"}, false},
		{"nothing excluded", upload(four, 1e9, part{"198.51.100.1", 100}), nil, false},
	} {
		f := *tc.finding
		shared := append(make([]detect.Indicator, 0, 9), f.Indicators...)
		f.Indicators = shared
		b := book(t, tc.rules...)
		got := b.Apply(noon, &f)
		if got != tc.want {
			t.Errorf("%s: excluded is %v, want %v", tc.name, got, tc.want)
			continue
		}
		if !got {
			if f.Score != tc.finding.Score || f.Severity != tc.finding.Severity || len(f.Indicators) != len(shared) || b.Applied()[f.Kind] != 0 {
				t.Errorf("%s: changed: %+v", tc.name, f)
			}
			continue
		}
		last := f.Indicators[len(f.Indicators)-1]
		if f.Score != detect.Listed || f.Severity != detect.Low || len(f.Indicators) != len(shared)+1 || b.Applied()[f.Kind] != 1 ||
			last.Name != "exclusion" || !strings.HasPrefix(last.Detail, "ex-") || !strings.HasSuffix(last.Detail, ": backup") || last.Observed < 0.95 || last.Observed > 1 {
			t.Errorf("%s: %+v", tc.name, f)
		}
		if shared = shared[:len(shared)+1]; shared[len(shared)-1].Name != "" {
			t.Errorf("%s: a list that the finding shares is written over", tc.name)
		}
	}
}

// Whether an exclusion is over is told by flow time alone, and another list takes the
// place of the one before.
func TestExpiry(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for expires, until := range map[string]time.Time{
		"": noon.AddDate(0, 0, 90), "36h": noon.Add(36 * time.Hour), "30d": noon.AddDate(0, 0, 30),
		"2026-07-31": time.Date(2026, 7, 31, 22, 0, 0, 0, time.UTC), "2026-04-01T06:00:00+02:00": time.Date(2026, 4, 1, 4, 0, 0, 0, time.UTC),
	} {
		e, err := New(&Rule{Device: "192.0.2.10", Reason: "backup", Expires: expires}, "anna", noon, berlin)
		if err != nil || !e.Until.Equal(until) || e.Expires != "" {
			t.Errorf("%q: until %v, want %v, %v", expires, e.Until, until, err)
		}
		b := NewBook()
		if err := b.Take([]Entry{e}); err != nil {
			t.Fatal(err)
		}
		for at, want := range map[time.Time]bool{until.Add(-time.Nanosecond): true, until: false} {
			if got := b.Apply(at, upload("192.0.2.10", 1e9, part{"198.51.100.1", 100})); got != want {
				t.Errorf("%q: at %v excluded is %v", expires, at, got)
			}
		}
		if err := b.Take(nil); err != nil || b.Apply(noon, upload("192.0.2.10", 1e9)) || b.Len() != 0 {
			t.Error("it holds after it was taken back")
		}
	}
}

func TestRefused(t *testing.T) {
	for want, r := range map[string]Rule{
		"covers everything":        {Reason: "x"},
		"a reason is needed":       {Kind: "ddos"},
		"reason must be one line":  {Kind: "ddos", Reason: "a\nb"},
		"there are ddos, ":         {Kind: "ddso", Reason: "x"},
		"device: \"shop\"":         {Device: "shop", Reason: "x"},
		"destination: \"10.0.0.1/": {Destination: "10.0.0.1/8", Reason: "x"},
		"is everything":            {Destination: "::/0", Reason: "x"},
		"port: \"https\"":          {Port: "https", Reason: "x"},
		"port: \"0\"":              {Port: "0", Reason: "x"},
		"port: \"443/web\"":        {Port: "443/web", Reason: "x"},
		"expires: \"soon\"":        {Kind: "ddos", Reason: "x", Expires: "soon"},
		"is over":                  {Kind: "ddos", Reason: "x", Expires: "2026-03-01"},
		"ten years":                {Kind: "ddos", Reason: "x", Expires: "9999d"},
	} {
		if _, err := New(&r, "anna", noon, time.UTC); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", r, err, want)
		}
	}
	ok := Rule{Kind: "ddos", Reason: "x", Expires: "2026-03-01"} // over is no error of a file
	for want, rules := range map[string][]Rule{
		"exclusion 2: a reason":      {ok, {Kind: "ddos"}},
		"exclusion 2 stands there":   {ok, ok},
		"from when on":               {{Kind: "ddos", Reason: "x", Expires: "30d"}},
		"more than 10000 exclusions": make([]Rule, 10_001),
	} {
		if _, err := Configured(rules, time.UTC); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d rules: %v, want %s", len(rules), err, want)
		}
	}
	got, err := Configured([]Rule{ok, {Device: "10.0.0.0/8", Reason: "lab"}}, time.UTC)
	if err != nil || !got[0].Until.Equal(noon.Add(-12*time.Hour)) || !got[1].Until.IsZero() || got[1].Over(noon.AddDate(99, 0, 0)) || got[0].ID == got[1].ID {
		t.Errorf("%+v, %v", got, err)
	}
}

// What nothing excludes costs no memory, however much is excluded elsewhere.
func TestOthersCostNothing(t *testing.T) {
	rules := make([]string, 0, 2000)
	for i := range 1000 {
		rules = append(rules, fmt.Sprintf("10.1.%d.%d - - -", i/250, i%250), fmt.Sprintf("- 2001:db8:%x::/48 443 -", i+1))
	}
	b, f := book(t, rules...), upload("192.0.2.10", 1e9, part{"198.51.100.1", 50}, part{"2001:db9::1", 50})
	if n := testing.AllocsPerRun(100, func() {
		if b.Apply(noon, f) {
			t.Fatal("excluded")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
