// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"tidewatch/detect"
	"tidewatch/incident"
)

// Colour tells at a glance how things stand, where a sink can show one. White text on it,
// and it as text on white, has a contrast of 4.5 or more (WCAG 2.2, 1.4.3).
func Colour(m *Message, w *Words) string {
	if i := m.Incident; i != nil && m.Status != Test {
		switch {
		case !i.State.Active():
			return "#15803d" // green: it is over
		case stateOf(i) == incident.Acknowledged:
			return "#1d4ed8" // blue: somebody has it
		}
	}
	switch w.Severity {
	case detect.Critical:
		return "#b91c1c"
	case detect.High:
		return "#c2410c"
	case detect.Medium:
		return "#a16207"
	default:
		return "#475569"
	}
}
