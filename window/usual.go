// SPDX-License-Identifier: Apache-2.0

package window

// youth is for how many seconds from when a device is watched on its rates are
// taken as usual, whatever they are: what goes on when the collector starts did so
// before.
const youth = 120

// usual is a rate that is followed slowly: what comes is compared with it. It
// doubles or halves in an hour at most, so that a site's morning takes it along and
// an attack does not soon become usual. Where there was nothing it takes an hour to
// reach a floor.
type usual float32

const (
	usualStep  = 0.002 // of itself in ten seconds: doubles in 58 minutes
	usualFloor = 360   // ten-second steps from nothing to the floor
)

// follow takes what ten seconds had.
func (u *usual) follow(x, floor float32, young bool) {
	if young {
		*u = max(*u, usual(x))
		return
	}
	step := max(usualStep*float32(*u), floor/usualFloor)
	*u += usual(min(max(x-float32(*u), -step), step))
}

// New reports that what is usual for the device is not known yet at second now.
func (h *Host) New(now int64) bool { return now < h.watched+youth }
