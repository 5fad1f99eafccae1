// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"tidewatch/decision"
	"tidewatch/incident"
	"tidewatch/scenario"
)

// narrator tells a person at a terminal what is sent, and what the server makes of it. It
// asks the server as anybody else would.
type narrator struct {
	w     io.Writer
	quiet bool
	began time.Time
	told  map[string]string // by id: what was told of an incident or a decision last
}

// tellEvery is how often the server is asked.
const tellEvery = time.Second

func (n *narrator) say(format string, args ...any) {
	if !n.quiet {
		n.always(format, args...)
	}
}

func (n *narrator) always(format string, args ...any) { _, _ = fmt.Fprintf(n.w, format+"\n", args...) }

// at puts the time since the begin before a line.
func (n *narrator) at(who, format string, args ...any) {
	since := time.Since(n.began).Round(time.Second)
	n.say("%3d:%02d  %-9s  %s", int(since.Minutes()), int(since.Seconds())%60, who, fmt.Sprintf(format, args...))
}

func (n *narrator) opens() {
	n.say("A company's network, simulated: an office of 60 people with servers, printers and a camera, and")
	n.say("a web shop. Nothing leaves this machine. First its last %d days are learned, then it goes on live.", demoDays)
	n.say("")
}

func (n *narrator) learned(took time.Duration) {
	n.at("learned", "what is normal for each device, in %.0f s", took.Seconds())
}

// begins says where to look, and what to try. An empty link: there is no dashboard.
func (n *narrator) begins(cfg *Config, base, link string, port uint16) {
	clock := time.Now().In(cfg.zone())
	n.at("listening", "for NetFlow, IPFIX and sFlow on UDP %d; at the site it is %s (%s)", port, clock.Format("15:04"), clock.Format("UTC-07"))
	n.say("")
	if link != "" {
		n.always("dashboard  %s", link)
		n.say("(the link signs in once, as %s; the API is at %s/api/v1/)", demoUser, base)
	} else {
		n.always("no dashboard: Node.js with npm was not there when this was built; the API is at %s/api/v1/", base)
	}
	if !strings.HasSuffix(base, fmt.Sprintf(":%d", usualPort)) {
		n.say("(another program has port %d, or --port named this one)", usualPort)
	}
	n.say("")
	n.say("To look and decide from another terminal:")
	n.say("  export TIDEWATCH_DATA_DIR=%s", cfg.DataDir)
	n.say("  tidewatch incident list")
	n.say("  tidewatch mitigation list")
	n.say("  curl -s -H \"Authorization: Bearer $(cat $TIDEWATCH_DATA_DIR/token)\" %s/api/v1/summary", base)
	n.say("")
	n.say("Ctrl-C ends it. The first attack begins in %d s.", int(demoCalm.Seconds()))
	n.say("")
}

// tell follows what happens until ctx ends.
func (n *narrator) tell(ctx context.Context, server *remote, truth []scenario.Truth) {
	t := time.NewTicker(tellEvery)
	defer t.Stop()
	n.told = map[string]string{}
	sent := 0
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			for sent < len(truth) && !truth[sent].Start.After(now) {
				n.sent(&truth[sent])
				sent++
			}
			if err := n.ask(ctx, server, truth[:sent]); err != nil && ctx.Err() == nil {
				n.at("", "%v", err)
			}
		}
	}
}

// sent says what begins.
func (n *narrator) sent(t *scenario.Truth) {
	switch {
	case t.Subject.Is6() && t.MustNotAlert, t.Subject.String() == "10.10.1.20": // the backup of every night, and the same campaign once more
	default:
		n.at("now sent", "%s (%s)", t.Note, t.Subject)
	}
}

// ask tells what is new of incidents and of decisions.
func (n *narrator) ask(ctx context.Context, server *remote, truth []scenario.Truth) error {
	var list struct {
		Incidents []incident.Incident `json:"incidents"`
	}
	if err := server.call(ctx, http.MethodGet, "/api/v1/incidents?limit=50", nil, &list); err != nil {
		return err
	}
	for i := len(list.Incidents) - 1; i >= 0; i-- {
		n.incident(&list.Incidents[i], truth)
	}
	var orders struct {
		Mitigations []decision.Decision `json:"mitigations"`
	}
	if err := server.call(ctx, http.MethodGet, mitigations+"?state=proposed", nil, &orders); err != nil {
		return err
	}
	for i := range orders.Mitigations {
		d := &orders.Mitigations[i]
		if n.told[d.ID] == "" {
			n.told[d.ID] = string(d.State)
			n.at("proposes", "%s; it waits for you:", d.Detail)
			n.at("", "tidewatch mitigation approve %s", d.ID)
		}
	}
	return nil
}

// incident tells of one that is new, that shifts, or that is over.
func (n *narrator) incident(i *incident.Incident, truth []scenario.Truth) {
	state := i.Vector
	if !i.State.Active() {
		state = "over"
	}
	before, known := n.told[i.ID]
	n.told[i.ID] = state
	switch {
	case !known && state == "over", known && before == state:
	case !known:
		verdict := ""
		if a := i.Assessment; a != nil {
			verdict = fmt.Sprintf("; judged %s by %s", a.Verdict, a.By)
		}
		n.at("tidewatch", "%s, %s%s", i.Title(), foundAfter(i, truth), verdict)
	case state == "over":
		n.at("tidewatch", "over: %s", i.Title())
	default:
		n.at("tidewatch", "the same incident shifts: %s", i.Title())
	}
}

// foundAfter says how soon after its begin an incident was found.
func foundAfter(i *incident.Incident, truth []scenario.Truth) string {
	began := i.Started
	for k := range truth {
		if t := &truth[k]; t.Subject.String() == i.Subject && !t.Start.After(i.Detected) && i.Detected.Sub(t.Start) < scenario.DemoRound {
			began = t.Start
			break
		}
	}
	return fmt.Sprintf("%s, found after %.0f s", i.Severity, i.Detected.Sub(began).Seconds())
}
