// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// quantity writes a number with its unit as people read it: bits and bytes with
// SI prefixes, seconds as a duration, shares in percent, counts in groups of
// three digits.
func quantity(v float64, unit string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "an unknown number"
	}
	switch unit {
	case "bit/s", "bits/s", "bps":
		return si(v, "bit/s")
	case "byte", "bytes", "B":
		return si(v, "B")
	case "byte/s", "bytes/s", "B/s":
		return si(v, "B/s")
	case "s", "second", "seconds":
		return duration(v)
	case "h", "hour", "hours":
		return duration(v * 3600)
	case "share", "fraction":
		return number(100*v) + " %"
	case "percent", "%":
		return number(v) + " %"
	case "":
		return number(v)
	}
	n := number(v)
	if n == "1" {
		unit = singular(unit)
	}
	return n + " " + unit
}

// singular takes the plural off a plain unit; rates keep it.
func singular(unit string) string {
	if unit == "addresses" {
		return "address"
	}
	if !strings.Contains(unit, "/") {
		return strings.TrimSuffix(unit, "s")
	}
	return unit
}

// number writes v with groups of three digits and, below 100, as many decimals
// as make three significant digits.
func number(v float64) string {
	if math.Abs(v) >= 1e15 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	decimals := 0
	switch a := math.Abs(v); {
	case a >= 100 || a == math.Trunc(a):
	case a >= 10:
		decimals = 1
	default:
		decimals = 2
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if decimals > 0 {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	whole, fraction, dot := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + " " + whole[at:]
	}
	if dot {
		whole += "." + fraction
	}
	if sign+whole == "-0" {
		return "0"
	}
	return sign + whole
}

// si scales v to an SI prefix: 1 kB is 1 000 bytes.
func si(v float64, unit string) string {
	prefixes := [...]string{"", "k", "M", "G", "T", "P", "E"}
	i := 0
	for math.Abs(v) >= 999.5 && i < len(prefixes)-1 {
		v /= 1000
		i++
	}
	return number(v) + " " + prefixes[i] + unit
}

// duration writes seconds in the two largest units that matter.
func duration(seconds float64) string {
	if seconds < 0 || seconds > 1e9 {
		return number(seconds) + " s"
	}
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 2*time.Minute:
		return number(seconds) + " s"
	case d < 2*time.Hour:
		return pair(d, time.Minute, "min", time.Second, "s")
	case d < 48*time.Hour:
		return pair(d, time.Hour, "h", time.Minute, "min")
	}
	return pair(d, 24*time.Hour, "d", time.Hour, "h")
}

func pair(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	d = d.Round(small)
	text := strconv.FormatInt(int64(d/large), 10) + " " + largeName
	if rest := d % large / small; rest > 0 {
		text += " " + strconv.FormatInt(int64(rest), 10) + " " + smallName
	}
	return text
}
