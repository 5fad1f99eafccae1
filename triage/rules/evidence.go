// SPDX-License-Identifier: Apache-2.0

package rules

// rule is what one indicator says: a weight is added to the logit of wanted traffic,
// so 1 changes the odds by a factor of 2.7 and 3 by one of 20. The weights are
// judgement and not measured; what they come to is a likelihood in that sense alone.
type rule struct {
	indicator string
	weight    func(reading) float64
	why       string
}

// evidence is the table of rules.
func evidence() [10]rule {
	return [...]rule{
		{"reflection", func(reading) float64 { return -3 }, "no crowd comes from the port of one service that reflects"},
		{"unanswered", func(reading) float64 { return -1.5 }, "what a device wants it answers"},
		{"incomplete_connections", func(r reading) float64 {
			switch {
			case r.observed >= 0.2 && r.observed > 5*r.expected:
				return -2
			case r.observed <= 0.1:
				return 2
			}
			return 0
		}, "a crowd completes its connections, or most of them while the server lasts; a SYN flood does not"},
		{"flows_per_source", func(r reading) float64 {
			switch {
			case r.observed < r.expected:
				return -1
			case r.observed >= 2*r.expected && r.observed <= 30:
				return 1
			}
			return 0
		}, "a person's browser opens several connections, not one every other second; forged addresses are used once"},
		{"new_sources", func(r reading) float64 {
			switch {
			case r.observed >= 0.8 && r.observed > 2*r.expected:
				return -1
			case r.observed <= 0.5:
				return 1.5
			}
			return 0
		}, "a crowd brings strangers, but the usual clients are in it too"},
		{"flow_similarity", func(r reading) float64 {
			switch {
			case r.observed >= 0.8 && r.observed > 1.5*r.expected:
				return -1
			case r.observed <= 0.4:
				return 1
			}
			return 0
		}, "tools send the same packets, people ask for different things"},
		{"response_ratio", func(r reading) float64 {
			switch {
			case r.observed < r.expected/4:
				return -1.5
			case r.observed > r.expected/2:
				return 1.5
			}
			return 0
		}, "a server that still answers its share serves a crowd"},
		{"scheduled_event", func(reading) float64 { return 3 }, "people said beforehand that it would come"},
		{"exclusion", func(reading) float64 { return 3 }, "people said that it is known and harmless"},
		{"held_connections", func(reading) float64 { return -1.5 }, "requests that never end are no customer's"},
	}
}
