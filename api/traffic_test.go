// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// carrying is traffic that answers with the minutes it was asked for.
type carrying struct{}

func (c *carrying) Traffic(_ context.Context, minutes int, a netip.Addr) (*TrafficSeries, error) {
	if a == netip.MustParseAddr("192.0.2.99") {
		return nil, &RefusedError{http.StatusNotFound, "nothing is known of 192.0.2.99"}
	}
	low, mid, high := 1e6, 2e6, 4e6
	return &TrafficSeries{Step: 60, Unit: "bits_per_second", Points: []TrafficPoint{
		{At: noon(), In: float64(minutes), InLow: &low, InExpected: &mid, InHigh: &high},
	}}, nil
}

func (c *carrying) Movers(_ context.Context, limit int) ([]Mover, error) {
	all := []Mover{{Address: netip.MustParseAddr("2001:db8::7"), Role: "server", Field: "bytes_out", Now: 9e6, Expected: 1e6, Sigma: 12, Factor: 9}}
	return all[:min(limit, len(all))], nil
}

func TestTraffic(t *testing.T) {
	s := server(t, nil)
	for target, want := range map[string]struct {
		status int
		body   string
	}{
		"/api/v1/traffic":                                   {200, `"in":60,`},
		"/api/v1/traffic?minutes=1440":                      {200, `"in":1440,`},
		"/api/v1/traffic?device=2001:db8::1":                {200, `"unit":"bits_per_second"`},
		"/api/v1/traffic?device=::ffff:192.0.2.1":           {200, `"in_low":1000000,"in_expected":2000000,"in_high":4000000,"out_low":null`},
		"/api/v1/traffic?minutes=0":                         {422, "minutes"},
		"/api/v1/traffic?minutes=1441":                      {422, "minutes"},
		"/api/v1/traffic?device=nobody":                     {422, "no address"},
		"/api/v1/traffic?device=fe80::1%25eth0":             {422, "no address"},
		"/api/v1/traffic?device=192.0.2.99":                 {404, "nothing is known"},
		"/api/v1/traffic?hours=1":                           {422, "unknown query parameter"},
		"/api/v1/movers":                                    {200, `"address":"2001:db8::7"`},
		"/api/v1/movers?limit=101":                          {422, "limit"},
		"/api/v1/traffic?device=" + strings.Repeat("1", 65): {422, "length"},
	} {
		res, body := ask(t, s, "GET", target, nil)
		if res.Code != want.status || !strings.Contains(body, want.body) {
			t.Errorf("%s: %d %s", target, res.Code, body)
		}
	}
	_, body := ask(t, s, "GET", "/api/v1/movers?limit=1", nil)
	var got struct {
		Movers []map[string]any `json:"movers"`
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || len(got.Movers) != 1 || got.Movers[0]["now_bits_per_second"] != 9e6 || got.Movers[0]["factor"] != 9.0 {
		t.Errorf("%s (%v)", body, err)
	}
}
