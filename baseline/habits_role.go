// SPDX-License-Identifier: Apache-2.0

package baseline

// thingKnows is how many peers and services a device may ever have met and still
// be taken for a thing.
const thingKnows = 16

// Role is what a device seems to be.
type Role uint8

// The roles.
const (
	UnknownRole Role = iota
	Server
	Workstation
	Thing   // few peers, by itself: a camera, a printer, a sensor
	Gateway // many devices behind one address, a proxy or a resolver
)

// String names the role.
func (r Role) String() string {
	return [...]string{"unknown", "server", "workstation", "thing", "gateway"}[r]
}

// Role guesses what the device is and says why in a sentence.
func (h *Habits) Role() (r Role, reason string) {
	ofDay, _ := h.hours.span()
	switch {
	case h.days < 3:
		return UnknownRole, "it is known for less than three days"
	case h.answered > h.asked:
		return Server, "more of its traffic answers others than asks them"
	case ofDay >= 22 && h.circle >= 22:
		return Gateway, "it asks more than twenty peers an hour, day and night"
	case h.circle <= 4 && h.met.count() <= thingKnows:
		return Thing, "it asks few peers, and always the same"
	case h.asked == 0:
		return UnknownRole, "its ports tell neither client nor server"
	}
	return Workstation, "it asks many peers, and answers few"
}
