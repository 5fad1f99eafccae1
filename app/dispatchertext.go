// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"tidewatch/decision"
	"tidewatch/mitigate"
)

// Mitigation is one decision after somebody decided about it.
type Mitigation struct {
	decision.Decision

	now time.Time
}

// WriteText prints it in a line.
func (m *Mitigation) WriteText(w io.Writer) error {
	is := map[bool]string{true: " has ", false: " is "}[m.State == decision.Failed]
	text := m.ID + is + ruleState(&m.Decision) + ": " + actText(&m.Decision)
	if m.State.Wanted() && !m.Until.IsZero() {
		text += ", until " + moment(m.Until, m.now)
	}
	if m.Error != "" {
		text += "; the actuator says: " + m.Error
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// actText is what is done to which traffic.
func actText(d *decision.Decision) string {
	text := spaced(string(d.Action)) + " of " + d.Match.String()
	if d.Action.Whole() {
		text = spaced(string(d.Action)) + " of " + decision.PrefixText(d.Target)
	}
	if d.Action.Limits() {
		text += fmt.Sprintf(" to %d bytes/s", d.Rate)
	}
	return text
}

// ruleState is the state, and that nothing is really done.
func ruleState(d *decision.Decision) string {
	if d.DryRun {
		return string(d.State) + " (dry run)"
	}
	return string(d.State)
}

// Mitigations are a page of decisions.
type Mitigations struct {
	Mitigations []decision.Decision `json:"mitigations"`
	More        bool                `json:"more,omitempty"` // there are older ones
	Halted      *mitigate.Halt      `json:"halted,omitempty"`

	now time.Time
}

// WriteText prints a line for each, and then what waits for a person, and why.
func (m *Mitigations) WriteText(w io.Writer) error {
	var b strings.Builder
	writeHalt(&b, m.Halted)
	if len(m.Mitigations) == 0 {
		b.WriteString("nothing was decided\n")
	} else {
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(t, "ID\tSTATE\tACTION\tTARGET\tUNTIL\tCOVERS\tCOLLATERAL\tWHAT")
		for i := range m.Mitigations {
			d := &m.Mitigations[i]
			_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.ID, ruleState(d), d.Action, decision.PrefixText(d.Target), endOf(d, m.now),
				share(d.Covers), share(d.Collateral), d.Match.String())
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	for i := range m.Mitigations {
		if d := &m.Mitigations[i]; d.State == decision.Proposed {
			writeHeld(&b, d)
		}
	}
	if m.More {
		b.WriteString("\nThere are older ones; see --limit, --state and --target.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeHeld says why a decision waits for a person, and what to type.
func writeHeld(b *strings.Builder, d *decision.Decision) {
	fmt.Fprintf(b, "\n%s waits for a person:\n", d.ID)
	held := d.Held
	if len(held) == 0 {
		held = []string{cmp.Or(d.Detail, "nobody said why")}
	}
	for _, s := range held {
		paragraph(b, "  - ", s)
	}
	fmt.Fprintf(b, "  tidewatch mitigation approve %s\n  tidewatch mitigation reject %s\n", d.ID, d.ID)
}

func writeHalt(b *strings.Builder, h *mitigate.Halt) {
	if h == nil {
		return
	}
	text := "by " + cmp.Or(h.By, "nobody knows whom") + " since " + h.At.Format(time.RFC3339)
	paragraph(b, "HALTED  ", told(text, h.Note)+". Nothing is done until: tidewatch mitigation resume")
	b.WriteByte('\n')
}

// share is a share in percent, with a digit behind the point when it is small.
func share(v *float64) string {
	switch {
	case v == nil:
		return "?"
	case *v > 0 && *v < 0.1:
		return fmt.Sprintf("%.1f %%", 100**v)
	}
	return fmt.Sprintf("%.0f %%", 100**v)
}

// endOf is when a decision ends, or ended.
func endOf(d *decision.Decision, now time.Time) string {
	switch {
	case d.State.Over() && d.Ended.IsZero():
		return "over"
	case d.State.Over():
		return "ended " + d.Ended.Format(time.RFC3339)
	case d.Until.IsZero():
		return "-"
	}
	return moment(d.Until, now)
}

// moment is a time, and how far it is from now.
func moment(t, now time.Time) string {
	d := t.Sub(now)
	if d < 0 {
		return fmt.Sprintf("%s (%s ago)", t.UTC().Format(time.RFC3339), span(-d))
	}
	return fmt.Sprintf("%s (in %s)", t.UTC().Format(time.RFC3339), span(d))
}

// span is a duration as people say it, in two units at most.
func span(d time.Duration) string {
	d = d.Round(time.Second)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case h > 0:
		return fmt.Sprintf("%d h %d min", h, m)
	case m > 0:
		return fmt.Sprintf("%d min %d s", m, s)
	}
	return fmt.Sprintf("%d s", s)
}
