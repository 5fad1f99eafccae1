// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"io"
	"strings"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

// Found reports whether an incident of this severity or above is in the result.
func (r *Result) Found(severity string) bool {
	for i := range r.Incidents {
		if r.Incidents[i].Severity.Rank() >= detect.Severity(severity).Rank() {
			return true
		}
	}
	return false
}

// WriteText writes the input's sums and then each incident with its evidence.
func (r *Result) WriteText(w io.Writer) error {
	var b strings.Builder
	in := &r.Input
	fmt.Fprintf(&b, "%d flows, %d packets, %d bytes", in.Flows, in.Packets, in.Bytes)
	if in.First != nil {
		fmt.Fprintf(&b, " from %s to %s", in.First.Format(time.RFC3339), in.Last.Format(time.RFC3339))
	}
	fmt.Fprintf(&b, "; %d devices", in.Devices)
	if in.Skipped > 0 {
		fmt.Fprintf(&b, "; %d damaged records skipped", in.Skipped)
	}
	b.WriteString("\n")
	if len(r.Incidents) == 0 {
		b.WriteString("no incidents\n")
	}
	for i := range r.Incidents {
		writeIncident(&b, &r.Incidents[i])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeIncident(b *strings.Builder, i *incident.Incident) {
	fmt.Fprintf(b, "\n%s  %s\n", strings.ToUpper(string(i.Severity)), i.Title())
	fmt.Fprintf(b, "  %s  score %.2f  %s", i.ID, i.Score, i.State)
	fmt.Fprintf(b, "  started %s, detected %s", i.Started.Format(time.RFC3339), i.Detected.Format(time.RFC3339))
	if !i.Ended.IsZero() {
		fmt.Fprintf(b, ", ended %s", i.Ended.Format(time.RFC3339))
	}
	b.WriteString("\n")
	for k := range i.Indicators {
		fmt.Fprintf(b, "  - %s\n", i.Indicators[k].Text)
	}
	writeTop(b, "sources", i.Top.Sources)
	writeTop(b, "destinations", i.Top.Destinations)
	writeTop(b, "ports", i.Top.Ports)
}

func writeTop(b *strings.Builder, name string, top []detect.Share) {
	if len(top) == 0 {
		return
	}
	parts := make([]string, 0, 3)
	for i := range top[:min(3, len(top))] {
		parts = append(parts, fmt.Sprintf("%s %.0f%%", top[i].Key, 100*top[i].Share))
	}
	fmt.Fprintf(b, "  top %s: %s\n", name, strings.Join(parts, ", "))
}
