// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"tidewatch/detect"
	"tidewatch/incident"
)

const (
	byAttack           = "attack"
	byCompromise       = "compromise"
	byMisconfiguration = "misconfiguration"
	byFailure          = "failure"
	byBusiness         = "business"
)

// cause is why it happened, empty when flows do not tell.
func cause(f *facts, verdict incident.Judgement) string {
	switch {
	case f.Kind == "silence", f.Kind == "exporter_down", f.Kind == "volume" && f.has("fewer"):
		if verdict == incident.Legitimate {
			return byBusiness // planned, or the same for many
		}
		return byFailure
	case verdict == incident.Legitimate && f.Category == detect.Reconnaissance && !f.has("scheduled_event") && !f.has("exclusion"):
		return byMisconfiguration // nobody tries in vain on purpose
	case verdict == incident.Legitimate:
		return byBusiness
	case verdict == incident.Unclear:
		return ""
	case f.Kind == "ddos", f.fromOutside() && !f.has("login_succeeded"):
		return byAttack
	case f.Kind == "volume" && f.times("volume_bits_out") <= 1 && f.times("volume_hour_bytes_out") <= 1:
		return byAttack // somebody else sends
	}
	return byCompromise // an own device does not do it of its own accord
}
