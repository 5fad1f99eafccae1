// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"slices"

	"tidewatch/detect"
)

// Judgement is what an assessment comes to.
type Judgement string

// The judgements.
const (
	Threat     Judgement = "threat"
	Legitimate Judgement = "legitimate"
	Unclear    Judgement = "uncertain"
)

// Priority says how soon a person should look at an incident.
type Priority string

// The priorities, the most urgent first.
const (
	AtOnce   Priority = "p1" // now, at any hour: harm is being done
	SameHour Priority = "p2" // within the hour
	SameDay  Priority = "p3" // within the working day
	AnyTime  Priority = "p4" // when there is time, or with the next review
)

// Assessment is the judgement of an incident: by rules, or by a model. It explains
// and never changes score, severity or state of the incident. What cannot be known is
// absent.
type Assessment struct {
	By         string          `json:"by" doc:"rules, or the model that judged"`
	Verdict    Judgement       `json:"verdict" enum:"threat,legitimate,uncertain"`
	Confidence float64         `json:"confidence" minimum:"0" maximum:"1" doc:"in the verdict"`
	Likelihood float64         `json:"legitimate_likelihood" minimum:"0" maximum:"1" doc:"how likely it is wanted traffic: a campaign, a launch, a crowd, a backup"`
	Severity   detect.Severity `json:"severity" enum:"low,medium,high,critical" doc:"in the light of the verdict"`
	AttackType string          `json:"attack_type,omitempty" doc:"the vector of an attack, the kind of anything else"`
	Impact     string          `json:"impact,omitempty" doc:"what it means for who depends on the device, in words"`
	Reasons    []string        `json:"reasons,omitempty" doc:"what it was judged by, strongest first; a reason against the verdict says so"`
	Legitimate string          `json:"legitimate_explanation,omitempty" doc:"what it would be if it were wanted"`
	Actions    []string        `json:"recommended_actions,omitempty" doc:"what to do, the first thing first"`
	Steps      []string        `json:"investigation_steps,omitempty" doc:"how to find out more, with the addresses, ports and times of this incident"`
	Priority   Priority        `json:"investigation_priority,omitempty" enum:"p1,p2,p3,p4" doc:"how soon a person should look: p1 at once, at any hour; p2 within the hour; p3 within the working day; p4 when there is time"`
	Cause      string          `json:"likely_cause,omitempty" enum:"attack,compromise,misconfiguration,failure,business"`
	Botnet     *bool           `json:"likely_botnet,omitempty" doc:"many real sources in many networks that send alike; absent when it cannot be known"`
	AttackerBs float64         `json:"estimated_attacker_bps,omitempty" doc:"bits per second that the attacker needs: what arrives at the peak, for an amplification divided by its factor; the sum of that over several vectors, so at most that if they came one after the other; absent when the rate of one is not known, or no factor is published"`
	DataType   string          `json:"likely_data_type,omitempty" doc:"what kind of data may have left, and what that rests on; flows never show it"`
	Method     string          `json:"exfiltration_method,omitempty" doc:"how data leaves, as far as ports and shapes of flows tell it: https, ssh, dns_tunnel, ..."`
	Insider    *bool           `json:"likely_insider,omitempty" doc:"whether it looks like somebody of the house and not like a foreign program; absent when it cannot be known"`
	Stolen     uint64          `json:"estimated_bytes_stolen,omitempty" doc:"bytes that left, at most: of a rise what is beyond the usual, of a tunnel its packets without headers"`
	Techniques []string        `json:"attack_techniques,omitempty" doc:"MITRE ATT&CK"`
	Review     bool            `json:"review,omitempty" doc:"likely legitimate, review: a model calls it legitimate and the rules do not"`
	Error      string          `json:"error,omitempty" doc:"why there is no better judgement"`
}

// Judge makes the book have incidents assessed whenever more is learned of them.
// assess must be quick and pure; it returns nil for what it does not judge. Call Judge
// before the first Apply.
func (b *Book) Judge(assess func(*Incident) *Assessment) { b.assess = assess }

// assess judges an incident of which more was learned. Another verdict is told, at
// most as often as growing peaks are.
func (e *entry) assess(b *Book) {
	if b.assess == nil {
		return
	}
	before, now := e.inc.byRules(), b.assess(&e.inc)
	if before != nil && now != nil && before.Verdict != now.Verdict && e.pending == "" {
		if b.now.Sub(e.written) < b.cfg.UpdateGap {
			return // the old one stands until it can be told
		}
		e.note(b, Updated, "now judged "+string(now.Verdict)+", before "+string(before.Verdict), nil)
	}
	e.ruled(b, now)
}

func (a *Assessment) clone() *Assessment {
	if a == nil {
		return nil
	}
	c := *a
	c.Reasons, c.Techniques = slices.Clone(a.Reasons), slices.Clone(a.Techniques)
	c.Actions, c.Steps = slices.Clone(a.Actions), slices.Clone(a.Steps)
	return &c
}
