// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"tidewatch/decision"
	"tidewatch/mitigate"
)

// MitigationStory is a decision with all that happened to it.
type MitigationStory struct {
	Decision *decision.Decision `json:"decision"`
	Ledger   []mitigate.Entry   `json:"ledger"`

	now time.Time
}

// WriteText tells the whole story.
func (m *MitigationStory) WriteText(w io.Writer) error {
	var b strings.Builder
	d := m.Decision
	paragraph(&b, strings.ToUpper(string(d.State))+"  ", actText(d))
	if d.DryRun {
		b.WriteString("  dry run: everything is decided, and nothing is done\n")
	}
	paragraph(&b, "  "+d.ID+"  ", originText(d))
	if d.Incident != "" {
		paragraph(&b, "  ", "against "+d.Incident+" ("+strings.Join(strings.Fields(d.Kind+" "+d.Vector+" "+d.Severity), ", ")+")")
	}
	times := "decided " + d.Created.Format(time.RFC3339)
	if !d.Activated.IsZero() {
		times += ", in force since " + d.Activated.Format(time.RFC3339)
	}
	if !d.Ended.IsZero() {
		times += ", ended " + d.Ended.Format(time.RFC3339)
	}
	paragraph(&b, "  ", times)
	if d.Ended.IsZero() && !d.Until.IsZero() {
		paragraph(&b, "  ", "ends by itself "+moment(d.Until, m.now))
	}
	paragraph(&b, "  ", "hits "+shareText(d.Covers, d.CoversError)+" of the attack and "+shareText(d.Collateral, d.CollateralError)+
		" of usual traffic; effect: "+strings.ReplaceAll(string(cmp.Or(d.Effect, decision.EffectUnknown)), "_", " "))
	if d.Via != "" {
		paragraph(&b, "  ", "by way of "+d.Via)
	}
	if d.State != decision.Proposed && (d.Detail != "" || d.Reason != "") { // why a proposal waits stands at the end
		paragraph(&b, "  why: ", cmp.Or(d.Detail, spaced(d.Reason)))
	}
	if d.Error != "" {
		paragraph(&b, "  error: ", d.Error)
	}
	b.WriteString("  ledger:\n")
	for i := range m.Ledger {
		l := &m.Ledger[i]
		text := cmp.Or(l.Text, string(l.Decision.State))
		if l.By != "" && !strings.Contains(text, l.By) {
			text += " (" + l.By + ")"
		}
		paragraph(&b, fmt.Sprintf("    %s  %-9s  ", l.At.Format(time.RFC3339), l.Decision.State), text)
	}
	if d.State == decision.Proposed {
		writeHeld(&b, d)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func originText(d *decision.Decision) string {
	switch {
	case d.Policy != "" && d.Step > 0:
		return fmt.Sprintf("%s, by policy %s, step %d", d.Origin, d.Policy, d.Step)
	case d.Policy != "":
		return d.Origin + ", by policy " + d.Policy
	}
	return d.Origin
}

// shareText is a share with what is not certain of it.
func shareText(v *float64, half float64) string {
	switch {
	case v == nil:
		return "nobody knows what share"
	case half > 0:
		return share(v) + fmt.Sprintf(" (±%.1f)", 100*half)
	}
	return share(v)
}

// Stopped is what the panic button did.
type Stopped struct {
	Withdrawn int       `json:"withdrawn"`
	Server    bool      `json:"server"`          // false: none runs
	Left      int       `json:"left"`            // without a server: what may still be in force
	Ends      time.Time `json:"ends,omitzero"`   // when the last of it ends by itself
	Stays     []string  `json:"stays,omitempty"` // hooks of which something may stay until the next start

	now time.Time
}

// WriteText says it.
func (s *Stopped) WriteText(w io.Writer) error {
	var b strings.Builder
	if s.Server {
		paragraph(&b, "", "all is being taken back ("+counted(s.Withdrawn, "decision")+"); tidewatch mitigation list --state expiring shows what is not gone yet. Nothing is done until: tidewatch mitigation resume")
	} else {
		paragraph(&b, "", "no server runs. Its next start does nothing by itself until: tidewatch mitigation resume")
		paragraph(&b, "", counted(s.Withdrawn, "decision")+" marked as taken back")
		switch {
		case !s.Ends.IsZero():
			paragraph(&b, "", "what the dead server left in force ("+counted(s.Left, "rule")+") ends by itself, the last of it "+moment(s.Ends, s.now)+"; a start takes it back at once")
		case s.Left > 0:
			paragraph(&b, "", "what the dead server left in force ("+counted(s.Left, "rule")+") has ended by itself; the next start makes sure of it")
		default:
			paragraph(&b, "", "nothing is left in force")
		}
		if len(s.Stays) > 0 {
			paragraph(&b, "", "what was done by "+strings.Join(s.Stays, " and ")+" does not end by itself: it stays until a server starts and takes it back")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Acting is how acting stands.
type Acting struct {
	mitigate.Status

	NoServer bool `json:"no_server,omitempty"`
	now      time.Time
}

// WriteText says it, an actuator a line.
func (a *Acting) WriteText(w io.Writer) error {
	var b strings.Builder
	writeHalt(&b, a.Halted)
	mode := map[string]string{
		"act": "rules are brought in force", "dry_run": "dry run: everything is decided, and nothing is done", "off": "off: nothing is decided",
	}[a.Mode]
	if a.NoServer {
		mode = "no server runs, so nothing is decided or done"
	}
	paragraph(&b, "", cmp.Or(mode, a.Mode))
	paragraph(&b, "", counted(a.Active, "decision")+" in force or on the way, "+counted(a.Proposed, "decision")+" waiting for a person")
	for i := range a.Actuators {
		one := &a.Actuators[i]
		paragraph(&b, "  "+one.Name+": ", cmp.Or(one.Health, "well"))
		for k := range one.Sessions {
			s := &one.Sessions[k]
			text := s.State
			if !s.Since.IsZero() {
				text += " since " + moment(s.Since, a.now)
			}
			paragraph(&b, "    "+s.Peer+"  ", text)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
