// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

// Tool is something that a model may look up.
type Tool struct {
	Name, Doc string
	Arguments *Schema
}

// maxResult bounds what a tool returns, in bytes: about 3 000 tokens.
const maxResult = 8 << 10

// Tools are those that there are. All of them only read.
func Tools() []Tool {
	address := func(name, doc string) Field {
		return Field{name, Schema{Type: "string", Doc: doc, MaxLen: 64}}
	}
	args := func(fields ...Field) *Schema { return &Schema{Type: "object", Fields: fields} }
	return []Tool{
		{
			"subject_flows", "Some of the flows of this incident, as they were seen: at most 20.",
			args(Field{"limit", Schema{Type: "integer", Doc: "how many", Min: 1, Max: 20}}),
		},
		{
			"destination_history", "What the subject has given to an address outside and the network around it in half a year, on how many days, and what is known of that address.",
			args(address("address", "an address outside, from the evidence")),
		},
		{
			"device_peers", "The usual peers and services of an own device, heaviest first.",
			args(address("device", "an own device, such as the subject")),
		},
		{
			"other_incidents", "Other incidents about an own device or network, newest first: at most 10.",
			args(address("subject", "an own device or network"), Field{"days", Schema{Type: "integer", Doc: "how far back", Min: 1, Max: 90}}),
		},
	}
}

// toolbox answers the calls of one conversation.
type toolbox struct {
	archive Archive
	inc     *incident.Incident
	mask    *Mask
}

// arguments are those of all tools; each takes its own, and its schema lets no other in.
type arguments struct {
	Limit   int    `json:"limit"`
	Address string `json:"address"`
	Device  string `json:"device"`
	Subject string `json:"subject"`
	Days    int    `json:"days"`
}

// use runs a call. What goes wrong is told to the model, in our words.
func (b *toolbox) use(ctx context.Context, c *Call) Result {
	text, err := b.answer(ctx, c)
	if err != nil {
		return Result{ID: c.ID, Text: err.Error(), Failed: true}
	}
	return Result{ID: c.ID, Text: string(text)}
}

func (b *toolbox) answer(ctx context.Context, c *Call) ([]byte, error) {
	var schema *Schema
	for _, t := range Tools() {
		if t.Name == c.Name {
			schema = t.Arguments
		}
	}
	if schema == nil {
		return nil, errors.New("there is no such tool")
	}
	if len(c.Arguments) > 1024 {
		return nil, errors.New("the arguments are too long")
	}
	if _, err := schema.Read(c.Arguments); err != nil {
		return nil, err
	}
	var a arguments
	if err := json.Unmarshal(c.Arguments, &a); err != nil {
		return nil, errors.New("the arguments cannot be read")
	}
	found, err := b.look(ctx, c.Name, &a)
	if err != nil {
		return nil, err
	}
	text, err := encode(found, b.mask)
	if err != nil || len(text) > maxResult {
		return nil, errors.New("the answer is too long; ask for less")
	}
	return text, nil
}

var (
	errNoAddress = errors.New("that is no address of the evidence")
	errLookup    = errors.New("it could not be looked up")
)

func (b *toolbox) look(ctx context.Context, name string, a *arguments) (any, error) {
	var found any
	var err error
	switch name {
	case "subject_flows":
		return b.flows(a.Limit), nil
	case "destination_history", "device_peers":
		addr, parsed := netip.ParseAddr(b.mask.Restore(a.Address + a.Device)) // it has one of them
		switch {
		case parsed != nil || addr.Zone() != "":
			return nil, errNoAddress
		case name == "device_peers":
			found, err = b.archive.Peers(ctx, addr.Unmap())
		default:
			found, err = b.archive.Destination(ctx, b.inc, addr.Unmap())
		}
	case "other_incidents":
		subject := incident.Incident{Subject: b.mask.Restore(a.Subject)}
		prefix, parsed := subject.Prefix()
		if parsed != nil {
			return nil, errNoAddress
		}
		text := prefix.String()
		if prefix.IsSingleIP() {
			text = prefix.Addr().String()
		}
		found, err = b.others(ctx, text, b.inc.LastSeen.AddDate(0, 0, -a.Days))
	}
	if err != nil {
		return nil, errLookup
	}
	return found, nil
}

const maxOthers = 10

func (b *toolbox) others(ctx context.Context, subject string, since time.Time) (any, error) {
	all, err := b.archive.Incidents(ctx, subject, since)
	out := struct {
		Incidents []Similar `json:"incidents"`
	}{[]Similar{}}
	for i := range all {
		if all[i].ID == b.inc.ID || len(out.Incidents) == maxOthers {
			continue
		}
		if b.mask != nil {
			all[i].Note = ""
		}
		out.Incidents = append(out.Incidents, all[i])
	}
	return out, err
}

// flows are some of the incident's own, spread over its time.
func (b *toolbox) flows(limit int) any {
	type seen struct {
		Seconds  float64 `json:"seconds_after_begin"`
		Source   string  `json:"source"`
		SrcPort  uint16  `json:"source_port"`
		Dest     string  `json:"destination"`
		DstPort  uint16  `json:"destination_port"`
		Protocol string  `json:"protocol"`
		Flags    string  `json:"tcp_flags,omitempty"`
		Bytes    uint64  `json:"bytes"`
		Packets  uint64  `json:"packets"`
		Duration float64 `json:"duration_seconds"`
	}
	all := b.inc.Evidence
	n := min(limit, len(all))
	out := struct {
		Flows []seen `json:"flows"`
		Kept  int    `json:"flows_kept"`
	}{[]seen{}, len(all)}
	for k := range n {
		f := pick(all, k, n)
		out.Flows = append(out.Flows, seen{
			round(f.Time.Sub(b.inc.Started).Seconds()), f.Source, f.SrcPort, f.Dest, f.DstPort, f.Protocol, f.Flags, f.Bytes, f.Packets, round(f.Duration),
		})
	}
	return out
}

func pick(all []detect.Flow, k, n int) *detect.Flow { return &all[k*(len(all)-1)/max(1, n-1)] }
