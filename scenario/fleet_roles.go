// SPDX-License-Identifier: Apache-2.0

package scenario

// The roles of the fleet's devices.
const (
	roleWeb = iota
	roleApplication
	roleFile
	roleRecorder
	roleWorkstation
	roleIoT
	rolePrinter
	roleCamera
	roleGateway
	numRoles
)

// fleetRole is what devices of one kind have in common. Volumes are bytes of
// both directions in an hour at curve 1; spreads are standard deviations of the
// natural logarithm.
type fleetRole struct {
	name   string
	share  float64 // of the devices
	median float64 // bytes in a busy hour
	spread float64 // between devices
	in     float64 // share that the device receives of its own talk, about
	tail   float64 // Pareto index of flow sizes; 0 = a steady stream
	flows  float64 // connections begun in five busy minutes
	curve  *curve

	dayTogether float64 // spread of days that all devices of the role share
	dayAlone    float64 // spread of a device's own days
	hour        float64 // spread of its hours
	monday      float64 // factor from eight to ten on Mondays
	monthEnd    float64 // factor at month end, for those that keep the books
	books       float64 // share of the devices that do
	six         float64 // share with an IPv6 address
	moves       float64 // share that comes or goes within the run
}

// fleetRoles are put together to be hard on a baseline, within what networks of
// offices show: the heavier the role's days agree, the more alarms come at once.
func fleetRoles() [numRoles]fleetRole {
	work, shop := officeHours(), shopHours()
	return [numRoles]fleetRole{
		roleWeb: {
			name: "web server", share: 0.04, median: 3e9, spread: 1.2, in: 0.06, tail: 1.6, flows: 6, curve: shop,
			dayTogether: 0.18, dayAlone: 0.12, hour: 0.12, monday: 1, monthEnd: 1.3, books: 0.3, six: 0.25, moves: 0.05,
		},
		roleApplication: {
			name: "application server", share: 0.06, median: 2e9, spread: 1.2, in: 0.45, tail: 1.5, flows: 5, curve: blend(work, 0.75, 0.25),
			dayTogether: 0.15, dayAlone: 0.15, hour: 0.15, monday: 1.3, monthEnd: 2.5, books: 0.35, six: 0.25, moves: 0.1,
		},
		roleFile: {
			name: "file server", share: 0.02, median: 0.3e9, spread: 0.6, in: 0.5, tail: 1.5, flows: 2, curve: blend(work, 0.8, 0.2),
			dayTogether: 0.1, dayAlone: 0.2, hour: 0.2, monday: 1.2, monthEnd: 1.3, books: 1, six: 0.5,
		},
		roleRecorder: {
			name: "recorder", share: 0.01, median: 0.05e9, spread: 0.5, in: 0.3, tail: 1.5, flows: 1, curve: flat(1),
			dayTogether: 0.05, dayAlone: 0.1, hour: 0.2, monday: 1, monthEnd: 1,
		},
		roleWorkstation: {
			name: "workstation", share: 0.47, median: 0.4e9, spread: 0.9, in: 0.85, tail: 1.3, flows: 4, curve: work,
			dayTogether: 0.18, dayAlone: 0.35, hour: 0.3, monday: 1.6, monthEnd: 1.8, books: 0.1, six: 0.25, moves: 0.15,
		},
		roleIoT: {
			name: "IoT", share: 0.20, median: 4e6, spread: 1.3, in: 0.4, tail: 2, flows: 1.5, curve: flat(1),
			dayTogether: 0.05, dayAlone: 0.1, hour: 0.1, monday: 1, monthEnd: 1, six: 0.15, moves: 0.1,
		},
		rolePrinter: {
			name: "printer", share: 0.05, median: 50e6, spread: 0.8, in: 0.95, tail: 1.3, flows: 1.5, curve: work,
			dayTogether: 0.2, dayAlone: 0.4, hour: 0.5, monday: 1.2, monthEnd: 3, books: 0.6, moves: 0.05,
		},
		roleCamera: {
			name: "camera", share: 0.12, median: 0.9e9, spread: 0.4, in: 0.01, curve: blend(work, 0.3, 0.7),
			dayTogether: 0.06, dayAlone: 0.05, hour: 0.04, monday: 1, monthEnd: 1, moves: 0.05,
		},
		roleGateway: {
			name: "NAT gateway", share: 0.03, median: 10e9, spread: 0.8, in: 0.82, tail: 1.7, flows: 8, curve: blend(shop, 0.9, 0.1),
			dayTogether: 0.15, dayAlone: 0.15, hour: 0.12, monday: 1.2, monthEnd: 1, six: 0.2,
		},
	}
}

// blend is part of a curve on top of a floor.
func blend(c *curve, part, floor float64) *curve {
	out := &curve{}
	for h := range out.weekday {
		out.weekday[h] = part*c.weekday[h] + floor
		out.weekend[h] = part*c.weekend[h] + floor
	}
	return out
}

func flat(level float64) *curve { return blend(&curve{}, 0, level) }
