// SPDX-License-Identifier: Apache-2.0

package api

import (
	"math"
	"strings"
	"testing"
	"time"
)

// TestQuality has a row for each line of the table in docs/reference/api.md.
func TestQuality(t *testing.T) {
	t.Parallel()
	good := Exporter{Protocols: []string{"ipfix"}, LastSeen: noon(), Datagrams: 1000, Records: 20_000, SamplingKnown: true, Sampling: 1}
	for name, tc := range map[string]struct {
		change func(*Exporter)
		score  float64
		reason string // of the worst
	}{
		"nothing is wrong":             {func(*Exporter) {}, 1, ""},
		"a pause":                      {func(e *Exporter) { e.LastSeen = noon().Add(-4 * time.Minute) }, 1, ""},
		"silence":                      {func(e *Exporter) { e.LastSeen = noon().Add(-time.Hour) }, 0.5, "silent for 1h0m0s"},
		"one record in a hundred lost": {func(e *Exporter) { e.Records, e.Lost, e.SequenceGaps = 19_800, 200, 3 }, 0.95, "200 of 20000 records lost, in 3 gaps"},
		"a third of all records lost":  {func(e *Exporter) { e.Lost = 10_000 }, 0.5, "10000 of 30000 records"},
		"loss counted in datagrams":    {func(e *Exporter) { e.Protocols, e.Lost = []string{"netflow9"}, 20 }, 0.9, "20 of 1020 datagrams"},
		"templates missing":            {func(e *Exporter) { e.MissingTemplates = 50 }, 0.85, "50 data sets came before their template"},
		"errors": {
			func(e *Exporter) { e.Errors = map[string]uint64{"short": 20, "version": 5} }, 0.92,
			"25 parts of 1000 datagrams could not be read",
		},
		"nothing but errors":    {func(e *Exporter) { e.Records, e.Errors = 0, map[string]uint64{"short": 5000} }, 0.7, "5000 parts"},
		"sampling not known":    {func(e *Exporter) { e.SamplingKnown = false }, 0.9, "sampling rate"},
		"a clock that is late":  {func(e *Exporter) { e.SkewSeconds = -20 }, 0.9, "its clock is 20 s off"},
		"a clock in the future": {func(e *Exporter) { e.SkewSeconds = 7200 }, 0.7, "its clock is 7200 s off"},
		"nearly right":          {func(e *Exporter) { e.SkewSeconds = 4.9 }, 1, ""},
		"all at once": {func(e *Exporter) {
			e.LastSeen, e.Lost, e.MissingTemplates, e.SkewSeconds, e.SamplingKnown = noon().Add(-time.Hour), 1<<40, 1<<40, 1e9, false
		}, 0, "silent"},
		"never heard of": {func(e *Exporter) { *e = Exporter{} }, 0.5, "silent"},
	} {
		e := good
		tc.change(&e)
		got := QualityOf(&e, noon())
		worst := ""
		if len(got.Reasons) > 0 {
			worst = got.Reasons[0]
		}
		if math.Abs(got.Score-tc.score) > 0.011 || (tc.reason == "") != (worst == "") || !strings.Contains(worst, tc.reason) {
			t.Errorf("%s: %v, want %v %q", name, got, tc.score, tc.reason)
		}
	}
}
