// SPDX-License-Identifier: Apache-2.0

package slow

import (
	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/window"
)

const (
	// leastRise is how many bytes a day beyond the usual are told of: what is found of a
	// new network, too.
	leastRise = 10e6
	// muchRise is what makes a rise high: as much as an upload needs to count (mission D2).
	muchRise = 1e9
)

// risen weighs an account that gets more, day after day, than its own past explains:
// a device that always sends there, and now sends much more. Alone that is medium, as
// work changes; high when more than a gigabyte went beyond the usual within a week.
func (d *Detector) risen(w *window.Window, x *baseline.Drip, today uint16) (f detect.Finding, ok bool) {
	a := x.Account
	beyond, days := a.Beyond(today)
	if days == 0 || beyond/float64(days) < leastRise {
		return f, false
	}
	when := func(is bool, weight float64) float64 {
		if is {
			return weight
		}
		return 0
	}
	signs := [...]sign{
		{"slow_rise", a.Usual() + beyond/float64(days), a.Usual(), "bytes", 0.5},
		{"slow_rise_volume", beyond, muchRise, "bytes", when(beyond > muchRise, 0.2)},
		{"slow_alone", 1, float64(d.cfg.Many), "devices", when(x.Users <= 1, 0.1)},
		{"destination_shared", float64(x.Users), 0, "devices", when(x.Users >= d.cfg.Many, -0.4)},
		{"mail_or_vpn", 1, 0, "", when(byDesign(a.Service), -0.4)},
		{"behind_gateway", 1, 0, "", when(d.gateway(x.Device), -0.2)},
	}
	score := 0.0
	for _, s := range signs {
		score = max(0, detect.Plus(score, s.weight))
	}
	if score < d.cfg.Score {
		return f, false
	}
	return d.finding(w, x, today, signs[:], score), true
}
