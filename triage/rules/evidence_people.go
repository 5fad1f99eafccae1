// SPDX-License-Identifier: Apache-2.0

package rules

// peopleSigns are what people said, and what happened to the device before and after. They
// weigh for every category. What people said beforehand, or of this very incident, decides
// unless nearly all else speaks against it; a moved threshold is what they said of others.
func peopleSigns() []rule {
	return []rule{
		{"scheduled_event", always(3), "", "people said beforehand that it would come"},
		{"exclusion", always(3), "", "people said that it is known and harmless"},
		{"called_normal", always(4), "", "a person called it normal"},
		{"called_attack", always(-4), "a person called it an attack", ""},
		{"feedback", func(r reading) float64 {
			switch { // one verdict moves it by a quarter; a second is no chance
			case r.observed >= 1.5:
				return 2
			case r.observed > 1:
				return 1
			case r.observed < 0.7:
				return -2
			}
			return -1
		}, "people called such incidents of this device attacks", "people called such incidents of this device normal"},
		{"earlier_stages", func(r reading) float64 {
			if r.observed >= 2 {
				return -2 // each alone may be a misjudged program, a chain of them hardly
			}
			return -1
		}, "the same device scanned, was broken into or took orders before", ""},
		{"later_stages", always(-1), "the device went on to a later stage of an intrusion", ""},
	}
}
