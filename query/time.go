// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseTime reads a time as a question gives it: RFC 3339, now, or what lies before
// now as -30s, -15m, -1h, -7d or -2w. "" is otherwise.
func ParseTime(text string, now, otherwise time.Time) (time.Time, error) {
	switch {
	case text == "":
		return otherwise, nil
	case text == "now":
		return now, nil
	case strings.HasPrefix(text, "-"):
		back, err := parseSpan(text[1:])
		if err != nil {
			return time.Time{}, err
		}
		return now.Add(-back), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time; write 2026-01-31T15:04:05Z, or -1h, -7d before now", cut(text))
	}
	// Nanoseconds since 1970 in 64 bits end in 2262; the history knows no other times.
	if y := t.Year(); y < 1970 || y > 2200 {
		return time.Time{}, fmt.Errorf("%q lies outside of 1970 to 2200", cut(text))
	}
	return t, nil
}

// maxSpan is ten years; nothing is kept for longer.
const maxSpan = 10 * 366 * 24 * time.Hour

func parseSpan(text string) (time.Duration, error) {
	units := map[byte]time.Duration{
		's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
	}
	if len(text) > 1 {
		unit, known := units[text[len(text)-1]]
		n, err := strconv.ParseUint(text[:len(text)-1], 10, 31)
		if known && err == nil && time.Duration(n) <= maxSpan/unit {
			return time.Duration(n) * unit, nil
		}
	}
	return 0, fmt.Errorf("%q is no time before now; write -30s, -15m, -1h, -7d or -2w, ten years at most", cut("-"+text))
}
