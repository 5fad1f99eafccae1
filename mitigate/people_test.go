// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"tidewatch/decision"
)

func TestRequest(t *testing.T) {
	four, six := netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::/64")
	for name, tc := range map[string]struct {
		r    Request
		want string // of the error; empty: none
	}{
		"an incident":         {Request{Incident: "inc-1", Action: decision.FlowSpecDrop, Minutes: 10}, ""},
		"a target":            {Request{Target: six, Action: decision.Blackhole}, ""},
		"a rate":              {Request{Target: four, Action: decision.RateLimit, Rate: 1000, Minutes: MaxMinutes}, ""},
		"nothing":             {Request{Action: decision.Blackhole}, "an incident or a target"},
		"no action":           {Request{Target: four}, `no action ""`},
		"an unknown action":   {Request{Target: four, Action: "nuke"}, `no action "nuke"`},
		"no rate":             {Request{Target: four, Action: decision.FlowSpecRateLimit}, "needs a rate"},
		"a rate for a block":  {Request{Target: four, Action: decision.Block, Rate: 1}, "takes no rate"},
		"too long":            {Request{Target: four, Action: decision.Block, Minutes: MaxMinutes + 1}, "minutes lie"},
		"a negative time":     {Request{Target: four, Action: decision.Block, Minutes: -1}, "minutes lie"},
		"bits beyond":         {Request{Target: netip.MustParsePrefix("192.0.2.7/24"), Action: decision.Block}, "bits beyond"},
		"a match of nothing":  {Request{Target: four, Action: decision.Block, Match: decision.Match{Protocol: "icmp", DstPort: 1}}, "ports need a protocol"},
		"a match of families": {Request{Target: four, Action: decision.Block, Match: decision.Match{Source: six, Destination: four}}, "different families"},
	} {
		err := tc.r.Validate()
		if tc.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, ErrRequest) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func TestRefusedSaysAll(t *testing.T) {
	err := &RefusedError{Sentences: []string{"203.0.113.1 is not ours", "the cap of 20 rules is reached"}}
	if got := err.Error(); got != "the guard rails forbid it: 203.0.113.1 is not ours; the cap of 20 rules is reached" {
		t.Error(got)
	}
}
