// SPDX-License-Identifier: Apache-2.0

package flowfile

import (
	"math"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidewatch/flow"
)

func TestParseAddrAgreesWithNetip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(
			rapid.StringMatching(`[0-9]{1,4}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}`),
			rapid.StringMatching(`[0-9.]{0,16}`),
			rapid.StringMatching(`[0-9a-f:]{0,30}`),
		).Draw(t, "s")
		want, err := netip.ParseAddr(s)
		got, ok := ParseAddr([]byte(s))
		if ok != (err == nil) || ok && got != flow.AddrFrom(want) {
			t.Fatalf("%q: %v %v, netip says %v %v", s, got, ok, want, err)
		}
	})
}

func TestParseUintAgreesWithStrconv(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[0-9]{0,22}x?`).Draw(t, "s")
		want, err := strconv.ParseUint(s, 10, 64)
		got, ok := ParseUint([]byte(s), math.MaxUint64)
		if len(s) > 20 && s[0] == '0' {
			return // more digits than any number has are refused, also leading zeros
		}
		if ok != (err == nil) || ok && got != want {
			t.Fatalf("%q: %d %v, strconv says %d %v", s, got, ok, want, err)
		}
	})
}

func TestParseNumbers(t *testing.T) {
	for s, want := range map[string]int64{"0x0035": 53, "0XFF": 255, "80": 80, "65536": -1, "0x": -1, "": -1, "http": -1, "0x10000": -1} {
		v, ok := ParseNumber([]byte(s), 0xffff)
		if ok != (want >= 0) || ok && int64(v) != want {
			t.Errorf("number %q: %d %v", s, v, ok)
		}
	}
	for s, want := range map[string]int64{"12": 12, "12.0": 12, "1.5e3": 1500, "-1": -1, "NaN": -1, "1e30": -1, "": -1} {
		v, ok := ParseCount([]byte(s))
		if ok != (want >= 0) || ok && int64(v) != want {
			t.Errorf("count %q: %d %v", s, v, ok)
		}
	}
	for s, want := range map[string]int{"tcp": 6, "UDP": 17, "IPv6-ICMP": 58, "132": 132, "256": -1, "carrier-pigeon": -1, "rtp": 17} {
		v, ok := ParseProtocol([]byte(s))
		if ok != (want >= 0) || ok && int(v) != want {
			t.Errorf("protocol %q: %d %v", s, v, ok)
		}
	}
	for s, want := range map[string]int{
		"S": flow.SYN, "......S.": flow.SYN, "SA": flow.SYN | flow.ACK, "CEUAPRSF": 255, "18": 18, "0x1b": 27, "fspa": 27,
		"Q": -1, "": -1, "S+A": -1,
	} {
		v, ok := ParseTCPFlags([]byte(s))
		if ok != (want >= 0) || ok && int(v) != want {
			t.Errorf("flags %q: %d %v", s, v, ok)
		}
	}
}

func TestParseTime(t *testing.T) {
	prague := time.FixedZone("east", 7200)
	for s, tc := range map[string]struct {
		zone *time.Location
		want string
	}{
		"2021-06-06T15:57:37.272281+0200":     {nil, "2021-06-06T13:57:37.272281Z"},
		"2021-06-06T15:57:37+02:00":           {prague, "2021-06-06T13:57:37Z"},
		"2021-06-06T15:57:37-0330":            {nil, "2021-06-06T19:27:37Z"},
		"2021-06-06T15:57:37Z":                {prague, "2021-06-06T15:57:37Z"},
		"2019/04/04 16:23:00.325010":          {nil, "2019-04-04T16:23:00.32501Z"},
		"2019/04/04 16:23:00.325010 ":         {prague, "2019-04-04T14:23:00.32501Z"},
		"2016-02-29 23:59:59":                 {nil, "2016-02-29T23:59:59Z"},
		"1969-12-31T23:59:59.5Z":              {nil, "1969-12-31T23:59:59.5Z"},
		"1547127288.026074":                   {nil, "2019-01-10T13:34:48.026074Z"},
		"1547127288026":                       {nil, "2019-01-10T13:34:48.026Z"},
		"1547127288026074":                    {nil, "2019-01-10T13:34:48.026074Z"},
		"1547127288026074001":                 {nil, "2019-01-10T13:34:48.026074001Z"},
		"22.335172":                           {nil, "1970-01-01T00:00:22.335172Z"},
		"1.547127288e9":                       {nil, "2019-01-10T13:34:48Z"},
		"0":                                   {nil, "1970-01-01T00:00:00Z"},
		"2021-13-06T15:57:37Z":                {},
		"2021-06-06T15:57":                    {},
		"2021-06-06T15:57:37 Europe":          {},
		"2021-06-06T15:57:37+99:00":           {},
		"":                                    {},
		"-":                                   {},
		"yesterday at five o'clock":           {},
		"99999999999":                         {},
		"1e300":                               {},
		"9999-01-01T00:00:00Z":                {},
		"20210606-15:57:37.000":               {},
		"2021-06-06T15:57:37.1234567890123Z":  {nil, "2021-06-06T15:57:37.123456789Z"},
		"9223372036854775807":                 {nil, "2262-04-11T23:47:16.854775807Z"},
		"92233720368547758070000000000000000": {},
	} {
		ns, ok := ParseTime([]byte(s), tc.zone)
		if got := time.Unix(0, ns).UTC().Format(time.RFC3339Nano); ok != (tc.want != "") || ok && got != tc.want {
			t.Errorf("%q: %s %v, want %q", s, got, ok, tc.want)
		}
	}
}

func TestParseTimeAgreesWithTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := time.Unix(rapid.Int64Range(-9e9, 9e9).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "offset"))
		for _, s := range []string{want.In(zone).Format(time.RFC3339Nano), want.UTC().Format("2006/01/02 15:04:05.999999999")} {
			if got, ok := ParseTime([]byte(s), nil); !ok || got != want.UnixNano() {
				t.Fatalf("%q: %d %v, want %d", s, got, ok, want.UnixNano())
			}
		}
		s := want.In(zone).Format("2006-01-02 15:04:05.999999999")
		if got, ok := ParseTime([]byte(s), zone); !ok || got != want.UnixNano() {
			t.Fatalf("%q in its zone: %d %v, want %d", s, got, ok, want.UnixNano())
		}
	})
}
