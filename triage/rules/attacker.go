// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"tidewatch/incident"
)

// factor is by how much a service multiplies the bytes of who asks it.
type factor struct {
	service string
	value   float64
}

// factors are those of US-CERT alert TA14-017A, of a published range the geometric
// mean. Services that it does not list have none: nothing is guessed.
func factors() [15]factor {
	between := func(a, b float64) float64 { return math.Sqrt(a * b) }
	return [...]factor{
		{"dns", between(28, 54)},
		{"ntp", 556.9},
		{"snmp", 6.3},
		{"netbios", 3.8},
		{"ssdp", 30.8},
		{"chargen", 358.8},
		{"qotd", 140.3},
		{"mdns", between(2, 10)},
		{"rip", 131.24},
		{"portmap", between(7, 28)},
		{"ldap", between(46, 55)},
		{"cldap", between(56, 70)},
		{"tftp", 60},
		{"memcached", between(10_000, 51_000)},
		{"wsd", between(10, 500)},
	}
}

const amplification = "_amplification"

// attackerBits is the bandwidth that the attacker needs: what arrives at the peak,
// divided by the factor of the service that amplifies it. Of several vectors it is the
// sum, each at its own peak and by its own factor: what is needed for all at once, and at
// least what is needed for one after the other. It is 0, for unknown, when a service has
// no published factor, or nobody knows how much one of several vectors carried. Where the
// detector does not tell the attack's own bits apart, usual traffic is in what arrives
// and it is an upper bound.
func attackerBits(inc *incident.Incident) (sum float64) {
	if len(inc.Vectors) < 2 {
		return math.Round(cmp.Or(inc.Metrics.PeakAttackBits, inc.Metrics.PeakBitsPerSecond) / multiplied(inc.Vector))
	}
	for _, v := range inc.Vectors {
		at := slices.IndexFunc(inc.Peaks, func(p incident.VectorPeak) bool { return p.Vector == v })
		if at < 0 {
			return 0
		}
		bits := inc.Peaks[at].Bits / multiplied(v)
		if bits == 0 {
			return 0
		}
		sum += bits
	}
	return math.Round(sum)
}

// multiplied is by how much what the attacker sends is multiplied on the way: 1 when
// nothing amplifies it, infinite when nobody knows.
func multiplied(vector string) float64 {
	service, ok := strings.CutSuffix(vector, amplification)
	if !ok {
		return 1
	}
	for _, f := range factors() {
		if f.service == service {
			return f.value
		}
	}
	return math.Inf(1)
}

const (
	botnetSources = 100 // fewer can be rented as servers
	dispersed     = 0.8 // of the largest possible entropy of networks
	similar       = 0.5 // share of sources that send packets of one size
)

// botnet reports whether many real sources in many networks send alike; nil when it
// cannot be known: under sampling, of what reflects (the reflectors are no bots), and
// of what own devices send.
func botnet(f *facts) *bool {
	spread, ok := f.read("source_dispersion")
	perSource, short := f.read("flows_per_source") // told of short flows alone
	alike, seen := f.read("flow_similarity")
	if !ok || !seen || strings.HasSuffix(f.Vector, amplification) || f.Kind == "ddos_outbound" {
		return nil
	}
	is := f.Metrics.Sources >= botnetSources && spread.observed >= dispersed &&
		!(short && perSource.observed < perSource.expected) && alike.observed >= similar
	return &is
}
