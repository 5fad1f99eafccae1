// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"tidewatch/baseline"
)

// catalog remembers what was asked of it.
type catalog struct {
	filter DeviceFilter
	field  string
}

func (c *catalog) Devices(_ context.Context, f *DeviceFilter) (*DevicePage, error) {
	c.filter = *f
	return &DevicePage{Devices: []Device{{Address: netip.MustParseAddr("10.0.0.1"), Name: "printer", Tier: "minute", Role: "thing"}}, Next: "5-10.0.0.1"}, nil
}

func (c *catalog) Device(_ context.Context, a netip.Addr, field string) (*DeviceDetail, error) {
	c.field = field
	if a == netip.MustParseAddr("10.9.9.9") {
		return nil, &RefusedError{Status: 404, Detail: "nothing is known of 10.9.9.9"}
	}
	return &DeviceDetail{Device: Device{Address: a}, Peers: []UsualPeer{{Bytes: 7}}, Profile: &baseline.Profile{Field: baseline.Field(field)}}, nil
}

func TestDevices(t *testing.T) {
	c := &catalog{}
	s := server(t, func(_ *Config, d *Deps) { d.Devices = c })
	for _, tc := range []struct {
		target string
		status int
		text   string
	}{
		{"", 200, `"next":"5-10.0.0.1"`},
		{"?prefix=10.0.0.7/8&text=print&sort=bytes&limit=7&cursor=5-10.0.0.1", 200, `"name":"printer"`},
		{"?prefix=::ffff:10.0.0.7/104&text=print&sort=bytes&limit=7&cursor=5-10.0.0.1", 200, `"name":"printer"`},
		{"?prefix=ten", 422, "query.prefix"},
		{"?sort=colour", 422, "query.sort"},
		{"/2001:db8::1?field=flows_out", 200, `"field":"flows_out"`},
		{"/::ffff:10.0.0.1", 200, `"address":"10.0.0.1"`},
		{"/10.0.0.1", 200, `"peers":[{"bytes":7`}, // a peer without an address has none
		{"/10.9.9.9", 404, "nothing is known of 10.9.9.9"},
		{"/printer", 422, "no address"},
		{"/fe80::1%25eth0", 422, "no address"},
	} {
		res, body := ask(t, s, "GET", "/api/v1/devices"+tc.target, nil)
		if res.Code != tc.status || !strings.Contains(body, tc.text) {
			t.Errorf("%s: %d %s, want %d %s", tc.target, res.Code, body, tc.status, tc.text)
		}
		if strings.Contains(tc.target, "0.0.7/") && c.filter != (DeviceFilter{netip.MustParsePrefix("10.0.0.0/8"), "print", "bytes", 7, "5-10.0.0.1"}) {
			t.Errorf("%+v", c.filter)
		}
	}
	if c.field != "bytes_in" {
		t.Errorf("the field is %q without one", c.field)
	}
}
