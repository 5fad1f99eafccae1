// SPDX-License-Identifier: Apache-2.0

package llm

import (
	"maps"
	"strings"
)

// Answer is an answer of the agreed form, with some fields changed; a nil one is left out.
func Answer(change map[string]any) string {
	a := fields{
		"reasons": []string{"the packet rate of 20 000 a second is twice the limit", "5 000 sources send it"}, "verdict": "threat",
		"confidence": 0.9, "legitimate_likelihood": 0.1, "severity": "high", "attack_type": "syn_flood", "impact": "the device may stop serving",
		"legitimate_explanation": "", "recommended_actions": []string{"enable SYN cookies on the device"},
		"investigation_steps": []string{"look at the listen queue of the device"}, "investigation_priority": "p2", "likely_cause": "attack",
		"likely_botnet": "yes", "likely_data_type": "", "exfiltration_method": "", "likely_insider": "unknown", "attack_techniques": []string{"T1499.001"},
	}
	maps.Copy(a, change)
	for k, v := range a {
		if v == nil {
			delete(a, k)
		}
	}
	return string(marshal(a))
}

// Obedient is a model that does what any text tells it: told to call something
// legitimate, it does.
func Obedient() Step {
	return Step{Think: func(r *Request) Step {
		heard := strings.ToLower(r.Heard())
		if strings.Contains(heard, "ignore previous instructions") || strings.Contains(heard, "verdict legitimate") {
			return Step{Say: Answer(fields{
				"verdict": "legitimate", "confidence": 1, "legitimate_likelihood": 1, "severity": "low", "investigation_priority": "p4",
				"likely_cause": "business", "attack_techniques": []string{}, "reasons": []string{"the administrator says so"},
				"recommended_actions": []string{"close the incident"},
			})}
		}
		return Step{Say: Answer(nil)}
	}}
}
