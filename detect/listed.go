// SPDX-License-Identifier: Apache-2.0

package detect

import "slices"

// Listed is the highest score of a finding that is listed and not alerted.
const Listed = 0.59

// List keeps a finding from being alerted, because people know of it, and says why.
func (f *Finding) List(why Indicator) {
	f.Score, f.Severity = min(f.Score, Listed), Low
	// The finding's list may be a part of a longer one: it is not written over.
	f.Indicators = append(slices.Clip(f.Indicators), why)
}
