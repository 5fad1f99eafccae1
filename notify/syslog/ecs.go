// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/notify"
)

// ecsVersion is that of the Elastic Common Schema by which fields are named.
const ecsVersion = "8.17.0"

// object is JSON with its keys in order.
type object = map[string]any

// ecs writes a message as JSON of at most room bytes. What does not fit is left out, the
// least important part first, and tidewatch.left_out names it: JSON that somebody cuts
// is no JSON.
func ecs(m *notify.Message, w *notify.Words, host string, room int) (string, error) {
	doc, extra := ecsCore(m, w, host), object{}
	doc["tidewatch"] = extra
	for n, parts := 0, ecsParts(m, w, doc, extra); ; n++ {
		text, err := compact(doc)
		if err != nil || len(text) <= room || n == len(parts) {
			return text, err
		}
		part := parts[len(parts)-1-n]
		delete(part.from, part.name)
		left, _ := extra["left_out"].([]string)
		extra["left_out"] = append(left, part.name)
	}
}

// part is a field that may be left out.
type part struct {
	from object
	name string
}

// ecsParts fills in what is good to have, the most important first.
func ecsParts(m *notify.Message, w *notify.Words, doc, extra object) []part {
	var parts []part
	add := func(to object, name string, value any) {
		to[name] = value
		parts = append(parts, part{to, name})
	}
	event, _ := doc["event"].(object)
	add(event, "reason", w.Change)
	if w.Link != "" {
		add(event, "url", w.Link)
	}
	i := m.Incident
	if i == nil {
		add(extra, "incidents", w.Items)
		return parts
	}
	if a := i.Assessment; a != nil {
		if t := threat(a.Techniques); t != nil {
			add(doc, "threat", t)
		}
		add(extra, "verdict", object{"verdict": a.Verdict, "confidence": a.Confidence, "cause": a.Cause, "by": notify.Line(a.By), "reasons": w.Reasons})
	}
	add(extra, "metrics", i.Metrics)
	add(extra, "evidence", w.Evidence)
	if len(w.Actions) > 0 {
		add(extra, "recommended_actions", w.Actions)
	}
	add(extra, "top", top(&i.Top))
	return parts
}

// ecsCore is what every message has; it fits into minSize, whatever a stranger wrote.
func ecsCore(m *notify.Message, w *notify.Words, host string) object {
	short := func(s string) string { return notify.Cut(notify.Line(s), maxParam) }
	kind := "alert"
	if m.Status == notify.Test || m.Status == notify.Digest {
		kind = "event"
	}
	event := object{
		"kind": kind, "category": []string{"intrusion_detection", "network"}, "type": []string{eventType(m)}, "action": string(m.Status),
		"id": short(m.ID), "code": short(code(m)), "module": "tidewatch", "dataset": "tidewatch.incident", "provider": "tidewatch",
		"severity": w.Severity.Rank() + 1,
	}
	doc := object{
		"ecs": object{"version": ecsVersion}, "message": cutTo(w.Title, 240), "event": event,
		"observer": object{"vendor": "tidewatch", "product": "tidewatch", "type": "ids", "hostname": host},
		"labels":   object{"severity": string(w.Severity)},
	}
	if !m.At.IsZero() {
		doc["@timestamp"] = m.At.Format(time.RFC3339Nano)
	}
	i := m.Incident
	if i == nil {
		return doc
	}
	event["risk_score"], event["start"] = 100*i.Score, i.Started.Format(time.RFC3339Nano)
	if !i.Ended.IsZero() {
		event["end"], event["duration"] = i.Ended.Format(time.RFC3339Nano), i.Ended.Sub(i.Started).Nanoseconds()
	}
	doc["rule"] = object{"name": cutTo(name(m), 64), "category": string(i.Category), "id": short(i.Kind)}
	doc["labels"] = object{
		"severity": string(w.Severity), "incident": short(i.ID), "state": string(i.State), "event": string(m.Event), "subject": short(i.Subject), "scope": i.Scope,
	}
	between := endsOf(i)
	network := object{"direction": "outbound"}
	if between.inbound {
		network["direction"] = "inbound"
	}
	if i.Metrics.Bytes > 0 {
		network["bytes"] = i.Metrics.Bytes
	}
	if i.Metrics.Packets > 0 {
		network["packets"] = i.Metrics.Packets
	}
	doc["network"] = network
	if s := end(between.source, 0); s != nil {
		doc["source"] = s
	}
	if d := end(between.destination, between.port); d != nil {
		doc["destination"] = d
	}
	return doc
}

func eventType(m *notify.Message) string {
	switch {
	case m.Status == notify.Resolve:
		return "end"
	case m.Status == notify.Trigger && (m.Event == incident.Opened || m.Event == incident.Reopened):
		return "start"
	}
	return "info"
}

func end(a netip.Addr, port int) object {
	if !a.IsValid() {
		return nil
	}
	o := object{"ip": a.Unmap().WithZone("").String(), "address": notify.Cut(a.String(), maxParam)}
	if port > 0 {
		o["port"] = port
	}
	return o
}

// threat keeps techniques and their parts where ECS has them.
func threat(ids []string) object {
	techniques, parts := make([]string, 0, len(ids)), make([]string, 0, len(ids))
	for _, id := range ids {
		technique, _, sub := strings.Cut(id, ".")
		techniques = append(techniques, technique)
		if sub {
			parts = append(parts, id)
		}
	}
	if len(techniques) == 0 {
		return nil
	}
	t := object{"id": techniques}
	if len(parts) > 0 {
		t["subtechnique"] = object{"id": parts}
	}
	return object{"framework": "MITRE ATT&CK", "technique": t}
}

// top is a top list whose keys are printable.
func top(t *detect.Top) object {
	out := object{}
	for name, list := range map[string][]detect.Share{
		"sources": t.Sources, "destinations": t.Destinations, "ports": t.Ports, "asns": t.ASNs, "countries": t.Countries,
	} {
		if len(list) == 0 {
			continue
		}
		clean := make([]detect.Share, len(list))
		for n := range list {
			clean[n] = list[n]
			clean[n].Key = notify.Cut(notify.Line(list[n].Key), maxParam)
		}
		out[name] = clean
	}
	return out
}

// compact writes JSON on one line, and & as it is.
func compact(doc object) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(doc)
	return strings.TrimSuffix(b.String(), "\n"), err
}
