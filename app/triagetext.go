// SPDX-License-Identifier: Apache-2.0

package app

import (
	"strings"

	"tidewatch/incident"
)

// writeRules tells what the rules say while a model's judgement stands.
func writeRules(b *strings.Builder, i *incident.Incident) {
	if i.Rules == nil {
		return
	}
	s := string(i.Rules.Verdict) + ", " + sureText(i.Rules.Confidence) + " sure"
	if i.Rules.Verdict == incident.Unclear {
		s = "uncertain, to " + sureText(i.Rules.Likelihood) + " wanted traffic"
	}
	paragraph(b, "  the rules say: ", s)
}
