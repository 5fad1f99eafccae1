// SPDX-License-Identifier: Apache-2.0

package rules

// commandSigns tell orders from the programs that call home by design. A rhythm or a
// length proves nothing: what weighs is who else does it, since when, and to where.
func commandSigns() []rule {
	return []rule{
		{"threat_list", from(0.1, -1.5), "a threat list names the other end", ""},
		{"listed_bytes", always(-1), "much was exchanged with it", ""},
		{"listed_hours", always(-1), "the device comes back to it hour after hour", ""},
		{"listed_unanswered", always(0.5), "", "nobody answered, so no orders came"},
		{"destination_rare", always(-1), "hardly any other device asks this destination, and programs that call home by design are on many", ""},
		{"destination_shared", func(r reading) float64 {
			if r.observed >= 5 && 10*r.observed >= r.expected {
				return 1.5 // as detect/beacon: fewer may have caught the same
			}
			return 0.5
		}, "", "several devices ask the same of it, as one program on all of them does"},
		{"destination_news", always(-1), "the device began it when its habits were known", ""},
		{"destination_habit", always(0.5), "", "the device has done it for as long as it is known; but an intruder may have come before"},
		{"old_transfer", always(2), "", "a regular transfer, for as long as the device is known and a week at least: a backup or a synchronization"},
		{"unknown_service", always(-0.75), "no known service lives at that port", ""},
		{"periodic_service", func(r reading) float64 {
			switch { // detect/beacon is the surer, the more it takes off
			case r.weight <= -0.4:
				return 1.5
			case r.weight <= -0.3:
				return 1
			}
			return 0.5
		}, "", "clients of that service call by the clock, or stay connected, by design"},
		{"beacon_growth", always(-1.5), "each interval is the same multiple of the one before, although it is answered: who is answered need not wait longer", ""},
		{"beacon_transfer", always(0.25), "", "each call sends far more than a question for orders: a regular transfer"},
		{"beacon_size", from(0.9, -0.25), "all calls have the same size, as those that ask for orders and get none", ""},
		{"connection_quiet", always(-0.75), "the line is held open and carries next to nothing", ""},
		{"nobody_sits_there", always(-0.25), "no person works at such a device who might have installed something", ""},
		{"listed_only", always(0.5), "", "what speaks for it was too little for an alert"},
	}
}
