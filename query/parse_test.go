// SPDX-License-Identifier: Apache-2.0

package query

import (
	"errors"
	"strings"
	"testing"
)

func TestNormalForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                       "",
		" \n":                                    "",
		"SRC=10.0.0.0/8":                         "src = 10.0.0.0/8",
		"src = 10.0.0.1/32":                      "src = 10.0.0.1",
		"host in(2001:DB8::/32,::1)":             "host in (2001:db8::/32, ::1)",
		"dst_port in (80,8000..8099)":            "dst_port in (80, 8000..8099)",
		"src in (10.0.0.1..10.0.0.9)":            "src in (10.0.0.1..10.0.0.9)",
		"src in (::1..2001:db8::9)":              "src in (::1..2001:db8::9)",
		"proto = 6 or proto = UDP":               "proto = tcp or proto = udp",
		"proto = 200":                            "proto = 200",
		"bytes > 1000000":                        "bytes > 1M",
		"bytes > 1.5m":                           "bytes > 1500k",
		"packets <= 4G":                          "packets <= 4G",
		"duration >= 90":                         "duration >= 90s",
		"duration < 1.5h":                        "duration < 90m",
		"duration < 0.25s":                       "duration < 250ms",
		"duration = 0.0000005s":                  "duration = 0.0000005s",
		"duration in (0..1m)":                    "duration in (0s..1m)",
		"flags >= s":                             "flags >= S",
		"flags = AS":                             "flags = AS",
		"flags in (none, 2)":                     "flags in (none, S)",
		"direction = OUT":                        "direction = out",
		"((proto = tcp))":                        "proto = tcp",
		"not not proto = tcp":                    "not not proto = tcp",
		"not (proto = tcp and as = 1)":           "not (proto = tcp and as = 1)",
		"(as=1 or as=2) and (input = 3)":         "(as = 1 or as = 2) and input = 3",
		"as=1 or (as=2 and (as=3 and output=4))": "as = 1 or as = 2 and as = 3 and output = 4",
	} {
		f, err := Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := f.String(); got != want {
			t.Errorf("%q is printed as %q, want %q", text, got, want)
		}
	}
}

func TestErrorsSayWhere(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"src":                            "position 4: expected =",
		"src =":                          "position 6: expected a value for src, not the end",
		"scr = 1":                        `position 1: "scr" is no field; there are src, dst`,
		"= 1":                            "position 1: expected a field",
		"src = 10.0.0.1 dst = 10.0.0.2":  "position 16: expected and, or, or the end",
		"(src = 10.0.0.1":                "position 16: expected and, or, or ) for the ( at position 1, not the end",
		"src = 10.0.0.1)":                "position 15: expected and",
		"src < 10.0.0.1":                 "position 5: src has no order",
		"src = 10.0.0.1/8":               "position 7: src: \"10.0.0.1/8\" has bits set behind its length; write 10.0.0.0/8",
		"src = fe80::1%eth0":             "position 14: \"%\" means nothing here",
		"src = ten":                      "position 7: src: \"ten\" is neither",
		"src_port = 65536":               "position 12: \"65536\" is more than 65535",
		"src_port = 80k":                 "position 12: \"80k\" is no number",
		"src_port = 1..2":                "position 13: a range stands in a list",
		"src_port in (2..1)":             "position 17: the end of a range lies behind its begin",
		"src_port in 80":                 "position 13: expected ( and a list",
		"src_port in (80; 81)":           "position 16: \";\" means nothing here",
		"src_port in (80 81)":            "position 17: expected , or )",
		"src_port in ()":                 "position 14: expected a value",
		"src in (10.0.0.0/8..11.0.0.0)":  "position 9: a range goes from address to address",
		"src in (10.0.0.1..2001:db8::1)": "position 19: a range has addresses of one family",
		"src in (10.0.0.1..10.1.0.0/16)": "position 19: a range goes from address to address",
		"bytes > 1.5":                    "position 9: \"1.5\" is no whole number",
		"bytes > -1":                     "position 9: \"-1\" is no whole number",
		"bytes > 99999999999999999999":   "position 9:",
		"bytes > 5E":                     "position 9:",
		"duration > 5d":                  "position 12: \"5d\" is no duration",
		"proto = quic":                   "position 9: \"quic\" is neither a protocol",
		"flags = X":                      "position 9: \"X\" is no set of TCP flags",
		"flags in (S..A)":                "position 12: flags has no ranges",
		"direction = up":                 "position 13: \"up\" is no direction",
		"as = 4294967296":                "position 6: \"4294967296\" is more than",
		"proto = tcp && as = 1":          "position 13: \"&\" means nothing here",
		"host = \u202e1":                 "position 8: only letters, digits and signs of ASCII",
		strings.Repeat("(", 33):          "position 33: parentheses and nots lie at most 32 deep",
		strings.Repeat("not ", 33):       "position 129: parentheses and nots lie at most 32 deep",
		strings.Repeat("as=1 or ", 257):  "position 2049: at most 256 comparisons",
		strings.Repeat(" ", MaxFilter+1): "position 8193: a filter has at most 8192 characters",
		"proto in (58" + strings.Repeat(",58", 1023) + ")": "position 3083: in normal form the filter has more than 8192",
		"as in (" + strings.Repeat("1,", 1025):             "position 2056: at most 1024 values",
	} {
		_, err := Parse(text)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.60q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"src = 10.0.0.0/8 and (dst_port in (80, 443, 8000..8099) or proto = udp) and not host = 2001:db8::1 and bytes > 1M and direction = out",
		"duration >= 1.5h or flags >= SA", "src in (::1..::2)", "not not as != 1", "bytes<0.001k", "exporter = ::/0", "(((", "src in (",
		"input=1..2", "duration = 0.000000001s",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		one, err := Parse(text)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Pos < 0 || syntax.Pos > len(text) {
				t.Fatalf("%q: %v names no place in the text", text, err)
			}
			return
		}
		two, err := Parse(one.String())
		if err != nil || two.String() != one.String() || tree(one.root) != tree(two.root) {
			t.Fatalf("%q became %q, then %q: %v", text, one, two, err)
		}
		one.Compile()
	})
}
