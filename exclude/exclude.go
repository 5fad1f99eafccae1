// SPDX-License-Identifier: Apache-2.0

// Package exclude keeps findings low that people call known and harmless: for a
// device, a destination, a port and a kind, with a reason, until a date. Nothing is
// hidden: what an exclusion covers is listed with severity low and names it.
//
// The package is pure: whether an exclusion has ended is judged by flow time, which
// comes with the findings.
package exclude

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidewatch/detect"
)

// Bounds. What exceeds one is refused with an error, so nothing is lost silently.
const (
	MaxAdded      = 10_000 // exclusions that people added, about 500 bytes each
	maxConfigured = 10_000 // exclusions of the configuration
	maxReason     = 200    // letters
	maxUntil      = 10 * 365 * 24 * time.Hour
)

// DefaultLasts is how long an exclusion holds when nobody says: a quarter, after which
// somebody should look again.
const DefaultLasts = 90 * 24 * time.Hour

// ErrNotFound says that there is no exclusion of that id.
var ErrNotFound = errors.New("no such exclusion")

// Rule is what somebody calls harmless. An empty part means any.
type Rule struct {
	Device      string `yaml:"device" json:"device,omitempty" doc:"subject of the finding: an address, or a network; none: any"`
	Destination string `yaml:"destination" json:"destination,omitempty" doc:"where it goes: an address, or a network; none: any"`
	Port        string `yaml:"port" json:"port,omitempty" doc:"443, 443/tcp, or a protocol without ports such as icmp; none: any"`
	Kind        string `yaml:"kind" json:"kind,omitempty" doc:"kind of incident, such as exfiltration; none: any"`
	Reason      string `yaml:"reason" json:"reason" doc:"why it is harmless, in one line; incidents tell it"`
	Expires     string `yaml:"expires" json:"expires,omitempty" doc:"last day (2026-12-31), a moment (RFC 3339), or a time from now on such as 30d or 12h; 90d when absent"`
}

// Origin says where an exclusion was written down.
type Origin string

// The origins.
const (
	FromConfiguration Origin = "configuration"
	FromPeople        Origin = "people" // added while the program runs
)

// Entry is an exclusion with where it comes from.
type Entry struct {
	ID     string `json:"id" doc:"stays the same over restarts"`
	Origin Origin `json:"origin" enum:"configuration,people"`
	Rule
	By    string    `json:"by,omitempty" doc:"who added it"`
	Added time.Time `json:"added,omitzero" doc:"by the clock"`
	Until time.Time `json:"until,omitzero" doc:"it holds up to then, in flow time; absent: as long as the configuration has it"`
}

// Over reports whether it has ended at a moment.
func (e *Entry) Over(at time.Time) bool { return !e.Until.IsZero() && !at.Before(e.Until) }

// New is an exclusion that somebody adds at a moment. Days are those of a zone.
func New(r *Rule, by string, at time.Time, zone *time.Location) (Entry, error) {
	at = at.UTC()
	e := Entry{Origin: FromPeople, Rule: *r, By: by, Added: at, Until: at.Add(DefaultLasts)}
	e.ID = idOf("people", at.Format(time.RFC3339Nano), e.what())
	e.Expires = ""
	if _, err := parse(&e); err != nil {
		return e, err
	}
	if r.Expires != "" {
		until, err := moment(r.Expires, at, zone)
		if err != nil {
			return e, err
		}
		e.Until = until
	}
	switch {
	case !e.Until.After(at):
		return e, fmt.Errorf("expires: %s is over; nothing that was can be excluded", e.Until.Format(time.RFC3339))
	case e.Until.Sub(at) > maxUntil:
		return e, errors.New("expires: ten years are the longest")
	}
	return e, nil
}

// Configured are the exclusions that a configuration lists. They hold as long as they
// stand there, unless they say otherwise.
func Configured(rules []Rule, zone *time.Location) ([]Entry, error) {
	if len(rules) > maxConfigured {
		return nil, fmt.Errorf("more than %d exclusions; name networks in place of addresses", maxConfigured)
	}
	out, ids := make([]Entry, 0, len(rules)), map[string]int{}
	for i := range rules {
		e := Entry{Origin: FromConfiguration, Rule: rules[i]}
		_, err := parse(&e)
		if err == nil && e.Expires != "" {
			if _, length := lasts(e.Expires); length {
				err = errors.New("expires: in the configuration a day or a moment is needed, such as 2026-12-31; a length of time says not from when on")
			} else {
				e.Until, err = moment(e.Expires, time.Time{}, zone)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("exclusion %d: %w", i+1, err)
		}
		e.ID, e.Expires = idOf("configuration", e.what()), ""
		if ids[e.ID]++; ids[e.ID] > 1 {
			return nil, fmt.Errorf("exclusion %d stands there twice: %s", i+1, e.what())
		}
		out = append(out, e)
	}
	return out, nil
}

// what tells what an exclusion is about, in one line.
func (r *Rule) what() string {
	return strings.Join([]string{
		"device " + or(r.Device), "destination " + or(r.Destination), "port " + or(r.Port), "kind " + or(r.Kind),
	}, ", ")
}

func or(part string) string {
	if part == "" {
		return "any"
	}
	return part
}

// What tells what the exclusion is about, in one line.
func (e *Entry) What() string { return e.what() }

// idOf makes a short text out of what tells an exclusion from all others: 80 bits of
// a hash, which do not collide by chance among some ten thousand.
func idOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "ex-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}

// lasts reads a length of time: days, or hours and minutes.
func lasts(text string) (d time.Duration, ok bool) {
	if days, has := strings.CutSuffix(text, "d"); has {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

// moment reads when an exclusion ends: a day is its last.
func moment(text string, from time.Time, zone *time.Location) (time.Time, error) {
	if d, ok := lasts(text); ok {
		return from.Add(d), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil {
		return day, fmt.Errorf("expires: %q is no day such as 2026-12-31, no moment such as 2026-12-31T18:00:00Z and no time such as 30d or 12h", text)
	}
	return day.AddDate(0, 0, 1).UTC(), nil
}

// checkKind tells a kind that nothing has from those that findings have.
func checkKind(kind string) error {
	all := detect.Kinds()
	if kind != "" && !slices.Contains(all[:], kind) {
		return fmt.Errorf("kind: nothing is of the kind %q; there are %s", kind, strings.Join(all[:], ", "))
	}
	return nil
}
