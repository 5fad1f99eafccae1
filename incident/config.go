// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"errors"
	"fmt"
	"time"

	"tidewatch/detect"
)

// Quiet holds, for each category, how long nothing abnormal must be seen before
// an incident counts as over. Raising one makes incidents end later and split
// less often.
type Quiet struct {
	DDoS           time.Duration `yaml:"ddos"`
	Exfiltration   time.Duration `yaml:"exfiltration"`
	CommandControl time.Duration `yaml:"command_and_control"`
	Reconnaissance time.Duration `yaml:"reconnaissance"`
	Anomaly        time.Duration `yaml:"baseline_anomaly"`
	Operational    time.Duration `yaml:"operational"`
}

// of returns the quiet time of a category.
func (q *Quiet) of(c detect.Category) time.Duration {
	switch c {
	case detect.DDoSAttack:
		return q.DDoS
	case detect.DataExfiltration:
		return q.Exfiltration
	case detect.CommandControl:
		return q.CommandControl
	case detect.Reconnaissance:
		return q.Reconnaissance
	case detect.BaselineAnomaly:
		return q.Anomaly
	case detect.Operational:
		return q.Operational
	}
	return q.Anomaly
}

// Config says how findings are folded.
type Config struct {
	QuietAfter    Quiet         `yaml:"quiet_after"`
	ReopenWithin  time.Duration `yaml:"reopen_within"`  // a resolved incident that comes back in this time goes on; raising it splits less
	ReopenAnomaly time.Duration `yaml:"reopen_anomaly"` // likewise for baseline anomalies and reconnaissance: a device that is odd, or scans, in the morning and at noon has one story a day
	ReopenTheft   time.Duration `yaml:"reopen_theft"`   // likewise for data exfiltration and command and control of the same kind to the same destination: who pauses for the night, over the weekend, or comes once a week
	FoldWithin    time.Duration `yaml:"fold_within"`    // an anomaly that begins at most this long before an attack, or after its end, belongs to it
	StoryWithin   time.Duration `yaml:"story_within"`   // for how long after the end of a scan or of calls for orders a later stage of the same device counts as their sequel: intruders stay unnoticed for a fortnight in the median (Mandiant M-Trends 2026; 11 days the year before), and twice that takes most of them; 0 is never
	UpdateEvery   time.Duration `yaml:"update_every"`   // an incident under way is written out at least this often
	UpdateGap     time.Duration `yaml:"update_gap"`     // growing peaks are noted at most this often; raising it makes timelines shorter
	MaxOpen       int           `yaml:"max_open"`       // incidents held at once, about 15 KiB each; what does not fit is counted in one overflow incident
	MaxTimeline   int           `yaml:"max_timeline"`   // entries of one timeline; the oldest updates give way
}

// DefaultConfig suits exporters with active timeouts of up to a minute. What an
// attack turned to is known that much later at the earliest, and slow requests must
// then gather, so that one which changes is not over for two minutes. A device that beacons or steals slowly pauses for an hour without having stopped.
func DefaultConfig() Config {
	return Config{
		QuietAfter: Quiet{
			DDoS: 2 * time.Minute, Exfiltration: time.Hour, CommandControl: 2 * time.Hour,
			Reconnaissance: 15 * time.Minute, Anomaly: 15 * time.Minute, Operational: 5 * time.Minute,
		},
		ReopenWithin:  5 * time.Minute,
		ReopenAnomaly: 12 * time.Hour,
		ReopenTheft:   7 * 24 * time.Hour,
		FoldWithin:    10 * time.Minute,
		StoryWithin:   30 * 24 * time.Hour,
		UpdateEvery:   time.Minute,
		UpdateGap:     5 * time.Second,
		MaxOpen:       10_000,
		MaxTimeline:   100,
	}
}

// reopenWithin is for how long after its end an incident of a category may go on at most.
func (c *Config) reopenWithin(of detect.Category) time.Duration {
	switch of {
	case detect.BaselineAnomaly, detect.Reconnaissance:
		return max(c.ReopenWithin, c.ReopenAnomaly)
	case detect.DataExfiltration, detect.CommandControl:
		return max(c.ReopenWithin, c.ReopenTheft)
	case detect.DDoSAttack, detect.Operational:
	}
	return c.ReopenWithin
}

// Validate reports the first value that makes no sense.
func (c *Config) Validate() error {
	q := &c.QuietAfter
	for _, d := range []struct {
		name string
		time.Duration
		least time.Duration
	}{
		{"quiet_after.ddos", q.DDoS, time.Second},
		{"quiet_after.exfiltration", q.Exfiltration, time.Second},
		{"quiet_after.command_and_control", q.CommandControl, time.Second},
		{"quiet_after.reconnaissance", q.Reconnaissance, time.Second},
		{"quiet_after.baseline_anomaly", q.Anomaly, time.Second},
		{"quiet_after.operational", q.Operational, time.Second},
		{"reopen_within", c.ReopenWithin, 0},
		{"reopen_anomaly", c.ReopenAnomaly, 0},
		{"reopen_theft", c.ReopenTheft, 0},
		{"fold_within", c.FoldWithin, 0},
		{"story_within", c.StoryWithin, 0},
		{"update_every", c.UpdateEvery, time.Second},
		{"update_gap", c.UpdateGap, 0},
	} {
		if d.Duration < d.least || d.Duration > 31*24*time.Hour {
			return fmt.Errorf("%s must lie between %v and 744h, not %v", d.name, d.least, d.Duration)
		}
	}
	if c.MaxOpen < 1 || c.MaxOpen > 1_000_000 {
		return fmt.Errorf("max_open must lie between 1 and 1000000, not %d", c.MaxOpen)
	}
	if c.MaxTimeline < 8 || c.MaxTimeline > 10_000 {
		return errors.New("max_timeline must lie between 8 and 10000")
	}
	return nil
}
