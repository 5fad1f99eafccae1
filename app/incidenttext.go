// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

const (
	listed      = 3    // of a top list
	shownFlows  = 3    // of the evidence
	leastListed = 0.01 // a smaller share names nobody
	advised     = 3    // of the actions, and of the steps
)

// writeIncident tells an incident to people: what, when, why, what to make of it, what
// would stop it, and who.
func writeIncident(b *strings.Builder, i *incident.Incident) {
	b.WriteByte('\n')
	paragraph(b, strings.ToUpper(string(i.Severity))+"  ", i.Title())
	fmt.Fprintf(b, "  %s  score %.2f  %s\n", i.ID, i.Score, stateText(i))
	times := "started " + i.Started.Format(time.RFC3339) + ", detected " + i.Detected.Format(time.RFC3339)
	if !i.Ended.IsZero() {
		times += ", ended " + i.Ended.Format(time.RFC3339)
	}
	paragraph(b, "  ", times)
	for k := range i.Indicators {
		paragraph(b, "  - ", i.Indicators[k].Text)
	}
	writeAssessment(b, i.Assessment, i.Severity)
	writeAdvice(b, i)
	writeRules(b, i)
	for k := range i.Actions {
		paragraph(b, "  done: ", i.Actions[k].Text())
	}
	if i.Filter != nil {
		paragraph(b, "  filter: ", i.Filter.Text)
	}
	for _, l := range [...]struct {
		name string
		top  []detect.Share
	}{
		{"sources", i.Top.Sources},
		{"destinations", i.Top.Destinations},
		{"ports", i.Top.Ports},
		{"autonomous systems", i.Top.ASNs},
		{"countries", i.Top.Countries},
	} {
		writeTop(b, l.name, l.top)
	}
	writeFlows(b, i.Evidence)
	writeStory(b, "story: ", i.Earlier)
	writeStory(b, "afterwards: ", i.Later)
	if i.Previous != "" {
		fmt.Fprintf(b, "  the one before it: %s\n", i.Previous)
	}
}

// writeStory tells what else happened to the device, a line for each stage.
func writeStory(b *strings.Builder, name string, chapters []incident.Chapter) {
	for k := range chapters {
		c := &chapters[k]
		fmt.Fprintf(b, "  %s%s %s (%s) %s, %s\n", name, c.Started.Format(time.RFC3339), c.Kind, c.Severity, c.ID, stageText(c.Stage))
		name = strings.Repeat(" ", len(name))
	}
}

func stageText(s incident.Stage) string {
	switch s {
	case incident.Targeted:
		return "done to the device"
	case incident.Scanning:
		return "done by the device"
	case incident.Command:
		return "orders for the device"
	case incident.Theft:
		return "data from the device"
	}
	return string(s)
}

// stateText is the state with its reason.
func stateText(i *incident.Incident) string {
	s := string(i.State)
	switch {
	case i.State == incident.Mitigated && i.Acknowledged:
		s += " (acknowledged)"
	case i.Reason == incident.ReasonAbsorbed && i.Parent != "":
		s += " (part of " + i.Parent + ")"
	case i.Reason != "":
		s += " (" + i.Reason + ")"
	}
	return s
}

// writeAssessment tells what an incident is judged to be. severity is the incident's.
func writeAssessment(b *strings.Builder, a *incident.Assessment, severity detect.Severity) {
	if a == nil {
		return
	}
	s := string(a.Verdict) + ", " + sureText(a.Confidence) + " sure"
	if a.Verdict == incident.Unclear {
		s = "uncertain, to " + sureText(a.Likelihood) + " wanted traffic"
	}
	if a.Cause != "" {
		s += "; likely cause: " + a.Cause
	}
	if a.Severity != severity {
		s += "; severity " + string(a.Severity) + " in that light"
	}
	if a.AttackerBs > 0 {
		s += "; the attacker needs about " + incident.Quantity(a.AttackerBs, "bits/s")
	}
	if a.Botnet != nil {
		s += map[bool]string{true: "; likely a botnet", false: "; likely no botnet"}[*a.Botnet]
	}
	if len(a.Techniques) > 0 {
		s += "; " + strings.Join(a.Techniques, ", ")
	}
	if a.Method != "" {
		s += "; leaves by " + spaced(a.Method)
	}
	if a.Stolen > 0 {
		s += "; at most " + incident.Quantity(float64(a.Stolen), "bytes") + " stolen"
	}
	if a.Priority != "" {
		s += "; " + priorityText(a.Priority)
	}
	paragraph(b, "  judged by "+a.By+": ", s)
	for _, r := range a.Reasons {
		paragraph(b, "  - ", r)
	}
	if a.Legitimate != "" {
		paragraph(b, "  - ", "if it is wanted: "+a.Legitimate)
	}
	if a.Error != "" {
		paragraph(b, "  - ", "no better judgement: "+a.Error)
	}
}

// spaced is a word of the program's as people write it.
func spaced(s string) string { return strings.ReplaceAll(s, "_", " ") }

func priorityText(p incident.Priority) string {
	switch p {
	case incident.AtOnce:
		return "look at once"
	case incident.SameHour:
		return "look within the hour"
	case incident.SameDay:
		return "look within the day"
	case incident.AnyTime:
		return "look when there is time"
	}
	return "priority " + string(p)
}

// writeAdvice tells what it means and what to do, in short: all of it is in the JSON. The
// reader has the incident before him and need not be told how to see it.
func writeAdvice(b *strings.Builder, i *incident.Incident) {
	a := i.Assessment
	if a == nil {
		return
	}
	if a.Impact != "" {
		paragraph(b, "  impact: ", a.Impact)
	}
	if a.DataType != "" {
		paragraph(b, "  data: ", a.DataType)
	}
	for _, s := range a.Actions[:min(advised, len(a.Actions))] {
		paragraph(b, "  do: ", s)
	}
	n := 0
	for _, s := range a.Steps {
		if n < advised && !strings.Contains(s, "incident show "+i.ID) {
			n++
			paragraph(b, "  find out: ", s)
		}
	}
}

// sureText is a likelihood; nothing is quite sure.
func sureText(v float64) string {
	if v > 0.99 {
		return "over 99 %"
	}
	return fmt.Sprintf("%.0f %%", 100*v)
}

func writeTop(b *strings.Builder, name string, top []detect.Share) {
	if len(top) == 0 {
		return
	}
	var parts []string
	for i := range top[:min(listed, len(top))] {
		if top[i].Share >= leastListed {
			parts = append(parts, fmt.Sprintf("%s %.0f %%", top[i].Key, 100*top[i].Share))
		}
	}
	if len(parts) == 0 {
		parts = []string{"none above 1 %"}
	}
	paragraph(b, "  top "+name+": ", strings.Join(parts, ", "))
}

// writeFlows shows some of the evidence: the first, the last, and what lies between.
func writeFlows(b *strings.Builder, all []detect.Flow) {
	if len(all) == 0 {
		return
	}
	n := min(shownFlows, len(all))
	if n == len(all) {
		b.WriteString("  flows:\n")
	} else {
		fmt.Fprintf(b, "  flows, %d of the %d kept:\n", n, len(all))
	}
	for k := range n {
		f := &all[k*(len(all)-1)/max(1, n-1)]
		s := fmt.Sprintf("%s > %s  %s", end(f.Protocol, f.Source, f.SrcPort), end(f.Protocol, f.Dest, f.DstPort), incident.Protocol(f.Protocol))
		if f.Flags != "" {
			s += " " + f.Flags
		}
		s += ", " + counted(f.Packets, "packet") + ", " + incident.Quantity(float64(f.Bytes), "bytes")
		if f.Exporter != "" {
			s += ", from " + f.Exporter
		}
		paragraph(b, "    "+f.Time.UTC().Format("2006-01-02T15:04:05.000Z")+"  ", s)
	}
}

// end is one end of a flow; only some protocols have ports.
func end(protocol, address string, port uint16) string {
	if !slices.Contains([]string{"tcp", "udp", "sctp", "dccp", "udplite"}, protocol) {
		return address
	}
	return net.JoinHostPort(address, strconv.Itoa(int(port)))
}
