// SPDX-License-Identifier: Apache-2.0

package beacon

import (
	"tidewatch/flow"
	"tidewatch/window"
)

// weights are what else is known of a pair, for and against it. The first two are
// RITA's modifiers, by what flows can tell.
type weights struct {
	rare, many float64 // few or many devices use the destination
	fresh, old float64 // it is new to the device, or as old as all that is known of it
	port       float64 // no service known to live there
	service    float64 // a service that is asked by the clock, or kept open, by design

	devices, askers int
	age             float64 // seconds
	known           float64 // seconds for which the device is watched
}

// weigh adds to a score what speaks for a pair, and takes off what speaks against
// it. What takes long to find becomes a habit only in so many seconds.
func (d *Detector) weigh(w *window.Window, r *window.Pair, base, byDesign, habit float64) (score float64, x weights) {
	x.devices, x.askers = w.PairDevices(r), w.Askers()
	switch {
	case x.devices >= max(d.cfg.Many, 5) && 10*x.devices >= x.askers:
		x.many = -0.35
	case x.devices >= d.cfg.Many:
		x.many = -0.25
	case x.askers >= 10 && (x.devices == 1 || 50*x.devices <= x.askers):
		x.rare = 0.15 // of a handful of devices each has destinations of its own
	}
	// What happened before the pairs were followed is not known, after a restart too.
	since := max(w.PairOf(r).Since(), w.PairsSince())
	x.age, x.known = float64(w.Now-r.First()), float64(w.Now-since)
	known := d.cfg.Known.Seconds()
	switch before := float64(r.First() - since); {
	case before >= known && x.age < 7*86400: // RITA: news for a week
		x.fresh = 0.15
	case before < 86400 && x.age >= max(known, habit):
		x.old = -0.4
	case x.age >= 30*86400: // RITA: old from 30 days on
		x.old = -0.15
	}
	if !knownPort(r.Service()) {
		x.port = 0.15 // as much as RITA's modifiers
	}
	x.service = byDesign
	for _, v := range [...]float64{x.rare, x.many, x.fresh, x.old, x.port, x.service} {
		base += v
	}
	return max(min(base, 1), 0), x
}

func (x *weights) add(add func(name string, observed, expected float64, unit string, weight float64)) {
	one := func(when float64, name string, observed, expected float64, unit string) {
		if when != 0 {
			add(name, observed, expected, unit, when)
		}
	}
	one(x.rare, "destination_rare", float64(x.devices), float64(x.askers), "devices")
	one(x.many, "destination_shared", float64(x.devices), float64(x.askers), "devices")
	one(x.fresh, "destination_news", x.age, x.known, "s")
	one(x.old, "destination_habit", x.age, x.known, "s")
	one(x.port, "unknown_service", 1, 0, "")
	one(x.service, "periodic_service", 1, 0, "")
}

// beaconServices tells the services whose clients call by the clock: time, mail,
// push messages, and echo requests of monitoring. Names are asked for at all times.
func beaconServices(r *window.Pair) float64 {
	bytes, packets := r.Sent()
	switch proto, port := uint8(r.Service()>>16), r.Service()&0xffff; {
	case proto == flow.ProtoUDP && port == 123 && bytes <= 120*packets: // a request for the time has 76 to 96 bytes
		return -0.4
	case proto == flow.ProtoICMP || proto == flow.ProtoICMPv6:
		return -0.2
	case port == 53 || port == 853:
		return -0.2
	case mailOrPush(port):
		return -0.2
	}
	return 0
}

// openServices tells the services that live on connections kept open: mail and push
// messages, and virtual private networks.
func openServices(r *window.Pair) float64 {
	switch proto, port := uint8(r.Service()>>16), r.Service()&0xffff; {
	case proto == flow.ProtoGRE || proto == flow.ProtoESP || proto == flow.ProtoICMP || proto == flow.ProtoICMPv6:
		return -0.3
	case mailOrPush(port):
		return -0.3
	case port == 500 || port == 4500 || port == 1194 || port == 51820 || port == 1701 || port == 1723:
		return -0.3
	case proto == flow.ProtoUDP && port == 123:
		return -0.4
	}
	return 0
}

// mailOrPush tells the ports of POP3, IMAP and their TLS twins, XMPP, the push
// services of Apple and Google, and MQTT.
func mailOrPush(port uint32) bool {
	switch port {
	case 110, 143, 993, 995, 1883, 5222, 5223, 5228, 5229, 5230, 8883:
		return true
	}
	return false
}

// knownPort reports whether a service is known to live at a port: a system port
// (RFC 6335), or one of the databases, caches, remote desktops, proxies and queues
// that most networks have. Without ports there is nothing to know.
func knownPort(service uint32) bool {
	proto, port := uint8(service>>16), service&0xffff
	if proto != flow.ProtoTCP && proto != flow.ProtoUDP || port < 1024 || mailOrPush(port) {
		return true
	}
	switch port {
	case 1080, 1194, 1433, 1521, 1701, 1723, 1812, 1813, 2049, 2055, 3128, 3260, 3268, 3269, 3306, 3389, 3478,
		4500, 4739, 5060, 5061, 5432, 5671, 5672, 5900, 5938, 5985, 5986, 6343, 6379, 6443, 8000, 8008, 8009,
		8080, 8081, 8443, 8888, 9000, 9092, 9100, 9200, 9300, 9418, 9997, 10050, 10051, 11211, 27017, 51820:
		return true
	}
	return false
}
