// SPDX-License-Identifier: Apache-2.0

package exfil

import (
	"slices"
	"testing"

	"tidewatch/detect"
)

// What a client sends to acknowledge a download is no upload; what only looks like
// that is. A test of the line is weighed down, and stays visible.
func TestLookAlikes(t *testing.T) {
	for name, tc := range map[string]struct {
		transfers []transfer
		severity  detect.Severity // empty: nothing to find
		indicator string          // that must be there
	}{
		"acknowledgements of a download":       {[]transfer{{"198.51.100.7", 50000, 443, 30, 50, 1500, night, 52}}, "", ""},
		"the same in IPv6":                     {[]transfer{{"2001:db8::7", 50000, 443, 30, 50, 1500, night, 72}}, "", ""},
		"small packets without a download":     {[]transfer{{"198.51.100.7", 50000, 443, 30, 50, 50, night, 52}}, detect.Critical, ""},
		"full packets beside a large download": {[]transfer{{"198.51.100.7", 50000, 443, 30, 50, 1500, night, 0}}, detect.Critical, ""},
		"acknowledgements hide no upload": {
			[]transfer{{"198.51.100.7", 50000, 443, 30, 50, 1500, night, 52}, {"203.0.113.9", 50001, 443, 30, 50, 0, night, 0}}, detect.Critical, "acknowledgements",
		},
		"a test of the line":              {[]transfer{{"198.51.100.7", 50000, 443, 1, 1, 1200, night, 0}, {"198.51.100.7", 50001, 443, 1, 1200, 0, night + 60, 0}}, detect.Low, "speed_test"},
		"a test of the line by IPv6":      {[]transfer{{"2001:db8::7", 50000, 443, 1, 1, 1200, night, 0}, {"2001:db8::7", 50001, 443, 1, 1200, 0, night + 60, 0}}, detect.Low, "speed_test"},
		"an upload of a minute":           {[]transfer{{"198.51.100.7", 50001, 443, 1, 1200, 0, night + 60, 0}}, detect.Critical, ""},
		"both ways, with two servers":     {[]transfer{{"198.51.100.8", 50000, 443, 1, 1, 1200, night, 0}, {"198.51.100.7", 50001, 443, 1, 1200, 0, night + 60, 0}}, detect.Critical, ""},
		"both ways, half an hour":         {[]transfer{{"198.51.100.7", 50000, 443, 30, 50, 50, night, 0}}, detect.Critical, ""},
		"a download an hour before it":    {[]transfer{{"198.51.100.7", 50000, 443, 1, 1, 1200, night, 0}, {"198.51.100.7", 50001, 443, 1, 1200, 0, night + 3600, 0}}, detect.Critical, ""},
		"an upload five times its return": {[]transfer{{"198.51.100.7", 50000, 443, 2, 1200, 240, night, 0}}, detect.Critical, ""},
	} {
		f, found := run(t, tc.transfers...)
		if found != (tc.severity != "") || f.Severity != tc.severity {
			t.Errorf("%s: %q, found %v; want %q: %+v", name, f.Severity, found, tc.severity, f.Indicators)
		}
		if tc.indicator != "" && !slices.ContainsFunc(f.Indicators, func(i detect.Indicator) bool { return i.Name == tc.indicator }) {
			t.Errorf("%s: no indicator %s in %+v", name, tc.indicator, f.Indicators)
		}
	}
}
