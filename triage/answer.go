// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"encoding/json"
	"math"

	"tidewatch/detect"
	"tidewatch/incident"
)

// AnswerSchema is the form of every answer: the fields of an assessment that a model may
// fill. It may not fill numbers of bits and bytes, which are computed, nor who signs.
func AnswerSchema() *Schema {
	text := func(name, doc string, most int) Field {
		return Field{name, Schema{Type: "string", Doc: doc, MaxLen: most}}
	}
	enum := func(name, doc string, values ...string) Field {
		return Field{name, Schema{Type: "string", Doc: doc, Enum: values}}
	}
	list := func(name, doc string, most, letters int) Field {
		return Field{name, Schema{Type: "array", Doc: doc, MaxItems: most, Items: &Schema{Type: "string", MaxLen: letters}}}
	}
	share := func(name, doc string) Field {
		return Field{name, Schema{Type: "number", Doc: doc, Max: 1}}
	}
	techniques := list("attack_techniques", "MITRE ATT&CK technique ids such as T1048.003; empty when none fits", 8, 9)
	techniques.Items.Pattern = `^T[0-9]{4}(\.[0-9]{3})?$`
	return &Schema{Type: "object", Fields: []Field{
		list("reasons", "what you judge by, strongest first, each with its numbers; one that speaks against your verdict begins with: against that", 8, 300),
		enum("verdict", "what it is", string(incident.Threat), string(incident.Legitimate), string(incident.Unclear)),
		share("confidence", "in the verdict"),
		share("legitimate_likelihood", "how likely it is wanted traffic: a campaign, a launch, a crowd, a backup"),
		enum("severity", "in the light of the verdict", string(detect.Low), string(detect.Medium), string(detect.High), string(detect.Critical)),
		text("attack_type", "the vector of an attack, the kind of anything else", 80),
		text("impact", "what it means for who depends on the device", 400),
		text("legitimate_explanation", "what it would be if it were wanted; empty when nothing is plausible", 400),
		list("recommended_actions", "what to do, the first thing first", 6, 300),
		list("investigation_steps", "how to find out more, with the addresses, ports and times of this incident", 8, 300),
		enum("investigation_priority", "how soon a person should look: p1 at once, p2 within the hour, p3 within the working day, p4 when there is time",
			string(incident.AtOnce), string(incident.SameHour), string(incident.SameDay), string(incident.AnyTime)),
		enum("likely_cause", "the most likely cause", "attack", "compromise", "misconfiguration", "failure", "business"),
		enum("likely_botnet", "whether many real sources act as one", "yes", "no", "unknown"),
		text("likely_data_type", "what kind of data may have left, and what that rests on; empty when none did or nothing tells", 200),
		text("exfiltration_method", "how data leaves, such as https, ssh, dns_tunnel; empty when none does", 80),
		enum("likely_insider", "whether it looks like somebody of the house and not like a foreign program", "yes", "no", "unknown"),
		techniques,
	}}
}

// answer is what stands in an answer that fits the schema.
type answer struct {
	Reasons    []string `json:"reasons"`
	Verdict    string   `json:"verdict"`
	Confidence float64  `json:"confidence"`
	Likelihood float64  `json:"legitimate_likelihood"`
	Severity   string   `json:"severity"`
	AttackType string   `json:"attack_type"`
	Impact     string   `json:"impact"`
	Legitimate string   `json:"legitimate_explanation"`
	Actions    []string `json:"recommended_actions"`
	Steps      []string `json:"investigation_steps"`
	Priority   string   `json:"investigation_priority"`
	Cause      string   `json:"likely_cause"`
	Botnet     string   `json:"likely_botnet"`
	DataType   string   `json:"likely_data_type"`
	Method     string   `json:"exfiltration_method"`
	Insider    string   `json:"likely_insider"`
	Techniques []string `json:"attack_techniques"`
}

// readAnswer checks an answer and takes it over. Its error is a *FailedError.
func readAnswer(text, by string) (*incident.Assessment, error) {
	if _, err := AnswerSchema().Read([]byte(text)); err != nil {
		return nil, err
	}
	var a answer
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return nil, Fail(Malformed, "it is no JSON")
	}
	hundredths := func(v float64) float64 { return math.Round(100*v) / 100 }
	return &incident.Assessment{
		By: by, Verdict: incident.Judgement(a.Verdict), Confidence: hundredths(a.Confidence), Likelihood: hundredths(a.Likelihood),
		Severity: detect.Severity(a.Severity), AttackType: a.AttackType, Impact: a.Impact, Reasons: a.Reasons, Legitimate: a.Legitimate,
		Actions: a.Actions, Steps: a.Steps, Priority: incident.Priority(a.Priority), Cause: a.Cause, Botnet: known(a.Botnet),
		DataType: a.DataType, Method: a.Method, Insider: known(a.Insider), Techniques: a.Techniques,
	}, nil
}

func known(s string) *bool {
	if s == "unknown" {
		return nil
	}
	yes := s == "yes"
	return &yes
}

// say applies f to every text of an assessment that a model wrote.
func say(a *incident.Assessment, f func(string) string) {
	for _, s := range []*string{&a.AttackType, &a.Impact, &a.Legitimate, &a.DataType, &a.Method} {
		*s = f(*s)
	}
	for _, list := range [][]string{a.Reasons, a.Actions, a.Steps} {
		for i := range list {
			list[i] = f(list[i])
		}
	}
}
