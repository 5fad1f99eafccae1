// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"fmt"
	"strconv"
	"time"
)

// writeSheets writes what was said about labelled events.
func (r *Report) writeSheets(line func(...string)) {
	for i := range r.Sheets {
		s := &r.Sheets[i]
		line()
		line("labelled: "+s.Path, "class", "from", "verdict", "seconds", "said")
		for k := range s.Events {
			e := &s.Events[k]
			seconds := ""
			if e.Detected {
				seconds = fmt.Sprintf("%.1f", e.Seconds)
			}
			line(e.Name, e.Class, e.From.UTC().Format(time.RFC3339), e.verdict(), seconds, e.Said)
		}
		line()
		line("called", "as")
		for k := range s.Confusion {
			line(s.Confusion[k].Class, s.Confusion[k].Text())
		}
		line("benign devices", fmt.Sprintf("%d, device-weeks: %.4g; alerts beside: %d", s.BenignDevices, s.DeviceWeeks, s.Beside))
		for _, severity := range severities() {
			line("  "+string(severity), fmt.Sprintf("%d, %.4g a device-week", s.Alerts[severity], s.PerDeviceWeek[severity]))
		}
	}
}

func (e *EventScore) verdict() string {
	switch {
	case e.Expect == ExpectNone:
		return "-"
	case e.Expect == ExpectQuiet && e.Said == "":
		return "quiet"
	case e.Expect == ExpectQuiet:
		return "false alarm"
	case e.Right:
		return "found"
	case e.Detected:
		return "found as another kind"
	}
	return "missed"
}

// writeSeries writes how well detectors did on series.
func (r *Report) writeSeries(line func(...string)) {
	if len(r.Series) == 0 {
		return
	}
	line("detector", "tuned on half", "the other half", "all", "found", "false detections", "threshold")
	for i := range r.Series {
		t := &r.Series[i]
		line(t.Name, fmt.Sprintf("%.1f", t.Tuned.Score), fmt.Sprintf("%.1f", t.Rest.Score), fmt.Sprintf("%.1f", t.All.Score),
			fmt.Sprintf("%d of %d", t.All.Found, t.All.Windows), strconv.Itoa(t.All.False), fmt.Sprintf("%.4g", t.Tuned.Threshold))
	}
	for i := range r.Series {
		t := &r.Series[i]
		line()
		line(t.Name+": series", "half", "found", "false detections")
		for k := range t.Series {
			s := &t.Series[k]
			half := "other"
			if s.Tuned {
				half = "tuned"
			}
			line(s.Path, half, fmt.Sprintf("%d of %d", s.Found, s.Windows), strconv.Itoa(s.False))
		}
	}
}
