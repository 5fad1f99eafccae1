// SPDX-License-Identifier: Apache-2.0

package rules

// rule is what one indicator says: a weight is added to the logit of wanted traffic,
// so 1 changes the odds by a factor of 2.7 and 3 by one of 20. The weights are
// judgement and not measured; what they come to is a likelihood in that sense alone.
// It is told in the words for the side that it speaks for.
type rule struct {
	indicator string
	weight    func(reading) float64
	attack    string // what a weight below 0 means
	wanted    string // what one above 0 means
}

// why is what a weight means.
func (r *rule) why(weight float64) string {
	if weight < 0 {
		return r.attack
	}
	return r.wanted
}

// evidence is the table of rules.
func evidence() [14]rule {
	return [...]rule{
		{"reflection", func(reading) float64 { return -3 }, "no crowd comes from the port of one service that reflects", ""},
		{"unanswered", func(reading) float64 { return -1.5 }, "the device answers none of it, and what a device wants it answers", ""},
		{"incomplete_connections", func(r reading) float64 {
			switch {
			case r.observed >= 0.2 && r.observed > 5*r.expected:
				return -2
			case r.observed <= 0.1:
				return 2
			}
			return 0
		}, "many connections do not come about; a crowd completes most while the server lasts", "nearly all connections come about, as those of a crowd; a SYN flood completes none"},
		{"requests_per_source", func(r reading) float64 {
			if r.observed > r.expected {
				return -1
			}
			return 0
		}, "no person asks that often", ""},
		{"similar_requests", func(reading) float64 { return -1.5 }, "a script asks the same again and again, people do not", ""},
		{"handshake_only", func(reading) float64 { return -1.5 }, "who comes for a service asks for something", ""},
		{"queries_unanswered", func(reading) float64 { return -1 }, "a name server answers what it is there for", ""},
		{"flows_per_source", func(r reading) float64 {
			switch {
			case r.observed < r.expected:
				return -1
			case r.observed >= 2*r.expected && r.observed <= 30:
				return 1
			}
			return 0
		}, "each address sends fewer than two flows, as forged ones and reflectors do", "each source opens several connections, as browsers do"},
		{"new_sources", func(r reading) float64 {
			switch {
			case r.observed >= 0.8 && r.observed > 2*r.expected:
				return -1
			case r.observed <= 0.5:
				return 1.5
			}
			return 0
		}, "nearly all sources are strangers; in a crowd are the usual clients, too", "half of the sources or more are usual clients"},
		{"flow_similarity", func(r reading) float64 {
			switch {
			case r.observed >= 0.8 && r.observed > 1.5*r.expected:
				return -1
			case r.observed <= 0.4:
				return 1
			}
			return 0
		}, "most sources send the same packets, as tools do", "sources send different packets, as people do who ask for different things"},
		{"response_ratio", func(r reading) float64 {
			switch {
			case r.observed < r.expected/4:
				return -1.5
			case r.observed > r.expected/2:
				return 1.5
			}
			return 0
		}, "the device answers far less than its usual share", "the device still answers its share, as a server does that serves a crowd"},
		{"scheduled_event", func(reading) float64 { return 3 }, "", "people said beforehand that it would come"},
		{"exclusion", func(reading) float64 { return 3 }, "", "people said that it is known and harmless"},
		{"held_connections", func(reading) float64 { return -1.5 }, "requests that never end are no customer's", ""},
	}
}
