// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// rule is a recurrence rule, made ready to be unrolled from anywhere.
//
// rrule-go reads the text. Its iterator is not used: it walks every repetition
// since DTSTART; for a rule that never holds (30 February) each hour up to the
// year 9999; and FREQ=HOURLY with an INTERVAL that never meets a BYHOUR makes it
// turn for ever. No caller can stop it. Where it does end, tests hold this to it.
type rule struct {
	freq     rrule.Frequency
	interval int64
	start    wall
	first    int64 // year, month, day or hour that repetitions count from
	months   uint16
	mdays    uint64 // bit d: day d of the month; bit 32+d: the d-th from its end
	ydays    []int
	weekdays uint8 // bit 0 is Monday
	nth      []nth
	hours    uint32  // for HOURLY
	times    []int64 // seconds into the day, or into the hour for HOURLY; in order
	setpos   []int
	until    wall  // the last wall that counts
	limit    int64 // likewise as Unix seconds
}

// nth is a weekday of a month or year: the second Monday, the last Friday.
type nth struct{ weekday, n int }

const (
	maxRule     = 1000 // bytes
	maxPerDay   = 96   // every quarter of an hour
	maxInterval = 10_000
	maxCount    = 10_000
)

// parseRule reads an RRULE for an event that starts at start. budget is the
// work that may be spent on finding the end of rules with COUNT.
func parseRule(text string, start wall, budget *int) (*rule, error) {
	text = strings.ToUpper(strings.TrimSpace(text))
	text = strings.TrimPrefix(text, "RRULE:")
	if len(text) > maxRule || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("the rule has more than one line or %d characters", maxRule)
	}
	o, err := rrule.StrToROptionInLocation(text, time.UTC)
	if err == nil {
		_, err = rrule.NewRRule(*o)
	}
	if err != nil {
		return nil, fmt.Errorf("%q is no rule (%s); write one such as FREQ=WEEKLY;BYDAY=MO,TU", text, plainText(err.Error()))
	}
	if err := supported(o); err != nil {
		return nil, err
	}
	r := &rule{freq: o.Freq, interval: int64(max(o.Interval, 1)), start: start, setpos: o.Bysetpos, ydays: o.Byyearday}
	r.days(o)
	if err := r.clock(o); err != nil {
		return nil, err
	}
	r.first = r.unit(start)
	if o.Freq == rrule.WEEKLY { // weeks begin on WKST
		days := int64(start.midnight()) / day
		r.first = days - int64(weekday(days)-o.Wkst.Day()+7)%7
	}
	r.setUntil(o, text)
	if o.Count > 0 {
		err = r.count(o.Count, budget)
	}
	return r, err
}

// supported refuses what is no business event or has no clear meaning.
func supported(o *rrule.ROption) error {
	switch {
	case o.Freq > rrule.HOURLY:
		return errors.New("FREQ is finer than HOURLY; write FREQ=DAILY with BYHOUR and BYMINUTE, or one longer event")
	case len(o.Byweekno) > 0 || len(o.Byeaster) > 0:
		return errors.New("BYWEEKNO and BYEASTER are not supported; name the days with BYMONTH, BYDAY and BYMONTHDAY, or list events of their own")
	case !o.Dtstart.IsZero():
		return errors.New("a rule holds no DTSTART; write it as start")
	case o.Interval > maxInterval:
		return fmt.Errorf("INTERVAL must not exceed %d", maxInterval)
	case o.Count > maxCount || o.Count < 0:
		return fmt.Errorf("COUNT must lie between 1 and %d; write UNTIL for more", maxCount)
	}
	for _, d := range o.Byweekday {
		if d.N() != 0 && o.Freq > rrule.MONTHLY {
			return errors.New("BYDAY with a number, such as 2MO, needs FREQ=MONTHLY or FREQ=YEARLY")
		}
	}
	return nil
}

// days takes over which days count; what the rule leaves out comes from the start.
func (r *rule) days(o *rrule.ROption) {
	for _, m := range o.Bymonth {
		r.months |= 1 << m
	}
	for _, d := range o.Bymonthday {
		if d > 0 {
			r.mdays |= 1 << d
		} else {
			r.mdays |= 1 << (32 - d)
		}
	}
	for _, d := range o.Byweekday {
		if d.N() == 0 {
			r.weekdays |= 1 << d.Day()
		} else {
			r.nth = append(r.nth, nth{d.Day(), d.N()})
		}
	}
	if len(o.Bymonthday)+len(o.Byweekday)+len(o.Byyearday) > 0 {
		return
	}
	_, m, d := r.start.date()
	switch r.freq {
	case rrule.YEARLY:
		if r.months == 0 {
			r.months = 1 << m
		}
		r.mdays = 1 << d
	case rrule.MONTHLY:
		r.mdays = 1 << d
	case rrule.WEEKLY:
		r.weekdays = 1 << weekday(int64(r.start.midnight())/day)
	default: // every day, every hour
	}
}

// clock takes over the times of the day.
func (r *rule) clock(o *rrule.ROption) error {
	secs := int64(r.start - r.start.midnight())
	hours, minutes, seconds := o.Byhour, o.Byminute, o.Bysecond
	if len(hours) == 0 {
		hours = []int{int(secs / 3600)}
	}
	if len(minutes) == 0 {
		minutes = []int{int(secs / 60 % 60)}
	}
	if len(seconds) == 0 {
		seconds = []int{int(secs % 60)}
	}
	most := maxPerDay
	if r.freq == rrule.HOURLY {
		for _, h := range o.Byhour {
			r.hours |= 1 << h
		}
		hours, most = []int{0}, maxPerDay/24
	}
	if len(hours)*len(minutes)*len(seconds) > most {
		return fmt.Errorf("the rule repeats more than %d times a day; write one longer event", maxPerDay)
	}
	for _, h := range hours {
		for _, m := range minutes {
			for _, s := range seconds {
				r.times = append(r.times, int64(h*3600+m*60+s))
			}
		}
	}
	slices.Sort(r.times)
	r.times = slices.Compact(r.times)
	return nil
}

// setUntil takes over UNTIL, which may be a day, a wall time or a moment in UTC.
func (r *rule) setUntil(o *rrule.ROption, text string) {
	r.until, r.limit = latest, math.MaxInt64
	if o.Until.IsZero() {
		return
	}
	_, written, _ := strings.Cut(text, "UNTIL=")
	written, _, _ = strings.Cut(written, ";")
	switch {
	case strings.HasSuffix(written, "Z"):
		r.limit = o.Until.Unix()
	case len(written) == len("20060102"):
		r.until = wallOf(o.Until) + day - 1
	default:
		r.until = wallOf(o.Until)
	}
}

// count turns COUNT into the last wall that counts.
func (r *rule) count(n int, budget *int) error {
	horizon := civil(2400, 1, 1)
	var buf []wall
	for k := int64(0); ; k++ {
		begin := r.begin(k)
		if begin > horizon || begin > r.until {
			return nil // the rule ends, or nobody lives to see the rest
		}
		if *budget -= r.cost(); *budget < 0 {
			return errors.New("finding the end of rules with COUNT takes too long; write UNTIL in place of COUNT, or a later start")
		}
		buf = r.expand(k, r.start, latest, buf[:0])
		if len(buf) >= n {
			r.until = min(r.until, buf[n-1])
			return nil
		}
		n -= len(buf)
	}
}

// cost is how many days expand looks at.
func (r *rule) cost() int {
	switch r.freq {
	case rrule.YEARLY:
		return 366
	case rrule.MONTHLY:
		return 31
	case rrule.WEEKLY:
		return 7
	default:
		return 1
	}
}

// between appends the starts within [from,to), in order.
func (r *rule) between(from, to wall, out []wall) []wall {
	from = max(from, r.start)
	to = min(to, r.until+1)
	if from >= to {
		return out
	}
	for k := max((r.unit(from)-r.first)/r.interval/r.week(), 0); r.begin(k) < to; k++ {
		out = r.expand(k, from, to, out)
	}
	return out
}

// week is the number of units in a repetition: weeks are counted in days.
func (r *rule) week() int64 {
	if r.freq == rrule.WEEKLY {
		return 7
	}
	return 1
}

// unit numbers the year, month, day or hour that w lies in.
func (r *rule) unit(w wall) int64 {
	y, m, _ := w.date()
	switch r.freq {
	case rrule.YEARLY:
		return int64(y)
	case rrule.MONTHLY:
		return int64(y)*12 + int64(m) - 1
	case rrule.HOURLY:
		return floor(int64(w), 3600) / 3600
	default:
		return int64(w.midnight()) / day
	}
}

// begin is when the k-th repetition begins.
func (r *rule) begin(k int64) wall {
	n := r.first + k*r.interval*r.week()
	switch r.freq {
	case rrule.YEARLY:
		return civil(int(n), 1, 1)
	case rrule.MONTHLY:
		return civil(int(n/12), time.Month(n%12+1), 1)
	case rrule.HOURLY:
		return wall(n * 3600)
	default:
		return wall(n * day)
	}
}
