// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"strconv"
	"strings"

	"tidewatch/detect"
	"tidewatch/notify"
)

// The limits of RFC 5424, and ours for a value of structured data.
const (
	maxHostname = 255
	maxAppName  = 48
	maxParam    = 64 // runes
)

// structured is the id of our structured data. 32473 is the enterprise number that RFC
// 5612 keeps for examples: tidewatch has none of its own.
const structured = "tidewatch@32473"

// header writes all of a message of RFC 5424 but its text.
func (s *Sink) header(m *notify.Message, w *notify.Words) string {
	var b strings.Builder
	facility, _ := facilityOf(s.cfg.Facility) // New has looked at it
	b.WriteString("<" + strconv.Itoa(facility*8+severity(m, w)) + ">1 ")
	if m.At.IsZero() {
		b.WriteString("-")
	} else {
		b.WriteString(m.At.Format("2006-01-02T15:04:05.999999Z07:00"))
	}
	b.WriteString(" " + s.hostname() + " " + s.cfg.AppName + " - " + string(m.Status) + " [" + structured)
	param := func(name, value string) {
		if value = notify.Cut(notify.Line(value), maxParam); value != "" {
			b.WriteString(" " + name + `="`)
			_, _ = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).WriteString(&b, value) // a builder takes all
			b.WriteString(`"`)
		}
	}
	param("id", m.ID)
	param("status", string(m.Status))
	param("severity", string(w.Severity))
	if i := m.Incident; i != nil {
		param("incident", i.ID)
		param("event", string(m.Event))
		param("state", string(i.State))
		param("category", string(i.Category))
		param("kind", i.Kind)
		param("vector", i.Vector)
		param("subject", i.Subject)
	}
	b.WriteString("] ")
	return b.String()
}

// severity is that of RFC 5424: 2 critical, 3 error, 4 warning, 5 notice, 6 informational.
func severity(m *notify.Message, w *notify.Words) int {
	switch m.Status {
	case notify.Test:
		return 6
	case notify.Acknowledge, notify.Resolve, notify.Digest:
		return 5
	default:
	}
	switch w.Severity {
	case detect.Critical:
		return 2
	case detect.High:
		return 3
	case detect.Medium:
		return 4
	default:
		return 5
	}
}
