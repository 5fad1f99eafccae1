// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"io"
	"strings"
	"time"

	"tidewatch/detect"
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
	fmt.Fprintf(&b, "%s, %s, %s", counted(in.Flows, "flow"), counted(in.Packets, "packet"), counted(in.Bytes, "byte"))
	if in.First != nil {
		fmt.Fprintf(&b, " from %s to %s", in.First.Format(time.RFC3339), in.Last.Format(time.RFC3339))
	}
	fmt.Fprintf(&b, "; %s", counted(in.Devices, "device"))
	if in.Skipped > 0 {
		fmt.Fprintf(&b, "; %s skipped", counted(in.Skipped, "damaged record"))
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
