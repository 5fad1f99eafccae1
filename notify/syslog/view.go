// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"net/netip"
	"strconv"
	"strings"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/notify"
)

// ends says who sent and who received what an incident is about, as far as one address
// stands for each. A subject that is a network is neither.
type ends struct {
	source, destination netip.Addr
	port                int  // of the destination, 0 when not known
	inbound             bool // the subject is the destination
}

func endsOf(i *incident.Incident) ends {
	var e ends
	subject, _ := netip.ParseAddr(i.Subject)
	e.inbound = i.Kind == "ddos" || len(i.Top.Destinations) == 0 && len(i.Top.Sources) > 0
	if e.inbound {
		e.source, e.destination = first(i.Top.Sources), subject
	} else {
		e.source, e.destination = subject, first(i.Top.Destinations)
	}
	if len(i.Top.Ports) > 0 {
		// A key may name the protocol, too.
		digits, _, _ := strings.Cut(i.Top.Ports[0].Key, "/")
		if n, err := strconv.ParseUint(digits, 10, 16); err == nil {
			e.port = int(n)
		}
	}
	return e
}

func first(top []detect.Share) netip.Addr {
	if len(top) == 0 {
		return netip.Addr{}
	}
	a, _ := netip.ParseAddr(top[0].Key)
	return a
}

// name tells what it is without saying of whom: what equal events are counted by.
func name(m *notify.Message) string {
	i := m.Incident
	if i == nil {
		return "Digest"
	}
	s := i.Vector
	if s == "" {
		s = i.Kind
	}
	return strings.TrimSuffix(notify.Sentence(incident.Protocol(strings.ReplaceAll(s, "_", " "))), ".")
}

// code is the same for programs.
func code(m *notify.Message) string {
	i := m.Incident
	switch {
	case i == nil:
		return string(notify.Digest)
	case i.Vector != "":
		return i.Kind + ":" + i.Vector
	}
	return i.Kind
}
