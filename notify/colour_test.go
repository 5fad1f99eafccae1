// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"math"
	"strconv"
	"testing"

	"tidewatch/detect"
	"tidewatch/incident"
)

// Every colour can be read as text on white (WCAG 2.2, 1.4.3), and tells another thing.
func TestColours(t *testing.T) {
	seen := map[string]bool{}
	for _, i := range []incident.Incident{
		{Severity: detect.Low, State: incident.Open},
		{Severity: detect.Medium, State: incident.Open},
		{Severity: detect.High, State: incident.Open},
		{Severity: detect.Critical, State: incident.Mitigated},
		{Severity: detect.Critical, State: incident.Acknowledged},
		{Severity: detect.Critical, State: incident.Resolved},
	} {
		c := Colour(&Message{Status: Update, Incident: &i}, &Words{Severity: i.Severity})
		if seen[c] {
			t.Errorf("%s and %s looks like another", i.Severity, i.State)
		}
		seen[c] = true
		if got := 1.05 / (luminance(t, c) + 0.05); got < 4.5 {
			t.Errorf("%s: contrast %.2f", c, got)
		}
	}
	if got := Colour(&Message{Status: Digest}, &Words{Severity: detect.High}); !seen[got] {
		t.Errorf("a digest is %s", got)
	}
}

// luminance is that of WCAG 2.2.
func luminance(t *testing.T, colour string) (sum float64) {
	t.Helper()
	for k, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(colour[1+2*k:3+2*k], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		x := float64(v) / 255
		if x <= 0.04045 {
			x /= 12.92
		} else {
			x = math.Pow((x+0.055)/1.055, 2.4)
		}
		sum += weight * x
	}
	return sum
}
