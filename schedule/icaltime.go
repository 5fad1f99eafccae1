// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// moment reads the DATE or DATE-TIME of a property (RFC 5545, 3.3.4 and 3.3.5).
func (c *reader) moment(p *property) (m moment, err error) {
	text := strings.TrimSpace(p.value)
	m.zone = c.b.zone
	switch v := strings.ToUpper(p.params["VALUE"]); {
	case v == "DATE" || v == "" && len(text) == len("20060102"):
		var t time.Time
		t, err = time.Parse("20060102", text)
		if err != nil {
			return m, fmt.Errorf("line %d: %s %.40q is no day; 20261201 is expected", p.line, p.name, text)
		}
		m.wall, m.date = wallOf(t), true
		err = m.bounds(text)
		return m, err
	case v != "" && v != "DATE-TIME":
		return m, fmt.Errorf("line %d: %s with VALUE=%.20q is not supported; write times", p.line, p.name, v)
	}
	local, utc := strings.CutSuffix(text, "Z")
	t, err := time.Parse("20060102T150405", local)
	if err != nil {
		return m, fmt.Errorf("line %d: %s %.40q is no time; 20261201T023000 is expected", p.line, p.name, text)
	}
	m.wall = wallOf(t)
	if utc {
		m.zone = time.UTC
	} else if id := p.params["TZID"]; id != "" {
		if m.zone, err = c.zone(id, t); err != nil {
			return m, fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	err = m.bounds(text)
	return m, err
}

// zone finds the time zone that a calendar names: an IANA name, also behind a
// vendor's prefix; the IANA name that its VTIMEZONE tells; or the site's zone,
// if the calendar describes one that keeps the same time under another name
// (Outlook writes "W. Europe Standard Time").
func (c *reader) zone(id string, at time.Time) (*time.Location, error) {
	names := []string{id}
	parts := strings.Split(id, "/")
	for n := 2; n <= 3 && n < len(parts); n++ {
		names = append(names, strings.Join(parts[len(parts)-n:], "/"))
	}
	v := c.zones[id]
	if v != nil {
		if p := v.all("X-LIC-LOCATION"); len(p) > 0 {
			names = append(names, p[0].value)
		}
	}
	for _, n := range names {
		if n == "" || n == "Local" || len(n) > 64 {
			continue // "Local" would be the machine's
		}
		if z, err := time.LoadLocation(n); err == nil {
			return z, nil
		}
	}
	if v != nil && keepsTime(v, c.b.zone, at.Year()) {
		return c.b.zone, nil
	}
	return nil, fmt.Errorf("time zone %.64q is neither an IANA name such as Europe/Berlin nor the site's (%s); write it as one, or set timezone", id, c.b.zone)
}

// keepsTime reports whether a VTIMEZONE has the offsets that zone has in a year.
func keepsTime(v *component, zone *time.Location, year int) bool {
	offsets := map[string]int64{}
	for i := range v.inner {
		if p := v.inner[i].all("TZOFFSETTO"); len(p) > 0 {
			secs, ok := parseOffset(p[0].value)
			if !ok {
				return false
			}
			offsets[v.inner[i].name] = secs // the last one is the one in force
		}
	}
	standard, ok := offsets["STANDARD"]
	if !ok {
		return false
	}
	daylight, ok := offsets["DAYLIGHT"]
	if !ok {
		daylight = standard
	}
	january, july := offset(zone, int64(civil(year, 1, 15))), offset(zone, int64(civil(year, 7, 15)))
	return standard == min(january, july) && daylight == max(january, july)
}

// parseOffset reads +0130 or -013045.
func parseOffset(s string) (int64, bool) {
	if len(s) != 5 && len(s) != 7 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[1:], 10, 32)
	if err != nil {
		return 0, false
	}
	if len(s) == 5 {
		n *= 100
	}
	secs := int64(n/10_000*3600 + n/100%100*60 + n%100)
	if s[0] == '-' {
		secs = -secs
	}
	return secs, true
}

// parseDuration reads P1D, PT1H30M or P2W (RFC 5545, 3.3.6).
func parseDuration(text string) (l length, err error) {
	wrong := fmt.Errorf("DURATION %.40q: PT1H30M, P1D or P2W is expected", text)
	rest, ok := strings.CutPrefix(strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(text)), "+"), "P")
	if !ok || rest == "" {
		return l, wrong
	}
	clock := false // behind the T
	for rest != "" {
		if !clock && rest[0] == 'T' {
			clock, rest = true, rest[1:]
		}
		end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if end < 1 || end > 9 {
			return l, wrong
		}
		n, err := strconv.ParseInt(rest[:end], 10, 64)
		if err != nil {
			return l, wrong
		}
		unit := rest[end]
		rest = rest[end+1:]
		switch {
		case !clock && unit == 'W':
			l.days += 7 * n
		case !clock && unit == 'D':
			l.days += n
		case clock && unit == 'H':
			l.secs += 3600 * n
		case clock && unit == 'M':
			l.secs += 60 * n
		case clock && unit == 'S':
			l.secs += n
		default:
			return l, wrong
		}
		if l.upper() > maxOnce {
			return l, fmt.Errorf("DURATION %.40q is longer than ten years", text)
		}
	}
	return l, nil
}
