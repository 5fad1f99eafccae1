// SPDX-License-Identifier: Apache-2.0

package flowfile

import (
	"math"
	"strconv"
	"time"
)

// maxSeconds bounds times to the years that Unix nanoseconds in 64 bits hold.
const maxSeconds = math.MaxInt64/int64(time.Second) - 1

// ParseEpoch reads Unix time as Unix nanoseconds: seconds with an exact
// fraction ("1547127288.026074"), and whole numbers of milliseconds,
// microseconds or nanoseconds told by their size (above 1e11, 1e14, 1e17: as
// seconds they would lie after the year 5138).
func ParseEpoch(s []byte) (int64, bool) {
	if ns, ok := ParseSeconds(s); ok {
		return ns, true
	}
	v, whole := ParseUint(s, math.MaxInt64)
	n := int64(v)
	switch {
	case !whole || n < 1e11:
		return 0, false
	case n < 1e14:
		return n * int64(time.Millisecond), n <= math.MaxInt64/int64(time.Millisecond)
	case n < 1e17:
		return n * int64(time.Microsecond), n <= math.MaxInt64/int64(time.Microsecond)
	}
	return n, true
}

// ParseSeconds reads a time or duration in seconds as nanoseconds; digits below
// a nanosecond are cut. Forms with an exponent lose precision.
func ParseSeconds(s []byte) (int64, bool) {
	if len(s) == 0 || len(s) > 40 {
		return 0, false
	}
	digits, neg := s, false
	if digits[0] == '-' {
		digits, neg = digits[1:], true
	}
	var sec, frac, scale int64 = 0, 0, int64(time.Second)
	point, any := false, false
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9' && !point:
			if sec = sec*10 + int64(c-'0'); sec > maxSeconds {
				return 0, false
			}
			any = true
		case c >= '0' && c <= '9':
			if scale >= 10 {
				scale /= 10
				frac += int64(c-'0') * scale
			}
			any = true
		case c == '.' && !point:
			point = true
		default:
			return floatSeconds(s)
		}
	}
	if !any {
		return 0, false
	}
	ns := sec*int64(time.Second) + frac
	if neg {
		ns = -ns
	}
	return ns, true
}

func floatSeconds(s []byte) (int64, bool) {
	f, ok := parseFloat(s)
	if !ok || math.Abs(f) > float64(maxSeconds) {
		return 0, false
	}
	return int64(f * 1e9), true
}

func parseFloat(s []byte) (float64, bool) {
	if len(s) > 40 {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(s), 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// ParseTime reads a written time as Unix nanoseconds: Unix time as ParseEpoch,
// or year, month, day, hour, minute, second in that order with any single
// character between them, an optional fraction and an optional zone (Z, +02:00,
// +0200, +02). A time without a zone is one of zone; nil means UTC.
func ParseTime(s []byte, zone *time.Location) (int64, bool) {
	if len(s) < 19 || s[4] >= '0' && s[4] <= '9' {
		return ParseEpoch(s)
	}
	var f [6]int
	for i, at := range [...]struct{ from, n int }{{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}} {
		v, ok := ParseUint(s[at.from:at.from+at.n], 9999)
		if !ok || i > 0 && isDigit(s[at.from-1]) {
			return 0, false
		}
		f[i] = int(v)
	}
	if f[1] < 1 || f[1] > 12 || f[2] < 1 || f[2] > 31 || f[3] > 24 || f[4] > 59 || f[5] > 60 || f[0] < 1678 || f[0] > 2261 {
		return 0, false
	}
	rest := s[19:]
	frac, n := fraction(rest)
	rest = rest[n:]
	if len(rest) > 0 && rest[0] == ' ' {
		rest = rest[1:]
	}
	if len(rest) == 0 && zone != nil && zone != time.UTC {
		return time.Date(f[0], time.Month(f[1]), f[2], f[3], f[4], f[5], frac, zone).UnixNano(), true
	}
	offset, ok := zoneOffset(rest)
	if !ok {
		return 0, false
	}
	sec := days(f[0], f[1], f[2])*86400 + int64(f[3]*3600+f[4]*60+f[5]) - offset
	return sec*int64(time.Second) + int64(frac), true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// fraction reads ".123456" (or with a comma) as nanoseconds and tells its length.
func fraction(s []byte) (ns, n int) {
	if len(s) == 0 || s[0] != '.' && s[0] != ',' {
		return 0, 0
	}
	scale := int(time.Second)
	for n = 1; n < len(s) && isDigit(s[n]); n++ {
		scale /= 10
		ns += int(s[n]-'0') * scale
	}
	return ns, n
}

// zoneOffset reads the zone at the end of a time as seconds east of Greenwich.
func zoneOffset(s []byte) (int64, bool) {
	switch {
	case len(s) == 0, len(s) == 1 && s[0]|0x20 == 'z', string(s) == "UTC", string(s) == "GMT":
		return 0, true
	case len(s) < 3 || s[0] != '+' && s[0] != '-':
		return 0, false
	}
	digits := append(make([]byte, 0, 4), s[1:3]...)
	switch rest := s[3:]; {
	case len(rest) == 0:
		digits = append(digits, '0', '0')
	case len(rest) == 2:
		digits = append(digits, rest...)
	case len(rest) == 3 && rest[0] == ':':
		digits = append(digits, rest[1:]...)
	default:
		return 0, false
	}
	v, ok := ParseUint(digits, 1500)
	if !ok || v%100 > 59 {
		return 0, false
	}
	sec := int64(v/100*3600 + v%100*60)
	if s[0] == '-' {
		sec = -sec
	}
	return sec, true
}

// days counts from 1970-01-01 to a date of the Gregorian calendar (the
// era-of-400-years method, known as days_from_civil).
func days(y, m, d int) int64 {
	if m <= 2 {
		y--
	}
	era := y / 400
	yoe := y - era*400
	doy := (153*((m+9)%12)+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}
