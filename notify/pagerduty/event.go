// SPDX-License-Identifier: Apache-2.0

package pagerduty

import (
	"encoding/json"
	"time"

	"tidewatch/detect"
	"tidewatch/notify"
)

// The limits of the Events API: https://developer.pagerduty.com/docs/events-api-v2.
const (
	maxSummary = 1024
	maxDedup   = 255
	maxEvent   = 512 << 10
)

// event is what /v2/enqueue takes.
type event struct {
	RoutingKey string   `json:"routing_key"`
	Action     string   `json:"event_action"`
	DedupKey   string   `json:"dedup_key"`
	Payload    *payload `json:"payload,omitempty"` // needed by a trigger, of no use to others
	Client     string   `json:"client,omitempty"`
	ClientURL  string   `json:"client_url,omitempty"`
	Links      []link   `json:"links,omitempty"`
}

type payload struct {
	Summary   string         `json:"summary"`
	Source    string         `json:"source"`
	Severity  string         `json:"severity"`
	Timestamp string         `json:"timestamp,omitempty"`
	Component string         `json:"component,omitempty"`
	Group     string         `json:"group,omitempty"`
	Class     string         `json:"class,omitempty"`
	Details   map[string]any `json:"custom_details,omitempty"`
}

type link struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// eventOf says it in PagerDuty's terms; nil when PagerDuty has no term for it. A trigger
// about what somebody resolved there would page again, so that an update is not one.
func (s *Sink) eventOf(m *notify.Message) *event {
	e := &event{RoutingKey: s.cfg.RoutingKey, Action: "trigger", DedupKey: cutBytes(dedupKey(m), maxDedup), Client: "tidewatch"}
	switch m.Status {
	case notify.Update:
		return nil
	case notify.Acknowledge:
		e.Action = "acknowledge"
		return e
	case notify.Resolve:
		e.Action = "resolve"
		return e
	default:
	}
	w := notify.Render(m)
	e.Payload = &payload{
		Summary: notify.Cut(w.Title, maxSummary), Source: "tidewatch", Severity: severity(w.Severity),
		Component: s.cfg.Component, Group: s.cfg.Group, Class: class(m), Details: details(w),
	}
	if !m.At.IsZero() {
		e.Payload.Timestamp = m.At.Format(time.RFC3339Nano)
	}
	if m.Status == notify.Test {
		e.Payload.Severity = "info"
	}
	if m.Incident != nil {
		e.Payload.Source = notify.Line(m.Incident.Subject)
		e.Payload.Details["metrics"] = m.Incident.Metrics
	}
	if w.Link != "" {
		e.ClientURL, e.Links = w.Link, []link{{w.Link, "Incident in tidewatch"}}
	}
	return e
}

func dedupKey(m *notify.Message) string {
	if m.Key != "" {
		return m.Key
	}
	return m.ID
}

// severity maps ours to the four of PagerDuty.
func severity(s detect.Severity) string {
	switch s {
	case detect.Critical:
		return "critical"
	case detect.High:
		return "error"
	case detect.Medium:
		return "warning"
	default:
		return "info"
	}
}

// class is what rules in PagerDuty tell events apart by.
func class(m *notify.Message) string {
	switch i := m.Incident; {
	case i == nil:
		return string(notify.Digest)
	case i.Vector != "":
		return i.Vector
	default:
		return i.Kind
	}
}

// details are what the page of an alert shows as a table.
func details(w *notify.Words) map[string]any {
	d := map[string]any{"what": w.Change}
	for _, f := range w.Facts {
		d[f.Name] = f.Value
	}
	put := func(name string, lines []string) {
		if len(lines) > 0 {
			d[name] = lines
		}
	}
	put("evidence", w.Evidence)
	put("reasons", w.Reasons)
	put("recommended_actions", w.Actions)
	if w.Verdict != "" {
		d["assessment"] = w.Verdict
	}
	items := make([]string, 0, len(w.Items))
	for _, i := range w.Items {
		items = append(items, i.Text)
	}
	put("incidents", items)
	return d
}

// encode writes an event within the limit: what is too large loses its details.
func encode(e *event) ([]byte, error) {
	body, err := json.Marshal(e)
	if err == nil && len(body) > maxEvent && e.Payload != nil {
		short := *e
		p := *e.Payload
		p.Details = map[string]any{"left_out": "the details were larger than PagerDuty takes"}
		short.Payload = &p
		return json.Marshal(&short)
	}
	return body, err
}

// cutBytes keeps the end of a key: that is where ids differ.
func cutBytes(s string, n int) string {
	if len(s) > n {
		return s[len(s)-n:]
	}
	return s
}
