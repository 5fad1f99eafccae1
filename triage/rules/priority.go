// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"tidewatch/detect"
	"tidewatch/incident"
)

// priority says how soon somebody should look. It follows the severity in the light of the
// verdict: critical at once, high within the hour, medium within the day, low when there is
// time; what was alerted and stays undecided is looked at within the day at least. It is a step more urgent while a threat does harm that grows by the minute, or when
// it is a link of a chain, or hits what people called critical; and a step less when a
// flood is over, which then can only be learned from.
func priority(f *facts, a *incident.Assessment) incident.Priority {
	scale := [...]incident.Priority{incident.AnyTime, incident.SameDay, incident.SameHour, incident.AtOnce}
	n := max(0, a.Severity.Rank())
	if a.Verdict == incident.Unclear && f.Severity.Rank() >= detect.Medium.Rank() {
		n = max(n, 1)
	}
	if a.Verdict == incident.Threat && n >= detect.Medium.Rank() {
		harm := f.Category == detect.DDoSAttack || f.Category == detect.DataExfiltration
		switch {
		case f.Category == detect.DDoSAttack && !f.State.Active() && f.State != "":
			n--
		case harm && f.State.Active() && n >= detect.High.Rank(), f.has("earlier_stages"), f.has("later_stages"), f.about.Critical:
			n++
		}
	}
	return scale[min(n, len(scale)-1)]
}
