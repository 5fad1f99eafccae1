// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"strings"

	"tidewatch/detect"
)

// variantOf is the sentence of an indicator that does not mean the same for each
// vector, or for each number, and the indicator as that sentence tells it; empty for
// that of the table.
func variantOf(i *detect.Indicator, vector string) (*detect.Indicator, string) {
	told := *i
	switch i.Name {
	case "connection_rate":
		switch {
		case vector == "" || vector == "syn_flood":
		case vector == "syn_ack_flood", strings.HasSuffix(vector, "_amplification"):
			told.Unit = "answers/s"
			return &told, "%o arrived that nobody had asked for; %e is the limit"
		default:
			told.Unit = "flows/s"
			return &told, "%o asked for a connection in vain, or answered what nobody had asked; %e is the limit"
		}
	case "flows_per_source":
		told.Observed = max(1, i.Observed) // the number of sources is an estimate
		return &told, ""
	case "kind_of_attempts":
		told.Detail = attempts(i.Detail)
		return &told, ""
	}
	return i, ""
}

// attempts names what was tried.
func attempts(kind string) string {
	switch kind {
	case "syn":
		return "SYNs without an answer"
	case "half_open":
		return "connections left half open"
	case "odd_flags":
		return "packets with flags that no stack sends"
	case "connect":
		return "connections without data"
	case "udp":
		return "UDP packets"
	case "icmp_echo":
		return "pings"
	}
	return "of the kind " + acronyms(spoken(kind))
}
