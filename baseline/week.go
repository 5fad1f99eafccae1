// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"cmp"
	"math"
	"slices"
	"time"

	"tidewatch/flow"
)

// Field names one series that people are shown: the totals of an hour, or the
// busiest five minutes in it.
type Field string

// The series of an hour.
const (
	FieldBytesIn       Field = "bytes_in"
	FieldBytesOut      Field = "bytes_out"
	FieldPacketsIn     Field = "packets_in"
	FieldPacketsOut    Field = "packets_out"
	FieldFlowsIn       Field = "flows_in"
	FieldFlowsOut      Field = "flows_out"
	FieldPeakBytesIn   Field = "peak_bytes_in"
	FieldPeakBytesOut  Field = "peak_bytes_out"
	FieldPeakPacketsIn Field = "peak_packets_in"
)

// Fields lists them in the order in which an hour holds them.
func Fields() []Field {
	return []Field{
		FieldBytesIn, FieldBytesOut, FieldPacketsIn, FieldPacketsOut, FieldFlowsIn, FieldFlowsOut,
		FieldPeakBytesIn, FieldPeakBytesOut, FieldPeakPacketsIn,
	}
}

// Value is the hour's value of a field, 0 for a name that does not exist.
func (h *Hour) Value(f Field) uint64 {
	if i := slices.Index(Fields(), f); i >= 0 {
		return *h.fields()[i]
	}
	return 0
}

// Stats are the classic statistics of a set of hours (mission B1). StdDev is that
// of a sample (divided by n-1), MAD is not scaled, quantiles interpolate between
// neighbours (type 7 of Hyndman and Fan, Am. Stat. 1996: what R, NumPy and
// spreadsheets do).
type Stats struct {
	Count  int     `json:"count"`
	Mean   float64 `json:"mean"`
	StdDev float64 `json:"stddev"`
	Median float64 `json:"median"`
	MAD    float64 `json:"mad"`
	P95    float64 `json:"p95"`
	P99    float64 `json:"p99"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Describe computes the statistics of values, which it sorts.
func Describe(values []float64) (s Stats) {
	s.Count = len(values)
	if s.Count == 0 {
		return s
	}
	slices.Sort(values)
	for i, v := range values { // Welford (Technometrics 1962): no cancellation
		d := v - s.Mean
		s.Mean += d / float64(i+1)
		s.StdDev += d * (v - s.Mean)
	}
	if s.Count > 1 {
		s.StdDev = math.Sqrt(s.StdDev / float64(s.Count-1))
	} else {
		s.StdDev = 0
	}
	s.Median, s.P95, s.P99 = Quantile(values, 0.5), Quantile(values, 0.95), Quantile(values, 0.99)
	s.Min, s.Max = values[0], values[s.Count-1]
	away := make([]float64, s.Count)
	for i, v := range values {
		away[i] = math.Abs(v - s.Median)
	}
	slices.Sort(away)
	s.MAD = Quantile(away, 0.5)
	return s
}

// Quantile of sorted values, 0 without any.
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Profile is what is known of a device, for people.
type Profile struct {
	Address      string              `json:"address"`
	FirstSeen    time.Time           `json:"first_seen"`
	LastSeen     time.Time           `json:"last_seen"`
	DaysLearned  int                 `json:"days_learned"` // with traffic
	HoursKept    int                 `json:"hours_kept"`
	Trust        map[string]int      `json:"trust"`          // hours kept by how far they are trusted
	Flows        uint64              `json:"flows_analysed"` // in the hours kept
	BytesPerDay  float64             `json:"bytes_per_day"`
	UploadRatio  float64             `json:"upload_ratio"` // sent over received bytes, 0 when nothing was received
	Field        Field               `json:"field"`
	Weeks        [hoursOfWeek]Stats  `json:"hour_of_week"` // 0 is Sunday at midnight, in the site's zone
	Days         [hoursOfDay]Stats   `json:"hour_of_day"`
	Overall      Stats               `json:"global"`
	Expected     [hoursOfDay]float64 `json:"expected"` // for the 24 hours from ExpectedFrom on
	ExpectedFrom time.Time           `json:"expected_from"`
	Remarks      []Remark            `json:"remarks"`
}

// Profile describes a device by one field. Hours that are ignored are left out of
// the statistics; silent hours are in.
func (s *Store) Profile(addr flow.Addr, f Field) (out Profile, ok bool) {
	p := s.devices[addr]
	if p == nil {
		return out, false
	}
	out = Profile{
		Address: Label(addr), Field: f, DaysLearned: int(p.active), Trust: map[string]int{},
		FirstSeen: time.Unix(p.first*3600, 0).UTC(), LastSeen: time.Unix(p.last*3600+3600, 0).UTC(), Remarks: []Remark{},
	}
	var weeks [hoursOfWeek][]float64
	var days [hoursOfDay][]float64
	var all []float64
	var in, sent uint64
	add := func(hour int64, v float64) {
		at := s.calendar.place(hour)
		weeks[at.week] = append(weeks[at.week], v)
		days[at.day] = append(days[at.day], v)
		all = append(all, v)
	}
	next := max(p.first, p.base+1)
	silent := func(to int64) {
		// The gap may be longer than what is known of it.
		next = max(next, s.calendar.base)
		to = min(to, s.calendar.base+int64(len(s.calendar.observed)))
		for ; next < to; next++ {
			if s.calendar.saw(next) {
				out.Trust[Trusted.String()]++
				add(next, 0)
			}
		}
	}
	p.all(func(r *record) {
		silent(r.hour)
		next = r.hour + 1
		out.Trust[r.trust.String()]++
		if r.trust == Ignored {
			return
		}
		out.Flows += r.Flows[0] + r.Flows[1]
		in, sent = in+r.Bytes[0], sent+r.Bytes[1]
		add(r.hour, float64(r.Value(f)))
	})
	silent(math.MaxInt64)
	out.HoursKept = len(all)
	for i := range weeks {
		out.Weeks[i] = Describe(weeks[i])
	}
	for i := range days {
		out.Days[i] = Describe(days[i])
	}
	out.Overall = Describe(all)
	if len(all) > 0 {
		out.BytesPerDay = float64(in+sent) / float64(len(all)) * hoursOfDay
	}
	if in > 0 {
		out.UploadRatio = float64(sent) / float64(in)
	}
	out.ExpectedFrom = time.Unix((p.last+1)*3600, 0).UTC()
	if m, judged := f.measure(); judged {
		for i := range out.Expected {
			if n, ok := s.At(addr, out.ExpectedFrom.Add(time.Duration(i)*time.Hour), m); ok {
				out.Expected[i] = n.Median
			}
		}
	}
	out.Remarks = append(out.Remarks, s.Audit(addr)...)
	return out, true
}

// measure is the judged measure that a field belongs to.
func (f Field) measure() (Measure, bool) {
	switch f {
	case FieldBytesIn:
		return HourBytesIn, true
	case FieldBytesOut:
		return HourBytesOut, true
	case FieldPeakBytesIn:
		return BytesIn, true
	case FieldPeakBytesOut:
		return BytesOut, true
	case FieldPeakPacketsIn:
		return PacketsIn, true
	case FieldPacketsIn, FieldPacketsOut, FieldFlowsIn, FieldFlowsOut:
	}
	return 0, false
}

// Addresses lists the devices, in the order of their addresses.
func (s *Store) Addresses() []flow.Addr {
	out := make([]flow.Addr, 0, len(s.devices))
	for a := range s.devices {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b flow.Addr) int { return cmp.Compare(string(a[:]), string(b[:])) })
	return out
}
