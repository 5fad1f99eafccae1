// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

const (
	maxEvidence = 5 // indicators that are told; the rest is at the link
	maxKeys     = 3 // peers that are named
)

// Words is a message as sinks say it to people: all of them in the same words. Each
// text is one line of printable characters, though parts of it came from the network.
type Words struct {
	Title    string          // what happened, to whom, how much
	Standing string          // the same of how things stand now, for what is updated in place
	Change   string          // what this message is about, a sentence
	Severity detect.Severity // the highest so far; of a digest that of its worst incident
	Facts    []Fact
	Evidence []string // the indicators that weigh most, as sentences with what was expected
	Verdict  string   // of the assessment
	Reasons  []string // of the verdict, strongest first
	Actions  []string // what to do, the first thing first
	Items    []Item   // of a digest
	Link     string
}

// Fact is a name with its value.
type Fact struct{ Name, Value string }

// Item is a line of a digest.
type Item struct {
	Text string `json:"text"`
	Link string `json:"link,omitempty"`
}

// Render puts a message into words.
func Render(m *Message) *Words {
	if m.Incident == nil {
		return renderDigest(m)
	}
	i := m.Incident
	w := &Words{
		Title: titleText(m), Standing: standing(i), Change: changeText(m), Severity: i.Severity,
		Facts: factsOf(i), Evidence: evidenceOf(i), Link: Line(m.Link),
	}
	if m.Status == Test {
		w.Standing = w.Title
	}
	if a := i.Assessment; a != nil {
		w.Verdict = verdictText(a)
		for _, r := range a.Reasons[:min(len(a.Reasons), maxEvidence)] {
			w.Reasons = append(w.Reasons, Line(r))
		}
		for _, r := range a.Actions[:min(len(a.Actions), maxEvidence)] {
			w.Actions = append(w.Actions, Line(r))
		}
	}
	return w
}

// titleText says first what is new.
func titleText(m *Message) string {
	i, before := m.Incident, ""
	switch {
	case m.Status == Test:
		before = "test: "
	case m.Escalated:
		before = "nobody has taken it yet: "
	case m.Status == Acknowledge, m.Status == Resolve:
		return standing(i)
	case m.Status == Update && m.Event == incident.ActedEvent && i.State == incident.Mitigated:
		return standing(i)
	case m.Event == incident.Reopened:
		before = "again: "
	case m.Event == incident.Escalated:
		before = "now "
	case m.Status == Update:
		before = "update: "
	}
	return Line(before + i.Headline())
}

// standing is the title of an incident as it is now.
func standing(i *incident.Incident) string {
	if i.State == incident.Open {
		return Line(i.Headline())
	}
	return Line(string(i.State) + ": " + i.Title())
}

// changeText is what the timeline says of the event.
func changeText(m *Message) string {
	if m.Status == Test {
		return "This is a test: nothing happened, and nothing is to be done."
	}
	text := ""
	for n := len(m.Incident.Timeline) - 1; n >= 0 && text == "" && m.Event != ""; n-- {
		if e := &m.Incident.Timeline[n]; e.Event == m.Event {
			text = e.Text
		}
	}
	switch {
	case m.Escalated:
		text = "Nobody has acknowledged it since " + stamp(m.Incident.Detected)
	case m.Event == incident.Opened:
		text = "It began at " + stamp(m.Incident.Started) + " and was noticed at " + stamp(m.Incident.Detected)
	case text == "":
		text = "It is now " + string(m.Incident.State)
	}
	return Sentence(text)
}

func factsOf(i *incident.Incident) []Fact {
	m := &i.Metrics
	out := []Fact{
		{"Severity", severityText(i)},
		{"Subject", i.Subject},
		{"State", stateText(i)},
		{"Began", stamp(i.Started)},
	}
	add := func(name, value string) {
		if value != "" {
			out = append(out, Fact{name, value})
		}
	}
	if !i.Ended.IsZero() {
		add("Ended", stamp(i.Ended))
		add("Lasted", incident.Quantity(i.Ended.Sub(i.Started).Seconds(), "s"))
	}
	add("Peak", commas(rateText(m.PeakBitsPerSecond, m.BitsPerSecond, "bit/s"), rateText(m.PeakPacketsPerSecond, m.PacketsPerSecond, "packets/s")))
	if m.Bytes > 0 {
		add("Volume", incident.Quantity(float64(m.Bytes), "bytes"))
	}
	add("Sources", peersText(m.Sources, i.Top.Sources))
	add("Destinations", peersText(m.Destinations, i.Top.Destinations))
	add("Ports", peersText(m.Ports, i.Top.Ports))
	if m.Sigma != 0 {
		add("Deviation", incident.Quantity(m.Sigma, "sigma"))
	}
	if len(i.Earlier) > 0 {
		last := &i.Earlier[len(i.Earlier)-1]
		add("Before", strings.ReplaceAll(last.Kind, "_", " ")+" by the same device at "+stamp(last.Started)+" ("+last.ID+")")
	}
	add("Mitigation", doneText(i))
	if i.Filter != nil {
		add("Filter", i.Filter.Text)
	}
	add("Incident", i.ID)
	for n := range out {
		out[n].Value = Line(out[n].Value)
	}
	return out
}

func severityText(i *incident.Incident) string {
	s := fmt.Sprintf("%s (score %s)", i.Severity, strconv.FormatFloat(i.Score, 'g', 3, 64))
	if i.State.Active() && i.CurrentSeverity != "" && i.CurrentSeverity != i.Severity {
		s += ", now " + string(i.CurrentSeverity)
	}
	return s
}

func stateText(i *incident.Incident) string {
	switch {
	case i.State == incident.Closed && i.Verdict != "":
		return "closed as " + string(i.Verdict)
	case i.State == incident.Resolved && i.Reason != "":
		return "resolved: " + i.Reason
	}
	if i.State == incident.Mitigated && i.Acknowledged {
		return "mitigated, and acknowledged"
	}
	return string(i.State)
}

func rateText(peak, now float64, unit string) string {
	if v := max(peak, now); v > 0 {
		return incident.Quantity(v, unit)
	}
	return ""
}

// peersText says how many there were and which carried most.
func peersText(n uint64, top []detect.Share) string {
	named := make([]string, 0, maxKeys)
	for k := range top[:min(len(top), maxKeys)] {
		s := top[k].Key
		if top[k].Share > 0 {
			s += " (" + incident.Quantity(top[k].Share, "share") + ")"
		}
		named = append(named, s)
	}
	switch {
	case n == 0:
		return commas(named...)
	case len(named) == 0:
		return incident.Quantity(float64(n), "")
	case uint64(len(named)) >= n:
		return commas(named...)
	}
	return incident.Quantity(float64(n), "") + ", mostly " + commas(named...)
}

func evidenceOf(i *incident.Incident) []string {
	sorted := slices.Clone(i.Indicators)
	slices.SortStableFunc(sorted, func(a, b incident.Indicator) int { return cmp.Compare(b.Weight, a.Weight) })
	out := make([]string, 0, maxEvidence)
	for n := range sorted {
		if len(out) == maxEvidence || n > 0 && sorted[n].Weight <= 0 {
			break
		}
		out = append(out, Sentence(sorted[n].Text))
	}
	return out
}

func verdictText(a *incident.Assessment) string {
	s := string(a.Verdict) + ", " + incident.Quantity(a.Confidence, "share") + " sure"
	if a.Cause != "" {
		s += "; likely cause: " + a.Cause
	}
	if len(a.Techniques) > 0 {
		s += "; " + strings.Join(a.Techniques, ", ")
	}
	return Line(s + " (judged by " + a.By + ")")
}

func renderDigest(m *Message) *Words {
	w := &Words{Severity: detect.Low, Link: Line(m.Link)}
	counts := map[detect.Severity]int{}
	for n := range m.Digest {
		b := &m.Digest[n]
		s := detect.Severity(b.Severity)
		counts[s]++
		if s.Rank() > w.Severity.Rank() {
			w.Severity = s
		}
		w.Items = append(w.Items, Item{Line(b.Headline + " (" + string(b.State) + ", since " + stamp(b.Started) + ")"), Line(b.Link)})
	}
	total := len(m.Digest) + m.More
	w.Title = incident.Quantity(float64(total), "incidents")
	var parts []string
	for _, s := range [...]detect.Severity{detect.Critical, detect.High, detect.Medium, detect.Low} {
		if counts[s] > 0 {
			parts = append(parts, strconv.Itoa(counts[s])+" "+string(s))
		}
	}
	if m.More > 0 {
		parts = append(parts, strconv.Itoa(m.More)+" not listed")
	}
	if len(parts) > 0 {
		w.Title += ": " + strings.Join(parts, ", ")
	}
	w.Standing, w.Change = w.Title, "A summary up to "+stamp(m.At)+"."
	return w
}

// stamp writes a moment as RFC 3339 has it, to the second, with its offset.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.Format(time.RFC3339)
}

// commas joins what is not empty.
func commas(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}
