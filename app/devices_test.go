// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidewatch/api"
)

// The list has every device of every shard, in the order and the selection that was
// asked for, page by page; the detail tells what is usual.
func TestDevices(t *testing.T) {
	cfg := testConfig("10.0.0.0/8", "fd00::/8")
	cfg.Shards, cfg.Identity.Leases = 3, filepath.Join(t.TempDir(), "leases.csv")
	if err := os.WriteFile(cfg.Identity.Leases, []byte("address,name\n10.0.0.7,Printer\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	names := &exporterNames{}
	names.add(0, netip.MustParseAddr("192.0.2.1"))
	d := &directory{e, names, time.UTC}
	hour := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC).Unix() / 3600
	var devices []string
	for i := range 20 {
		devices = append(devices, fmt.Sprintf("10.0.0.%d", i+1))
	}
	devices = append(devices, "fd00::5")
	for range int64(5 * 24) {
		hourly(e, hour, devices...)
		hour++
	}
	hourly(e, hour, devices[:2]...)        // these two came last
	hourly(e, hour, devices[1], "fd00::5") // and of them one has twice as much
	list := func(f api.DeviceFilter) string {
		t.Helper()
		if f.Limit == 0 {
			f.Limit = 100
		}
		var out []string
		for {
			page, err := d.Devices(t.Context(), &f)
			if err != nil {
				t.Fatal(err)
			}
			for i := range page.Devices {
				out = append(out, page.Devices[i].Address.String())
			}
			if f.Cursor = page.Next; f.Cursor == "" {
				return strings.Join(out, " ")
			}
			out = append(out, "|")
		}
	}
	all := list(api.DeviceFilter{Sort: "address"})
	if got := strings.Fields(all); len(got) != 21 || got[0] != "10.0.0.1" || got[9] != "10.0.0.10" || got[20] != "fd00::5" {
		t.Errorf("by address: %s", all)
	}
	if got := strings.ReplaceAll(list(api.DeviceFilter{Sort: "address", Limit: 4}), " |", ""); got != all {
		t.Errorf("by pages: %s", got)
	}
	for name, tc := range map[string]struct {
		f    api.DeviceFilter
		want string
	}{
		"last seen":   {api.DeviceFilter{Prefix: netip.MustParsePrefix("10.0.0.0/30"), Limit: 2}, "10.0.0.1 10.0.0.2 | 10.0.0.3"},
		"most bytes":  {api.DeviceFilter{Sort: "bytes", Prefix: netip.MustParsePrefix("10.0.0.0/30"), Limit: 1}, "10.0.0.2 | 10.0.0.1 | 10.0.0.3"},
		"a name":      {api.DeviceFilter{Text: "printer"}, "10.0.0.7"},
		"a part":      {api.DeviceFilter{Text: "0.0.2", Sort: "address"}, "10.0.0.2 10.0.0.20"},
		"a network":   {api.DeviceFilter{Prefix: netip.MustParsePrefix("fd00::/64")}, "fd00::5"},
		"nobody":      {api.DeviceFilter{Text: "camera"}, ""},
		"none's rank": {api.DeviceFilter{Text: "printer", Cursor: "0-10.0.0.1"}, ""},
	} {
		if got := list(tc.f); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	if _, err := d.Devices(t.Context(), &api.DeviceFilter{Limit: 1, Cursor: "yesterday"}); !refusedWith(err, 422, "cursor") {
		t.Errorf("a wrong cursor: %v", err)
	}

	one, err := d.Device(t.Context(), netip.MustParseAddr("10.0.0.2"), "bytes_in")
	if err != nil {
		t.Fatal(err)
	}
	if one.FirstSeen.Format(time.DateOnly) != "2026-10-05" || one.LastSeen.Unix()/3600 != hour || one.Exporter.String() != "192.0.2.1" || one.Tier != "real_time" || one.BytesIn != 20e6 {
		t.Errorf("%+v", one.Device)
	}
	if len(one.Peers) != 1 || one.Peers[0].Address.String() != "2001:db8:ffff::1" || one.Peers[0].First != "2026-10-05" ||
		len(one.Services) != 1 || one.Services[0].Port != 443 || one.Services[0].Protocol != 6 || one.Services[0].Offered ||
		len(one.Hours) != 168 || one.Hours[24] != 1 || one.Hours[0] != 0 || one.RoleReason == "" {
		t.Errorf("peers %+v, services %+v, hours %v", one.Peers, one.Services, one.Hours)
	}
	if p := one.Profile; p == nil || p.Address != "10.0.0.2" || p.HoursKept < 100 || p.Days[12].Median != 60e6 {
		t.Errorf("profile %+v", p)
	}
	if named, err := d.Device(t.Context(), netip.MustParseAddr("10.0.0.7"), "bytes_in"); err != nil || named.Name != "Printer" || named.Profile == nil {
		t.Errorf("%+v, %v", named, err)
	}
	if _, err := d.Device(t.Context(), netip.MustParseAddr("10.9.9.9"), "bytes_in"); !refusedWith(err, 404, "10.9.9.9") {
		t.Errorf("unknown: %v", err)
	}

	// What an earlier run learned is listed although this one has met nobody.
	after, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range e.shards {
		if _, err := after.shards[i].habits.Decode(s.habits.AppendBinary(nil)); err != nil {
			t.Fatal(err)
		}
	}
	d.engine = after
	if got := list(api.DeviceFilter{Sort: "address"}); got != all {
		t.Errorf("after a restart: %s", got)
	}
	if one, err := d.Device(t.Context(), netip.MustParseAddr("10.0.0.2"), "bytes_in"); err != nil || one.LastSeen.Unix() != hour*3600 || one.Tier != "batch" || one.Profile != nil {
		t.Errorf("after a restart: %+v, %v", one, err)
	}
}
