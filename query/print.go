// SPDX-License-Identifier: Apache-2.0

package query

import (
	"strconv"
	"strings"

	"tidewatch/flow"
)

// text writes a value as parse reads it.
func (v *value) text(f *field) string {
	if f.kind == kindAddr {
		switch {
		case v.until.IsValid():
			return v.prefix.Addr().String() + ".." + v.until.String()
		case v.prefix.IsSingleIP():
			return v.prefix.Addr().String()
		}
		return v.prefix.String()
	}
	out := f.print(v.low)
	if v.high != v.low {
		out += ".." + f.print(v.high)
	}
	return out
}

func (f *field) print(n uint64) string {
	switch f.kind {
	case kindVolume:
		return printUnit(n, volumeUnits())
	case kindDuration:
		return printDuration(n)
	case kindProto:
		return flow.ProtoName(uint8(n))
	case kindFlags:
		return FlagLetters(uint8(n))
	case kindDirection:
		return Direction(n).String()
	case kindAddr, kindNumber:
	}
	return strconv.FormatUint(n, 10)
}

// FlagLetters writes the flags that are set, "none" when none is.
func FlagLetters(flags uint8) string {
	if flags == 0 {
		return "none"
	}
	return strings.ReplaceAll(flow.TCPFlagNames(flags), ".", "")
}

// printUnit takes the largest unit that leaves a whole number.
func printUnit(n uint64, units []unit) string {
	best := units[0]
	for _, u := range units {
		if n != 0 && n%u.size == 0 && u.size >= best.size {
			best = u
		}
	}
	return strconv.FormatUint(n/best.size, 10) + best.name
}

// printDuration writes what no unit divides as seconds with a fraction.
func printDuration(n uint64) string {
	if n == 0 {
		return "0s"
	}
	if n%1e6 == 0 {
		return printUnit(n, durationUnits()[1:])
	}
	fraction := strconv.FormatUint(1e9+n%1e9, 10)[1:]
	return strconv.FormatUint(n/1e9, 10) + "." + strings.TrimRight(fraction, "0") + "s"
}
