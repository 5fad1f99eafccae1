// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tidewatch/detect"
)

// The errors of readers.
var (
	ErrNotFound  = errors.New("no such incident")
	ErrBadCursor = errors.New("the cursor is not one that a list returned")
)

// MaxLimit is the largest page that a reader returns.
const MaxLimit = 1000

// Filter selects incidents. Zero values select all.
type Filter struct {
	States      []State
	Categories  []detect.Category
	Kinds       []string
	MinSeverity detect.Severity
	Subject     string    // address or prefix, exactly
	Text        string    // in id, subject or headline, in any case
	Since       time.Time // updated at or after
	Until       time.Time // detected at or before
	Limit       int       // 1 to MaxLimit; 0 = 100
	Cursor      string    // Next of the page before
}

// PageSize is the limit within its bounds.
func (f *Filter) PageSize() int {
	if f.Limit == 0 {
		return 100
	}
	return min(max(f.Limit, 1), MaxLimit)
}

// Page is one part of a list, latest detected first.
type Page struct {
	Incidents []Incident
	Next      string // cursor of the next page; empty on the last
}

// Counts are the incidents of severity medium or above by what they are.
type Counts struct {
	Alerts, Critical, DDoS, Exfiltration, Anomalies int
	Open                                            int // that go on, whenever they were detected
}

// Position is where a page ended: the last incident's detection time and id.
type Position struct {
	Detected int64 // Unix nanoseconds
	ID       string
}

// CursorOf returns the cursor that goes on after an incident.
func CursorOf(i *Incident) string {
	return base64.RawURLEncoding.EncodeToString(
		[]byte(strconv.FormatInt(i.Detected.UnixNano(), 10) + ":" + i.ID))
}

// ParseCursor reads a cursor; an empty one is the beginning. The error is, or
// wraps, ErrBadCursor.
func ParseCursor(s string) (p Position, begin bool, err error) {
	if s == "" {
		return p, true, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return p, false, ErrBadCursor
	}
	at, id, found := strings.Cut(string(raw), ":")
	if p.Detected, err = strconv.ParseInt(at, 10, 64); err != nil || !found || id == "" {
		return Position{}, false, fmt.Errorf("%w: %q", ErrBadCursor, s)
	}
	p.ID = id
	return p, false, nil
}
