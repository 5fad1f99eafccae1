// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"tidewatch/api"
	"tidewatch/incident"
)

// Case is one incident.
type Case struct{ incident.Incident }

// WriteText prints it with its evidence and its timeline.
func (c *Case) WriteText(w io.Writer) error {
	var b strings.Builder
	writeIncident(&b, &c.Incident)
	if c.Verdict != "" {
		fmt.Fprintf(&b, "  people say: %s\n", c.Verdict)
	}
	b.WriteString("  timeline:\n")
	for i := range c.Timeline {
		l := &c.Timeline[i]
		paragraph(&b, "    "+l.At.Format(time.RFC3339)+"  ", l.Text)
	}
	if c.TimelineDropped > 0 {
		fmt.Fprintf(&b, "    (%s gave way)\n", counted(c.TimelineDropped, "older line"))
	}
	_, err := io.WriteString(w, strings.TrimPrefix(b.String(), "\n"))
	return err
}

// Cases are a page of incidents.
type Cases struct {
	Incidents []incident.Incident `json:"incidents"`
	More      bool                `json:"more,omitempty"` // there are older ones
}

// WriteText prints a line for each.
func (c *Cases) WriteText(w io.Writer) error {
	if len(c.Incidents) == 0 {
		_, err := fmt.Fprintln(w, "no incidents")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "ID\tSEVERITY\tSTATE\tSTARTED\tWHAT")
	for i := range c.Incidents {
		inc := &c.Incidents[i]
		state := string(inc.State)
		if inc.Verdict != "" {
			state += " (" + string(inc.Verdict) + ")"
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", inc.ID, inc.Severity, state, inc.Started.Format(time.RFC3339), inc.Title())
	}
	if c.More {
		_, _ = fmt.Fprintln(t, "\nThere are older ones; see --limit and --since.")
	}
	return t.Flush()
}

// Verdicts is what people said about incidents.
type Verdicts struct {
	Feedback []api.Feedback `json:"feedback"`
}

// WriteText prints a line for each.
func (v *Verdicts) WriteText(w io.Writer) error {
	if len(v.Feedback) == 0 {
		_, err := fmt.Fprintln(w, "no verdicts count at present")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "ID\tVERDICT\tSUBJECT\tKIND\tTHRESHOLD\tSINCE\tUNTIL\tBY\tNOTE")
	for i := range v.Feedback {
		f := &v.Feedback[i]
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.2f times\t%s\t%s\t%s\t%s\n", f.ID, f.Verdict, f.Subject, f.Kind, f.Factor,
			f.At.Format(time.DateOnly), f.Expires.Format(time.DateOnly), f.By, f.Note)
	}
	return t.Flush()
}
