// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"tidewatch/flow"
)

// value is one value of a test: a prefix, a range of addresses, or a number or a
// range of numbers (low to high, both included).
type value struct {
	prefix    netip.Prefix // of address fields; with until, its address alone counts
	until     netip.Addr   // last of a range of addresses
	low, high uint64
}

// to is the range from v to w.
func (v value) to(w value) (value, string) {
	if !v.prefix.IsValid() {
		if v.low > w.low {
			return v, "the end of a range lies behind its begin"
		}
		return value{low: v.low, high: w.low}, ""
	}
	a, b := v.prefix.Addr(), w.prefix.Addr()
	switch {
	case !w.prefix.IsSingleIP():
		return v, "a range goes from address to address, not to a prefix"
	case a.Is4() != b.Is4():
		return v, "a range has addresses of one family"
	case b.Less(a):
		return v, "the end of a range lies behind its begin"
	}
	return value{prefix: v.prefix, until: b}, ""
}

// parse reads one value; the message says what is wrong.
func (f *field) parse(text string) (value, string) {
	var n uint64
	var ok bool
	wrong := "is no number"
	switch f.kind {
	case kindAddr:
		p, err := flow.ParseNetwork(text)
		if err != nil {
			return value{}, fmt.Sprintf("%s: %v", f.name, shorter(text, err))
		}
		return value{prefix: p}, ""
	case kindNumber:
		n, ok = number(text)
	case kindVolume:
		n, ok = withUnit(text, volumeUnits())
		wrong = "is no whole number such as 1500, 20k, 1.5M, 4G or 1T"
	case kindDuration:
		n, ok = withUnit(text, durationUnits())
		wrong = "is no duration such as 30s, 500ms, 5m or 1.5h"
	case kindProto:
		n, ok = protoNumber(text)
		wrong = "is neither a protocol such as tcp, udp, icmp nor a number"
	case kindFlags:
		n, ok = flagSet(text)
		wrong = "is no set of TCP flags; write letters of CEUAPRSF, such as S or SA, or a number"
	case kindDirection:
		n, ok = directionNamed(text)
		wrong = "is no direction; there are in, out, internal, external"
	}
	if !ok || n > f.max {
		if ok {
			wrong = fmt.Sprintf("is more than %d", f.max)
		}
		return value{}, fmt.Sprintf("%q %s", cut(text), wrong)
	}
	return value{low: n, high: n}, ""
}

func shorter(text string, err error) error {
	if len(text) > 64 {
		return fmt.Errorf("%q is no address and no network", cut(text))
	}
	return err
}

// number reads decimal digits alone.
func number(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}

// unit is a suffix and what it multiplies by, smallest first.
type unit struct {
	name string
	size uint64
}

func volumeUnits() []unit { return []unit{{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}} }

// durationUnits begins with what no suffix means: seconds.
func durationUnits() []unit {
	return []unit{{"", 1e9}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}
}

// withUnit reads digits, perhaps a fraction, and a unit. What is no whole number of
// the smallest unit is refused: 1.5 bytes never match.
func withUnit(text string, units []unit) (uint64, bool) {
	end := strings.LastIndexAny(text, "0123456789") + 1
	for _, u := range units {
		if !strings.EqualFold(text[end:], u.name) {
			continue
		}
		whole, fraction, _ := strings.Cut(text[:end], ".")
		n, ok := number(whole)
		if !ok || n > math.MaxInt64/u.size {
			return 0, false
		}
		n *= u.size
		scale := u.size
		for _, c := range []byte(fraction) {
			if c < '0' || c > '9' || scale%10 != 0 {
				return 0, false
			}
			scale /= 10
			n += uint64(c-'0') * scale // below u.size in sum, so nothing wraps
		}
		return n, true
	}
	return 0, false
}

func protoNumber(text string) (uint64, bool) {
	for p := range 256 {
		if name := flow.ProtoName(uint8(p)); strings.EqualFold(name, text) {
			return uint64(p), true
		}
	}
	n, ok := number(text)
	return n, ok
}

// flagSet reads letters of CEUAPRSF in any order, a number, or none.
func flagSet(text string) (uint64, bool) {
	if n, ok := number(text); ok {
		return n, true
	}
	if strings.EqualFold(text, "none") {
		return 0, true
	}
	var set uint64
	for _, c := range []byte(strings.ToUpper(text)) {
		i := strings.IndexByte("FSRPAUEC", c)
		if i < 0 {
			return 0, false
		}
		set |= 1 << i
	}
	return set, text != ""
}

func directionNamed(text string) (uint64, bool) {
	for d := External; d <= Internal; d++ {
		if strings.EqualFold(d.String(), text) {
			return uint64(d), true
		}
	}
	return 0, false
}
