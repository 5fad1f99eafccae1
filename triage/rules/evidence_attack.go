// SPDX-License-Identifier: Apache-2.0

package rules

// attackSigns tell an attack from a crowd.
func attackSigns() []rule {
	return []rule{
		{"reflection", always(-3), "no crowd comes from the port of one service that reflects", ""},
		{"unanswered", always(-1.5), "nothing answers it, and what is wanted is answered", ""},
		{"incomplete_connections", func(r reading) float64 {
			switch {
			case r.observed >= 0.2 && r.observed > 5*r.expected:
				return -2
			case r.observed > 5*r.expected && r.expected > 0:
				return -1 // beside many customers
			case r.observed <= 0.1:
				return 2
			}
			return 0
		}, "far more connections than usual do not come about; a crowd completes most while the server lasts", "nearly all connections come about, as those of a crowd; a SYN flood completes none"},
		{"requests_per_source", func(r reading) float64 {
			if r.observed > r.expected {
				return -1
			}
			return 0
		}, "no person asks that often", ""},
		{"similar_requests", always(-1.5), "a script asks the same again and again, people do not", ""},
		{"handshake_only", always(-1.5), "who comes for a service asks for something", ""},
		{"queries_unanswered", always(-1), "a name server answers what it is there for", ""},
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
		{"held_connections", always(-1.5), "requests that never end are no customer's", ""},
		{"connections_per_source", func(r reading) float64 {
			if r.observed > 6 {
				return -1.5
			}
			return 0
		}, "each source holds more connections than the six that a browser opens", ""},
		{"impossible_flags", always(-3), "no stack sends such packets", ""},
	}
}
