// SPDX-License-Identifier: Apache-2.0

package scenario

// curve is activity over the day: one value an hour, at the hour's begin, and
// straight lines between. Weekends have a curve of their own.
type curve struct {
	weekday, weekend [24]float64
}

func (c *curve) at(weekday int, hour float64) float64 {
	values := &c.weekday
	if weekday == 0 || weekday == 6 {
		values = &c.weekend
	}
	h := int(hour)
	part := hour - float64(h)
	return values[h]*(1-part) + values[(h+1)%24]*part
}

// officeHours: people from eight to six, a dip at lunch, a few at weekends, and
// at night what machines do by themselves.
func officeHours() *curve {
	return &curve{
		weekday: [24]float64{
			.03, .03, .03, .03, .03, .04, .10, .35, .80, 1, 1, .95,
			.58, .75, .95, .97, .90, .60, .25, .12, .07, .05, .04, .03,
		},
		weekend: [24]float64{
			.03, .03, .03, .03, .03, .03, .03, .03, .04, .06, .07, .07,
			.06, .06, .06, .06, .05, .05, .04, .04, .03, .03, .03, .03,
		},
	}
}

// shopHours: customers, fewest at four in the morning, most after supper.
func shopHours() *curve {
	c := &curve{weekday: [24]float64{
		.35, .20, .12, .08, .07, .10, .20, .35, .50, .60, .65, .70,
		.80, .72, .66, .66, .70, .76, .85, .95, 1, .95, .75, .55,
	}}
	for h, v := range c.weekday {
		c.weekend[h] = 0.8 * v
	}
	return c
}
