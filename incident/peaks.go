// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"slices"

	"tidewatch/detect"
)

// VectorPeak is the most that one vector of an attack carried.
type VectorPeak struct {
	Vector string  `json:"vector"`
	Bits   float64 `json:"peak_bits_per_second" doc:"of the traffic that nobody asked for alone, a mean over six to fifteen seconds"`
}

// peak notes what the vectors of a finding carry. It reports whether one of them carries
// at least half of the most that it carried, so that it does not fade.
func (i *Incident) peak(f *detect.Finding) (strong bool) {
	for _, r := range f.Rates {
		at := slices.IndexFunc(i.Peaks, func(p VectorPeak) bool { return p.Vector == r.Vector })
		if at < 0 {
			if len(i.Peaks) < maxVectors {
				i.Peaks = append(i.Peaks, VectorPeak{r.Vector, r.Bits})
			}
			strong = true
			continue
		}
		p := &i.Peaks[at]
		p.Bits = max(p.Bits, r.Bits)
		strong = strong || 2*r.Bits >= p.Bits
	}
	return strong
}
