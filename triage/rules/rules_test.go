// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"testing"

	"tidewatch/detect"
	"tidewatch/incident"
)

// given is an attack with some readings: observed, expected.
func given(vector string, readings map[string][2]float64) *incident.Incident {
	inc := &incident.Incident{
		Category: detect.DDoSAttack, Kind: "ddos", Vector: vector, Severity: detect.High, Score: 0.8,
		Metrics: detect.Metrics{Sources: 2000, PeakBitsPerSecond: 1e9},
	}
	for _, e := range append(signs(), "source_dispersion") {
		if r, ok := readings[e]; ok {
			inc.Indicators = append(inc.Indicators, incident.Indicator{
				Indicator: detect.Indicator{Name: e, Observed: r[0], Expected: r[1]}, Text: e,
			})
		}
	}
	return inc
}

func signs() (out []string) {
	for _, e := range attackSigns() {
		out = append(out, e.sign)
	}
	return out
}

func TestAssess(t *testing.T) {
	type readings = map[string][2]float64
	yes, no := true, false
	for name, tc := range map[string]struct {
		vector    string
		readings  readings
		verdict   incident.Judgement
		cause     string
		botnet    *bool
		bps       float64
		technique string
	}{
		"spoofed SYN flood": {
			"syn_flood", readings{
				"unanswered": {1, 0.1}, "incomplete_connections": {0.97, 0.02}, "flows_per_source": {1.01, 2},
				"new_sources": {1, 0.1}, "flow_similarity": {1, 0.2}, "source_dispersion": {1, 0.6},
			}, incident.Threat, "attack", &no, 1e9, "T1499.001",
		},
		"botnet": {
			"udp_flood", readings{
				"unanswered": {1, 0.1}, "flows_per_source": {40, 2}, "new_sources": {1, 0.1}, "flow_similarity": {0.9, 0.2}, "source_dispersion": {0.97, 0.6},
			}, incident.Threat, "attack", &yes, 1e9, "T1498.001",
		},
		"reflection": {
			"ntp_amplification",
			readings{"reflection": {1, 0}, "flows_per_source": {3, 2}, "source_dispersion": {1, 0}, "flow_similarity": {1, 0}},
			incident.Threat, "attack", nil, 1_795_655, "T1498.002",
		},
		"reflection by a service without a published factor": {
			"coap_amplification", readings{"reflection": {1, 0}}, incident.Threat, "attack", nil, 0, "T1498.002",
		},
		"crowd that the server still serves": {
			"http_flood", readings{
				"incomplete_connections": {0.05, 0.02}, "flows_per_source": {6, 2}, "new_sources": {0.5, 0.2},
				"flow_similarity": {0.15, 0.2}, "response_ratio": {1.1, 1.2}, "source_dispersion": {0.7, 0.7},
			}, incident.Legitimate, "business", &no, 1e9, "",
		},
		"scripts that the server still serves": {
			"http_flood", readings{
				"requests_per_source": {20, 10}, "similar_requests": {0.97, 0.9}, "incomplete_connections": {0.01, 0.02}, "flows_per_source": {200, 2},
				"new_sources": {0.6, 0.2}, "flow_similarity": {0.5, 0.2}, "response_ratio": {1.3, 1.2}, "source_dispersion": {0.7, 0.7},
			}, incident.Threat, "attack", &no, 1e9, "T1499.002",
		},
		"connections that nobody uses": {
			"connection_exhaustion", readings{
				"handshake_only": {0.9, 0.5}, "incomplete_connections": {0.01, 0.02}, "new_sources": {0.4, 0.2}, "source_dispersion": {0.7, 0.7}, "flow_similarity": {0.5, 0.2},
			}, incident.Threat, "attack", &no, 1e9, "T1499.001",
		},
		"customers at a server that died": {
			"syn_flood", readings{
				"incomplete_connections": {0.9, 0.02}, "flows_per_source": {8, 2}, "new_sources": {0.3, 0.2}, "flow_similarity": {0.4, 0.3}, "source_dispersion": {0.7, 0.7},
			}, incident.Unclear, "", &no, 1e9, "T1499.001",
		},
		"nothing is known under sampling": {"udp_flood", nil, incident.Threat, "attack", nil, 1e9, "T1498.001"},
		"flags that no stack sends":       {"xmas_flood", readings{"response_ratio": {1, 1}}, incident.Threat, "attack", nil, 1e9, "T1498.001"},
	} {
		inc := given(tc.vector, tc.readings)
		a := Assess(inc)
		if a.By != By || a.Verdict != tc.verdict || a.Cause != tc.cause || a.AttackerBs != tc.bps || a.Confidence < 0.3 {
			t.Errorf("%s: %+v", name, *a)
		}
		if (a.Botnet == nil) != (tc.botnet == nil) || a.Botnet != nil && *a.Botnet != *tc.botnet {
			t.Errorf("%s: botnet %v", name, a.Botnet)
		}
		if tc.technique == "" && a.Techniques != nil || tc.technique != "" && !slices.Contains(a.Techniques, tc.technique) {
			t.Errorf("%s: techniques %v", name, a.Techniques)
		}
		if (a.Legitimate == "") != (a.Verdict == incident.Threat) {
			t.Errorf("%s: explanation %q of a %s", name, a.Legitimate, a.Verdict)
		}
		if inc.Score != 0.8 || inc.Severity != detect.High {
			t.Errorf("%s: an assessment changes no score", name)
		}
	}
}

// Reasons say what they speak for: those against the verdict are told as such.
func TestReasons(t *testing.T) {
	type readings = map[string][2]float64
	for name, tc := range map[string]struct {
		vector   string
		readings readings
		verdict  incident.Judgement
		want     []string
	}{
		"a flood of which sources differ": {
			"udp_flood", readings{"unanswered": {1, 0.1}, "flow_similarity": {0.0625, 0}}, incident.Threat, []string{
				"nothing answers it, and what is wanted is answered",
				"against that: sources send different packets, as people do who ask for different things",
			},
		},
		"a crowd of strangers": {
			"ack_flood",
			readings{"incomplete_connections": {0.01, 0.01}, "response_ratio": {1, 1}, "flow_similarity": {0.1, 0.1}, "new_sources": {0.9, 0.1}},
			incident.Legitimate,
			[]string{
				"nearly all connections come about, as those of a crowd; a SYN flood completes none",
				"the device still answers its share, as a server does that serves a crowd",
				"against that: nearly all sources are strangers; in a crowd are the usual clients, too",
				"sources send different packets, as people do who ask for different things",
			},
		},
		"undecided": {
			"syn_flood",
			readings{"new_sources": {0.3, 0.2}, "incomplete_connections": {0.9, 0.02}, "response_ratio": {1, 1}, "flows_per_source": {8, 2}},
			incident.Unclear,
			[]string{
				"for an attack: far more connections than usual do not come about; a crowd completes most while the server lasts",
				"for wanted traffic: half of the sources or more are usual clients",
				"for wanted traffic: the device still answers its share, as a server does that serves a crowd",
				"for wanted traffic: each source opens several connections, as browsers do",
			},
		},
	} {
		a := Assess(given(tc.vector, tc.readings))
		if a.Verdict != tc.verdict || !slices.Equal(a.Reasons, tc.want) {
			t.Errorf("%s: %s, %q", name, a.Verdict, a.Reasons)
		}
	}
}
