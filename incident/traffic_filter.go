// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"math"
	"strconv"

	"tidewatch/detect"
)

// TrafficFilter is a detector's filter with its sentence for people.
type TrafficFilter struct {
	detect.Filter
	Text string `json:"text"`
}

func (f *TrafficFilter) clone() *TrafficFilter {
	if f == nil {
		return nil
	}
	return &TrafficFilter{f.Clone(), f.Text}
}

// filterText says what a filter matches and what that would cost.
func filterText(f *detect.Filter) string {
	var fields []string
	if f.Protocol != "" {
		fields = append(fields, "protocol "+acronyms(f.Protocol))
	}
	if f.SrcPort != 0 {
		fields = append(fields, "source port "+strconv.Itoa(int(f.SrcPort)))
	}
	if f.DstPort != 0 {
		fields = append(fields, "destination port "+strconv.Itoa(int(f.DstPort)))
	}
	if f.Flags != "" {
		fields = append(fields, "TCP flags "+f.Flags)
	}
	switch r := f.PacketBytes; {
	case r == nil:
	case r.From == r.To:
		fields = append(fields, "packets of "+number(float64(r.From))+" bytes")
	default:
		fields = append(fields, "packets of "+number(float64(r.From))+" to "+number(float64(r.To))+" bytes")
	}
	if f.Fragment {
		fields = append(fields, "fragments")
	}
	if f.SourcePrefix != "" {
		fields = append(fields, "sources in "+f.SourcePrefix)
	}
	what := "everything to the subject"
	if len(fields) > 0 {
		what = join(fields)
	}
	s := what + " would match " + estimate(f.Covers, f.CoversError) + " of the attack's bytes"
	if f.Collateral == nil {
		return s + "; how much of the usual traffic is not known"
	}
	return s + " and " + estimate(*f.Collateral, f.CollateralError) + " of those of the minutes before"
}

// estimate is a share with the half width of its interval.
func estimate(share, within float64) string {
	s := quantity(share, "share")
	if within > 0 {
		s += " (± " + number(math.Round(1000*within)/10) + ")" // it is an estimate itself
	}
	return s
}
