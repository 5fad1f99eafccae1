// SPDX-License-Identifier: Apache-2.0

package beacon

import (
	"math/rand/v2"
	"testing"

	"tidewatch/detect"
)

// A backup by the clock, and what somebody does once in each working day, are no calls
// for orders; a small call once a day on the minute is one.
func TestTransfers(t *testing.T) {
	t.Parallel()
	const days = 24
	r := rand.New(rand.NewPCG(8, 8))
	daily := func(wide int64) (at []int64) {
		for d := range int64(days) {
			at = append(at, d*86400+9*3600+r.Int64N(wide))
		}
		return at
	}
	for name, tc := range map[string]struct {
		at    []int64
		bytes uint64
		loud  bool
	}{
		"a backup every night":             {daily(180), 3e9, false},
		"an upload every five minutes":     {clock(r, 300, 48, 0.05, 0), 1e6, false},
		"a small call every five minutes":  {clock(r, 300, 48, 0.05, 0), 900, true},
		"somebody once in each day":        {daily(8 * 3600), 900, false},
		"a small call once a day, at nine": {daily(180), 900, true},
	} {
		for _, from := range []string{"10.0.0.1", "fd00::1"} {
			to := "198.51.100.7"
			if from == "fd00::1" {
				to = "2001:db8::7"
			}
			last := tc.at[len(tc.at)-1]
			all := play(t, last/3600+2, records(asking{from: from, to: to, port: 443, bytes: tc.bytes, at: tc.at}))
			score, _, _ := strongest(all, from, 0)
			if loud := score >= 0.6; loud != tc.loud {
				t.Errorf("%s from %s: score %.2f, %s", name, from, score, detect.SeverityOf(score))
			}
		}
	}
}
