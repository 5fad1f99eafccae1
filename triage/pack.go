// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

// The bounds of a pack. With all of them reached it has less than MaxPack bytes.
const (
	MaxPack        = 32 << 10
	packIndicators = 32
	packTop        = 5
	packLists      = 16 // kinds, vectors
	packReasons    = 10
	packChapters   = 4
	packPlanned    = 5
	packSimilar    = 5
)

// pack is the evidence of one incident: numbers that we computed. It names no moment, only
// the hour of the week, and no id, so that the same evidence is the same pack.
type pack struct {
	Incident   packed      `json:"incident"`
	Indicators []indicator `json:"indicators"`
	Baseline   past        `json:"baseline"`
	Metrics    any         `json:"metrics"`
	Top        packTops    `json:"top"`
	Rules      ruled       `json:"rules_say"`
	Subject    *Subject    `json:"subject_usually,omitempty"`
	Planned    []Planned   `json:"planned_events"`
	Similar    []Similar   `json:"similar_incidents"`
	Story      []chapter   `json:"other_incidents_of_the_device"`
}

type packed struct {
	Category detect.Category    `json:"category"`
	Kinds    []string           `json:"kinds"`
	Vectors  []string           `json:"vectors,omitempty"`
	Subject  string             `json:"subject"`
	Scope    string             `json:"scope"`
	Severity detect.Severity    `json:"severity"`
	Score    float64            `json:"score"`
	Active   bool               `json:"goes_on"`
	Began    string             `json:"began_weekday_and_hour"`
	Lasted   float64            `json:"lasted_seconds"`
	Peaks    map[string]float64 `json:"vector_peak_bits_per_second,omitempty"`
}

type indicator struct {
	Name     string  `json:"name"`
	Observed float64 `json:"observed"`
	Expected float64 `json:"expected"`
	Unit     string  `json:"unit,omitempty"`
	Weight   float64 `json:"weight_in_score"`
	Detail   Quoted  `json:"detail,omitzero"`
}

type past struct {
	Level   string `json:"level"`
	Samples int    `json:"samples"`
	AgeDays int    `json:"age_days"`
}

type packTops struct {
	Sources      []topEntry `json:"sources,omitempty"`
	Destinations []topEntry `json:"destinations,omitempty"`
	Ports        []topEntry `json:"ports,omitempty"`
	ASNs         []topEntry `json:"autonomous_systems,omitempty"`
	Countries    []topEntry `json:"countries,omitempty"`
}

type topEntry struct {
	Key   string  `json:"key"`
	Share float64 `json:"share"`
	Bytes float64 `json:"bytes"`
}

type ruled struct {
	Verdict    incident.Judgement `json:"verdict"`
	Confidence float64            `json:"confidence"`
	Likelihood float64            `json:"legitimate_likelihood"`
	Priority   incident.Priority  `json:"investigation_priority,omitempty"`
	Reasons    []string           `json:"reasons,omitempty"`
}

type chapter struct {
	Stage    incident.Stage  `json:"stage"`
	Kind     string          `json:"kind"`
	Severity detect.Severity `json:"severity"`
	Days     float64         `json:"days_before"` // negative: it came later
}

// Build writes the evidence pack of an incident. It is pure. With a mask, what names
// own devices is hidden, and what people wrote in their own words stays at home: nobody
// can tell whom it names.
func Build(inc *incident.Incident, a *Around, m *Mask) ([]byte, error) {
	zone := a.Zone
	if zone == nil {
		zone = time.UTC
	}
	basis := inc.Basis()
	p := pack{
		Incident: packed{
			Category: inc.Category, Kinds: most(basis.Kinds, packLists), Vectors: most(basis.Vectors, packLists), Subject: inc.Subject, Scope: inc.Scope,
			Severity: inc.Severity, Score: round(inc.Score), Active: inc.State.Active(), Began: inc.Started.In(zone).Format("Mon 15h"),
			Lasted: round(inc.LastSeen.Sub(inc.Started).Seconds()),
		},
		Baseline: past{inc.Baseline.Level, inc.Baseline.Samples, inc.Baseline.AgeDays},
		Planned:  append([]Planned{}, most(a.Planned, packPlanned)...),
		Similar:  append([]Similar{}, most(a.Similar, packSimilar)...),
		Subject:  a.Subject, Story: []chapter{}, Indicators: []indicator{},
	}
	for _, v := range most(inc.Peaks, packLists) {
		if p.Incident.Peaks == nil {
			p.Incident.Peaks = map[string]float64{}
		}
		p.Incident.Peaks[v.Vector] = round(v.Bits)
	}
	for i := range most(inc.Indicators, packIndicators) {
		p.Indicators = append(p.Indicators, packIndicator(&inc.Indicators[i].Indicator, m != nil))
	}
	if p.Metrics = rounded(inc.Metrics); p.Metrics == nil {
		p.Metrics = struct{}{}
	}
	t := &inc.Top
	p.Top = packTops{top(t.Sources), top(t.Destinations), top(t.Ports), top(t.ASNs), top(t.Countries)}
	if r := inc.Rules; r != nil {
		p.Rules = rulesSay(r)
	} else if inc.Assessment != nil {
		p.Rules = rulesSay(inc.Assessment)
	}
	story := append(append([]incident.Chapter{}, inc.Earlier...), inc.Later...)
	for i := range most(story, packChapters) {
		c := &story[i]
		p.Story = append(p.Story, chapter{c.Stage, c.Kind, c.Severity, round(inc.Started.Sub(c.Started).Hours() / 24)})
	}
	return p.write(inc, m)
}

func rulesSay(r *incident.Assessment) ruled {
	out := ruled{Verdict: r.Verdict, Confidence: r.Confidence, Likelihood: r.Likelihood, Priority: r.Priority}
	for _, reason := range most(r.Reasons, packReasons) {
		out.Reasons = append(out.Reasons, Plain(reason, 2*maxQuoted))
	}
	return out
}

func packIndicator(i *detect.Indicator, masked bool) indicator {
	out := indicator{i.Name, round(i.Observed), round(i.Expected), i.Unit, i.Weight, Quoted(i.Detail)}
	if masked && (i.Name == "scheduled_event" || i.Name == "exclusion") {
		out.Detail = "" // in the words of people
	}
	return out
}

// write is the pack as JSON in one canonical form.
func (p *pack) write(inc *incident.Incident, m *Mask) ([]byte, error) {
	if m != nil {
		m.Own(inc.Subject)
		m.Hide(inc.Subject) // the subject comes first
		if p.Subject != nil && p.Subject.Name != "" {
			one := *p.Subject
			one.Name = Quoted(m.Name(Plain(string(one.Name), maxQuoted)))
			p.Subject = &one
		}
		for i := range p.Planned {
			p.Planned[i].Name = ""
		}
		for i := range p.Similar {
			p.Similar[i].Note = ""
		}
	}
	text, err := encode(p, m)
	if err == nil && len(text) > MaxPack {
		err = fmt.Errorf("the evidence of %s has %d bytes", inc.ID, len(text))
	}
	return text, err
}

// encode writes a value as JSON with pseudonyms. Characters that could close the marks
// around it are escaped, as encoding/json does.
func encode(v any, m *Mask) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil || m == nil {
		return text, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var all any
	if err := d.Decode(&all); err != nil {
		return nil, err
	}
	return json.Marshal(m.hideAll(all))
}

// key is the hash of evidence, for a model and the question as this version asks it.
func key(model string, evidence []byte) string {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(model), []byte(question()), evidence} {
		_, _ = h.Write([]byte(strconv.Itoa(len(part)) + ":")) // never fails
		_, _ = h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func top(list []detect.Share) (out []topEntry) {
	for i := range most(list, packTop) {
		s := &list[i]
		out = append(out, topEntry{Plain(s.Key, maxQuoted), round(s.Share), round(float64(s.Bytes))})
	}
	return out
}

// most is at most the first n of a list.
func most[T any](list []T, n int) []T { return list[:min(n, len(list))] }

// round leaves three digits: more is noise, and makes evidence of the same case differ.
func round(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil {
		return 0
	}
	return r
}

// rounded is a struct of numbers as they stand in its JSON, rounded.
func rounded(v any) any {
	text, err := json.Marshal(v)
	var all map[string]float64
	if err != nil || json.NewDecoder(strings.NewReader(string(text))).Decode(&all) != nil {
		return nil
	}
	for k := range all {
		all[k] = round(all[k])
	}
	return all
}
