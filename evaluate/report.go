// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"tidewatch/detect"
)

// Report is the whole score.
type Report struct {
	Version  int       `json:"version"`
	Captures []Capture `json:"captures"`
	Classes  []Class   `json:"classes"`
	Quiet    Quiet     `json:"quiet"`

	Sheets []SheetScore `json:"sheets,omitempty"` // captures with labelled flows, or a log of events
	Series []Trial      `json:"series,omitempty"` // how well detectors did on labelled series
}

// NewReport returns one without captures.
func NewReport() *Report {
	r := &Report{Version: 1, Captures: []Capture{}}
	r.total()
	return r
}

// Class sums up the attacks of one class that were run.
type Class struct {
	Class           string  `json:"class"`
	Captures        int     `json:"captures"`
	Found           int     `json:"found"`
	VectorsExpected int     `json:"vectors_expected"` // of all captures that name a vector
	VectorsRight    int     `json:"vectors_right"`
	MedianSeconds   float64 `json:"median_seconds_to_detect"` // of those found
}

// Quiet sums up the normal captures that were run.
type Quiet struct {
	Captures      int                         `json:"captures"`
	Loud          int                         `json:"loud"` // with an incident above the label's limit
	DeviceWeeks   float64                     `json:"device_weeks"`
	Alerts        map[detect.Severity]int     `json:"alerts"`
	PerDeviceWeek map[detect.Severity]float64 `json:"alerts_per_device_week"`
}

func severities() [4]detect.Severity {
	return [4]detect.Severity{detect.Critical, detect.High, detect.Medium, detect.Low}
}

// total sums up the captures, classes in the order in which they first appear.
func (r *Report) total() {
	r.Classes = []Class{}
	r.Quiet = Quiet{Alerts: map[detect.Severity]int{}, PerDeviceWeek: map[detect.Severity]float64{}}
	seconds := map[string][]float64{}
	for i := range r.Captures {
		c := &r.Captures[i]
		switch {
		case !c.Ran:
		case c.Expect == ExpectAttack:
			at := slices.IndexFunc(r.Classes, func(k Class) bool { return k.Class == c.Class })
			if at < 0 {
				at = len(r.Classes)
				r.Classes = append(r.Classes, Class{Class: c.Class})
			}
			k := &r.Classes[at]
			k.Captures++
			if c.OK {
				k.Found++
				seconds[c.Class] = append(seconds[c.Class], c.SecondsToDetect)
			}
			if len(c.VectorExpected) > 0 {
				k.VectorsExpected++
				if c.VectorRight {
					k.VectorsRight++
				}
			}
		case c.Expect == ExpectQuiet:
			r.Quiet.add(c)
		}
	}
	for i := range r.Classes {
		r.Classes[i].MedianSeconds = median(seconds[r.Classes[i].Class])
	}
	for s, n := range r.Quiet.Alerts {
		if r.Quiet.DeviceWeeks > 0 {
			r.Quiet.PerDeviceWeek[s] = float64(n) / r.Quiet.DeviceWeeks
		}
	}
}

func (q *Quiet) add(c *Capture) {
	q.Captures++
	if !c.OK {
		q.Loud++
	}
	q.DeviceWeeks += c.DeviceWeeks
	for s, n := range c.Alerts {
		q.Alerts[s] += n
	}
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// WriteText writes the report as tables.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells ...string) { _, _ = fmt.Fprintln(t, strings.Join(cells, "\t")) } // Flush returns the error
	if len(r.Captures) > 0 {
		r.writeCaptures(line)
	}
	r.writeSheets(line)
	r.writeSeries(line)
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// writeCaptures writes every capture, then the sums.
func (r *Report) writeCaptures(line func(...string)) {
	line("capture", "class", "expected", "verdict", "seconds", "vector", "why")
	notRun := 0
	for i := range r.Captures {
		c := &r.Captures[i]
		if !c.Ran {
			notRun++
			continue
		}
		line(c.Path, c.Class, dash(c.Expect), c.verdict(), c.seconds(), c.vector(), c.Reason)
	}
	line()
	line("class", "captures", "found", "vector right", "median seconds")
	for i := range r.Classes {
		k := &r.Classes[i]
		line(k.Class, strconv.Itoa(k.Captures), strconv.Itoa(k.Found),
			fmt.Sprintf("%d of %d", k.VectorsRight, k.VectorsExpected), k.seconds())
	}
	line()
	line("normal traffic", fmt.Sprintf("captures: %d, device-weeks: %.4g, too loud: %d; not run of all: %d",
		r.Quiet.Captures, r.Quiet.DeviceWeeks, r.Quiet.Loud, notRun))
	for _, s := range severities() {
		line("  "+string(s), fmt.Sprintf("%d, %.4g a device-week", r.Quiet.Alerts[s], r.Quiet.PerDeviceWeek[s]))
	}
}

func dash(expect string) string {
	if expect == ExpectNone {
		return "-"
	}
	return expect
}

func (c *Capture) verdict() string {
	switch {
	case c.Expect == ExpectNone:
		return "-"
	case c.Expect == ExpectAttack && c.OK:
		return "found"
	case c.Expect == ExpectAttack:
		return "missed"
	case c.OK:
		return "quiet"
	}
	return "false alarm"
}

func (c *Capture) seconds() string {
	if c.Expect != ExpectAttack || !c.OK {
		return ""
	}
	return fmt.Sprintf("%.1f", c.SecondsToDetect)
}

func (k *Class) seconds() string {
	if k.Found == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", k.MedianSeconds)
}

func (c *Capture) vector() string {
	switch {
	case c.Vector == "":
		return ""
	case len(c.VectorExpected) > 0 && !c.VectorRight:
		return c.Vector + " (wrong)"
	}
	return c.Vector
}
